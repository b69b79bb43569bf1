"""Mark generated images, so that they are never ingested as training data.

A generator trained on its own output loses the tails of its training distribution. The mark is a
PNG text chunk; the name follows the DICOM attribute Synthetic Data (0008,001C). A converter may
drop the chunk, so a generated image also has a sidecar file beside it.
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
