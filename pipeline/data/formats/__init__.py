"""Decode source formats behind one interface: bytes in, greyscale images out.

To add a format, write a module with a `decode(data, config)` like the one here and add a line to
`_MODULES`. Modules are imported on first use, as most commands never read an image.
"""

from collections.abc import Iterator
from importlib import import_module

from pipeline.data.config import IngestConfig
from pipeline.data.formats.decoded import Decoded, Pixels
from pipeline.data.formats.sniff import SNIFF_BYTES, sniff
from pipeline.data.refusal import Refused

__all__ = ["ALLOWED", "SNIFF_BYTES", "Decoded", "Pixels", "decode", "sniff"]

_MODULES = {
    "PNG": "raster", "JPEG": "raster", "TIFF": "tiff", "BMP": "raster", "DICOM": "dicom",
    "NIfTI": "nifti", "NPZ": "npz",
}  # fmt: skip
ALLOWED = ", ".join(_MODULES) + ", and zip and tar archives of those"


def decode(data: bytes, config: IngestConfig) -> Iterator[Decoded | Refused]:
    """Decode a whole file: its image, or each of its frames or slices in their order.

    A frame that cannot be used is yielded as its refusal; the others are still yielded.

    Raises:
        Refused: empty, not an image, a format that is not supported, damaged, more pixels than
            allowed, or an unsupported depth. It may be raised after some frames; these are void
            then.
    """
    if not data:
        raise Refused("empty", "the file has no bytes")
    name = sniff(data[:SNIFF_BYTES])
    if name in _MODULES:
        yield from import_module(f"{__name__}.{_MODULES[name]}").decode(data, config)
        return
    if name == "GIF":
        from pipeline.data.formats.raster import is_animated_gif

        name = "an animated GIF" if is_animated_gif(data) else "a GIF"
    elif name in ("text", "unknown data"):
        raise Refused("not-an-image", f"the content is {name}; allowed are {ALLOWED}")
    raise Refused("unsupported-format", f"the content is {name}; allowed are {ALLOWED}")
