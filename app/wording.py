"""Words that every page shows, and errors as words."""

import re

SYNTHETIC = (
    "Every image here was computed by a network. None shows a person. They can look right and be "
    "wrong: use them for research and development, never for diagnosis. **About** says what they "
    "are fit for."
)
REAL = (
    "This page can show images that were taken of people. Each look at one is kept for good: who, "
    "which image, when and why. Copy none of them, and never write a patient's name."
)
MIXED = (
    "This page shows real images beside synthetic ones and does not say which is which. Real ones "
    "may be of patients: do not copy, photograph or pass them on. Each look is recorded."
)
COMPARED = (
    "Images here were computed by a network, except one at a time that you may ask for, which says "
    "REAL: it was taken of a person, and each look is kept for good: who, which image, when and "
    "why. Computed ones can look right and be wrong: never use them for diagnosis."
)
SHOWN = {
    "synthetic": ("SYNTHETIC", SYNTHETIC),
    "compared": ("SYNTHETIC", COMPARED),
    "real": ("REAL IMAGES", REAL),
    "mixed": ("REAL AND SYNTHETIC", MIXED),
}
"""The badge and the words of a page, by the kind of images that it can show."""
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_PATH = re.compile(r"(?<![\w:/.])~?(?:/[^\s/:,;'\"()\[\]]+)+/?")


def without_paths(text: str) -> str:
    """A message without the folders of this machine: of each path, the last part stays."""
    return _PATH.sub(lambda found: found[0].rstrip("/").rsplit("/", 1)[-1], text)


def plain(text: str) -> str:
    """What somebody typed, as text of a page: no link, no picture from elsewhere, no formatting."""
    return _PUNCTUATION.sub(r"\\\1", text).replace("\n", " ")
