"""Read text in pixels: whether there is any, how sure that is, and where.

What the text says is dropped here: it may be a patient's name. The networks are PP-OCRv4's
(PaddleOCR, Apache-2.0), as the package rapidocr ships them for onnxruntime: one finds text, one
reads it. RapidOCR's own code around them is not imported: it needs OpenCV and twice the time to
start, and fetches models that it does not find. Its rules are kept: thresholds, margins, sizes.

A process loads the networks once, when it first reads, as most CT images never need them. They run
on one thread, since several processes read images. Other processors round differently, in the sixth
digit.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.data.formats import Pixels
from pipeline.data.reading.burnt_in import Place
from pipeline.data.refusal import Refused

_MODELS = {
    "ch_PP-OCRv4_det_mobile.onnx": (
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9"
    ),
    "ch_PP-OCRv4_rec_mobile.onnx": (
        "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b"
    ),
}
_SHORT, _LONG = 736, 1280
"""Pixels to which a short side is enlarged, and a long side is reduced, to look for text."""
_LETTER, _MOST_SCALE = 24.0, 4.0
"""Height in pixels to which letters of a known height are brought, and the most enlargement."""
_MANY = 8
"""Places beyond which it is quicker to read the whole image."""
_TEXT, _SURE, _LEAST = 0.3, 0.5, 3
"""Least probability of a pixel of text, least mean of a text's pixels, and its least side."""
_GROW = 1.6
"""The network shrinks texts: each side of a box moves out by this times its area over perimeter."""
_LINE, _LENGTH = 48, 320
"""Height to which a line is brought for reading, and the least width, filled up with grey."""


@dataclass(frozen=True)
class Reading:
    """Text that was read.

    Attributes:
        confidence: mean of its characters, 0 to 1.
        letters: number of letters and digits.
        left, top, right, bottom: its place, in pixels of the image.
    """

    confidence: float
    letters: int
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class _Networks:
    finder: Any
    reader: Any
    characters: Sequence[str]
    """Class 0 is no character."""


def read_places(pixels: Pixels, places: Sequence[Place]) -> list[Reading]:
    """Texts in and around some places of an image, which is ten times as fast as all of it.

    Args:
        pixels: uint8 or uint16 [H, W], 0 black.
        places: where strokes look like letters, and how high these are.

    Raises:
        BadInputError, Refused: as `read_text`.
    """
    if len(places) > _MANY:
        return read_text(pixels)
    found = []
    for place in places:
        across, along = round(1.5 * place.letter), round(4 * place.letter)
        top, left = max(place.top - across, 0), max(place.left - along, 0)
        part = pixels[top : place.bottom + across, left : place.right + along]
        found += [_moved(one, left, top) for one in read_text(part, place.letter)]
    return found


def read_text(pixels: Pixels, letter: float = 0.0) -> list[Reading]:
    """Texts of at least one letter or digit.

    Args:
        pixels: uint8 or uint16 [H, W], 0 black.
        letter: height of the letters in pixels, where it is known; else 0.

    Raises:
        BadInputError: the networks cannot be loaded.
        Refused: burnt-in, when they fail on this image: nobody knows what it shows.
    """
    networks = _networks()
    try:
        grey = _eight_bits(pixels)
        boxes = list(_boxes(networks, grey, _scale(grey.shape, letter)))
        readings = [_read(networks, grey, box) for box in boxes]
    except MemoryError:
        raise
    except Exception as error:  # onnxruntime's errors have no common class
        raise Refused(
            "burnt-in",
            f"the text reader failed on this image ({type(error).__name__}), so nobody knows "
            "whether it shows text. Look at it, and release or reject it",
        ) from error
    return [reading for reading in readings if reading.letters]


def _scale(shape: tuple[int, ...], letter: float) -> float:
    wanted = _LETTER / letter if letter else max(_SHORT / min(shape), 1)
    return min(wanted, _MOST_SCALE, _LONG / max(shape))


