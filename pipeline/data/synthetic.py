"""The mark on images that medloom made, so that they never come back as training input.

A generator trained on its own output loses the tails of what it learned from. The mark is a PNG
text chunk; the name follows the DICOM attribute Synthetic Data (0008,001C). A converter may drop
the chunk, so a generated image also comes with a sidecar file beside it.
"""

from collections.abc import Mapping
from typing import Any

MARK_KEY = "SyntheticData"
MARK_VALUE = "YES"
SYNTHETIC_MARK = {MARK_KEY: MARK_VALUE, "Software": "medloom"}
SIDECAR_SUFFIX = ".synthetic.json"  # <image file name>.synthetic.json


def is_marked(text: Mapping[Any, Any]) -> bool:
    """Whether an image's text chunks say that it is synthetic."""
    return str(text.get(MARK_KEY, "")).strip().upper() == MARK_VALUE
