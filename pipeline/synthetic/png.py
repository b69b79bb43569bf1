"""Generated images as PNG with text chunks that say so, and the sidecar file beside each.

A generator trained on its own output loses the tails of its training distribution, so ingest
refuses marked images. The chunk's name follows the DICOM attribute Synthetic Data (0008,001C). A
converter may drop the chunk, so a generated image also has a sidecar file beside it.
"""

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

MARK_KEY = "SyntheticData"
MARK_VALUE = "YES"
SYNTHETIC_MARK = {MARK_KEY: MARK_VALUE, "Software": "medloom"}
FACTS_KEY = "medloom"
SIDECAR_SUFFIX = ".synthetic.json"  # <image file name>.synthetic.json


def is_marked(text: Mapping[Any, Any]) -> bool:
    """Whether an image's text chunks say that it is synthetic."""
    return str(text.get(MARK_KEY, "")).strip().upper() == MARK_VALUE


def png_bytes(image: NDArray[np.uint8], facts: Mapping[str, Any]) -> bytes:
    """A PNG that says it is synthetic.

    Args:
        image: uint8 [H, W].
        facts: what the image was drawn from, as JSON has it.
    """
    marks = PngInfo()
    for key, value in {**SYNTHETIC_MARK, FACTS_KEY: json.dumps(facts)}.items():
        marks.add_text(key, value)
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", pnginfo=marks)
    return stream.getvalue()


def sidecar_text(facts: Mapping[str, Any]) -> str:
    """The content of the file beside an image."""
    return json.dumps({"synthetic": True, **facts}, indent=2) + "\n"
