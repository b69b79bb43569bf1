"""Words that every page shows, and errors as words."""

import re

SYNTHETIC = (
    "Every image here was computed by a network. None shows a person. They can look right and be "
    "wrong: use them for research and development, never for diagnosis. **About** says what they "
    "are fit for."
)
MIXED = (
    "This page shows real images beside synthetic ones and does not say which is which. Real ones "
    "may be of patients: do not copy, photograph or pass them on. Each look is recorded."
)
_PATH = re.compile(r"(?<![\w:/.])~?(?:/[^\s/:,;'\"()\[\]]+)+/?")


def without_paths(text: str) -> str:
    """A message without the folders of this machine: of each path, the last part stays."""
    return _PATH.sub(lambda found: found[0].rstrip("/").rsplit("/", 1)[-1], text)
