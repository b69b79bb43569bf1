"""NPZ in the layout of MedMNIST: `<split>_images` [N, H, W] or [N, H, W, 3] and `<split>_labels`.

Its own split into train, val and test is ignored: the published splits of such sets are by image,
and medloom splits by group. Labels are integers; `ingest.npz_classes` names them. A file in a class
folder needs no such names.
"""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.config import IngestConfig
from pipeline.data.formats.decoded import Decoded
from pipeline.data.refusal import Refused

_SUFFIX = "_images.npy"


def decode(data: bytes, config: IngestConfig) -> Iterator[Decoded | Refused]:
    """Every image of every split, in the file's order; see `formats.decode`."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Refused("corrupt", f"the content is not a zip ({type(error).__name__})") from error
    stacks = [name for name in names if name.endswith(_SUFFIX)]
    if not stacks:
        raise Refused(
            "not-an-image",
            "an NPZ without an array `<split>_images`; allowed is the layout of MedMNIST",
        )
    with archive:
        for name in stacks:
            images = _array(archive, name, config)
            if images.dtype != np.uint8 or images.ndim not in (3, 4):
                raise Refused(
                    "unsupported-depth",
                    f"an array of {images.dtype.name} with {images.ndim} axes; allowed is uint8 "
                    "[N, H, W] or [N, H, W, 3]",
                )
            if images.ndim == 4 and images.shape[3] not in (1, 3):
                raise Refused("unsupported-format", f"images of {images.shape[3]} channels")
            labels = _labels(archive, name.removesuffix(_SUFFIX), len(images), config)
            for pixels, label in zip(images, labels, strict=True):
                yield Decoded(_grey(pixels), label=label)


def _labels(archive: zipfile.ZipFile, split: str, count: int, config: IngestConfig) -> list[str]:
    name = f"{split}_labels.npy"
    if not count or name not in archive.namelist() or not config.npz_classes:
        return [""] * count
    numbers = _array(archive, name, config)
    if numbers.size != count or numbers.dtype.kind not in "ui":
        raise Refused(
            "unsupported-format",
            f"an array of labels {'x'.join(map(str, numbers.shape))} of {numbers.dtype.name} for "
            f"{count} images; allowed is one whole number per image",
        )
    known = config.npz_classes
    for number in (int(numbers.min()), int(numbers.max())):
        if not 0 <= number < len(known):
            raise Refused(
                "unknown-class",
                f"label {number}; ingest.npz_classes names 0 to {len(known) - 1}",
            )
    return [known[int(number)] for number in numbers.ravel()]


def _array(archive: zipfile.ZipFile, name: str, config: IngestConfig) -> NDArray[Any]:
    """One array; its header gives its size before anything is unpacked."""
    try:
        with archive.open(name) as stream:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(stream)
            size = _size(shape, dtype, config)
            content = stream.read(size)
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    except Refused:
        raise
    except Exception as error:
        raise Refused("corrupt", f"an array cannot be read ({type(error).__name__})") from error


def _size(shape: tuple[int, ...], dtype: np.dtype[Any], config: IngestConfig) -> int:
    if dtype.hasobject:
        raise Refused("corrupt", "an array of Python objects, which are never loaded")
    size = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
    if size > config.max_bytes:
        raise Refused("too-large", f"an array of {size} bytes; allowed are {config.max_bytes}")
    return size


def _grey(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))
