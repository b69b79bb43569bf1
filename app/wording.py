"""Words that every page shows, and errors as words."""

import re

SYNTHETIC = (
    "Every image here was computed by a network. None shows a person. They can look right and be "
    "wrong: use them for research and development, never for diagnosis. **About** says what they "
    "are fit for."
)
_PATH = re.compile(r"(?<![\w:/.])~?(?:/[^\s/:,;'\"()\[\]]+)+/?")


def without_paths(text: str) -> str:
    """A message without the folders of this machine: of each path, the last part stays."""
    return _PATH.sub(lambda found: found[0].rstrip("/").rsplit("/", 1)[-1], text)
