"""What may be wrong with an image, in the words that people choose from.

The same words are for generated and for real images: who judges need not know which it is.
"""

from collections.abc import Iterable, Mapping

LOOKS_COPIED = "looks-copied"
WRONG_CLASS = "wrong-class"
FLAWS: Mapping[str, str] = {
    "artefact": "a pattern that no scanner makes",
    "impossible-anatomy": "an organ that is missing, doubled or misplaced",
    WRONG_CLASS: "it shows another class than it is said to show",
    LOOKS_COPIED: "it looks like an image of a patient",
    "too-noisy": "more noise, or more blur, than real images have",
    "burnt-in-text": "letters, numbers or marks are drawn into it",
    "other-organ": "it shows another part of the body",
    "other": "something else, told in the note",
}
"""Of a generated image."""
FLAWS_OF_ALL: Mapping[str, str] = {
    name: says for name, says in FLAWS.items() if name != LOOKS_COPIED
}
"""Of any image, real or generated."""


def flaw_in_words(flaw: str) -> str:
    """Such as: burnt in text."""
    return flaw.replace("-", " ")


def flaws_in_words(flaws: Iterable[str]) -> str:
    """Such as: burnt in text, other."""
    return ", ".join(map(flaw_in_words, flaws))