def _boxes(
    networks: _Networks, grey: NDArray[np.uint8], scale: float
) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of every text."""
    from scipy import ndimage

    height, width = (max(round(side * scale), 1) for side in grey.shape)
    # The network halves its input five times.
    filled = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    filled[:height, :width] = _resized(grey, width, height)
    text = _run(networks.finder, filled)[0, 0, :height, :width]
    shapes, count = ndimage.label(
        ndimage.binary_dilation(text > _TEXT, np.ones((2, 2))), np.ones((3, 3))
    )
    means = np.atleast_1d(ndimage.mean(text, shapes, range(1, count + 1)))
    for mean, (rows, columns) in zip(means, ndimage.find_objects(shapes), strict=True):
        tall, wide = rows.stop - rows.start, columns.stop - columns.start
        if mean < _SURE or min(tall, wide) < _LEAST:
            continue
        grow = _GROW * tall * wide / (2 * (tall + wide))
        left, top = (max(int((side.start - grow) / scale), 0) for side in (columns, rows))
        right, bottom = (round((side.stop + grow) / scale) for side in (columns, rows))
        yield left, top, min(right, grey.shape[1]), min(bottom, grey.shape[0])


def _read(networks: _Networks, grey: NDArray[np.uint8], box: tuple[int, int, int, int]) -> Reading:
    left, top, right, bottom = box
    line = grey[top:bottom, left:right]
    upright = line.shape[0] < 1.5 * line.shape[1]
    turns = (0,) if upright else (1, -1)  # text along a side goes up or down
    confidence, letters = max(_recognised(networks, np.rot90(line, turn)) for turn in turns)
    return Reading(confidence, letters, left, top, right, bottom)


def _recognised(networks: _Networks, line: NDArray[np.uint8]) -> tuple[float, int]:
    """Confidence and number of letters of one line of text."""
    width = max(round(_LINE * line.shape[1] / line.shape[0]), 1)
    filled = np.full((_LINE, max(width, _LENGTH)), 127.5, np.float32)
    filled[:, :width] = _resized(line, width, _LINE)
    chances = _run(networks.reader, filled)[0]  # [steps, characters]
    best = chances.argmax(1)
    # A character may last several steps; twice the same has no character between.
    kept = np.flatnonzero((best != 0) & (np.diff(best, prepend=0) != 0))
    confidence = float(chances[kept, best[kept]].mean()) if kept.size else 0.0
    return confidence, sum(networks.characters[number].isalnum() for number in best[kept])


def _run(session: Any, grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first output for one image [H, W] of 0 to 255."""
    image = np.broadcast_to(grey / 127.5 - 1, (1, 3, *grey.shape))
    result: NDArray[np.float32] = session.run(
        None, {session.get_inputs()[0].name: np.ascontiguousarray(image, np.float32)}
    )[0]
    return result


def _resized(grey: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if grey.shape == (height, width):
        return grey
    image = Image.fromarray(np.ascontiguousarray(grey))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def _eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return (pixels * (255 / max(int(pixels.max()), 1))).astype(np.uint8)


def _moved(reading: Reading, left: int, top: int) -> Reading:
    return replace(
        reading,
        left=reading.left + left,
        top=reading.top + top,
        right=reading.right + left,
        bottom=reading.bottom + top,
    )


@cache
def _networks() -> _Networks:
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.enable_cpu_mem_arena = False  # it would keep the most that any image needed
        finder, reader = (
            onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            for data in map(_model, _MODELS)
        )
        characters = reader.get_modelmeta().custom_metadata_map["character"].splitlines()
    except Exception as error:  # whatever an incomplete installation raises
        raise BadInputError(
            f"text in images cannot be read: {type(error).__name__}: {error}. Install what "
            "requirements.lock names (`make install`), or set ingest.burnt_in_confidence: 0 in "
            "params.yaml, which looks for strokes alone and misses short text"
        ) from error
    return _Networks(finder, reader, ["", *characters, " "])


def _model(name: str) -> bytes:
    """A network's file, found without importing rapidocr."""
    found = find_spec("rapidocr")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the package rapidocr, which ships the models, is not installed")
    data = (Path(found.submodule_search_locations[0]) / "models" / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != _MODELS[name]:
        raise ValueError(f"{name} of the package rapidocr is another model than was tested")
    return data
