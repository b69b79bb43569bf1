"""Kinds of findings by their numbers in YOLO files and masks."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.data.marks.annotated import WrongMarkError, kind_of

LEFT_OUT = "-"
LONGEST = 1 << 20
_BACKGROUND = frozenset(("background", "__background__", "_background_", "__ignore__", "ignore"))
_FULL = 255  # the number of a mask of black and white


@dataclass(frozen=True)
class Kinds:
    """Names of numbers; "-" for a number that is no finding.

    Attributes:
        yolo: from 0.
        mask: by the numbers in masks.
    """

    yolo: tuple[str, ...] = ()
    mask: Mapping[int, str] | None = None

    def of_yolo(self, number: int) -> str:
        """The kind of a number in a YOLO file; "" is the image's class, "-" leaves it out.

        Raises:
            WrongMarkError: the number has no name.
        """
        if not self.yolo and number == 0:
            return ""
        if not 0 <= number < len(self.yolo):
            raise WrongMarkError("unknown-kind")
        return self.yolo[number]

    def of_mask(self, numbers: Iterable[int]) -> dict[int, str]:
        """Number -> kind, of the numbers in a mask but 0; "" is the image's class.

        Without names, or with one alone, a mask of one number needs none: 1 and 255 are usual.

        Raises:
            WrongMarkError: a number has no name.
        """
        wanted = sorted(set(numbers) - {0})
        names = self.mask or {}
        if len(wanted) == 1 and not names:
            return {wanted[0]: ""}
        if wanted == [_FULL] and _FULL not in names and len(names) == 1:
            return {_FULL: next(iter(names.values()))}
        if any(number not in names for number in wanted):
            raise WrongMarkError("unknown-kind")
        return {number: names[number] for number in wanted}


def kinds_of_list(names: Iterable[str]) -> Kinds:
    """Kinds by names in their order: 0 in YOLO files, and 1 in masks, is the first.

    Where the first is the background, it is 0 in masks.
    """
    kinds = tuple(_kind(name) for name in names)
    first = 0 if kinds and kinds[0] == LEFT_OUT and _is_background(next(iter(names))) else 1
    return Kinds(kinds, dict(enumerate(kinds, first)))


def parse_names(name: str, content: bytes) -> Kinds:
    """The kinds that classes.txt, data.yaml, dataset.json or the like give.

    Args:
        name: of the file, which says how it is written.
        content: its bytes.

    Raises:
        WrongMarkError: it cannot be read as that.
    """
    try:
        text = content.decode("utf-8-sig")
        if name.lower().endswith(".json"):
            return _of_dataset(json.loads(text)["labels"])
        if name.lower().endswith((".yaml", ".yml")):
            return kinds_of_list(_of_yaml(text))
        return kinds_of_list([line for line in text.splitlines() if line.strip()])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError):
        raise WrongMarkError("unreadable") from None


def _of_yaml(text: str) -> list[str]:
    """The key `names`: a list, or numbers from 0 with their names."""
    names = yaml.safe_load(text)["names"]
    if isinstance(names, dict):
        names = [names[number] for number in range(len(names))]
    if all(isinstance(one, str | int) for one in names):
        return [str(one) for one in names]
    raise TypeError(names)


def _of_dataset(labels: Mapping[str, Any]) -> Kinds:
    """nnU-Net's: name -> number, or in its first version number -> name; regions are lists."""
    pairs = [
        (int(left), str(right)) if left.isdigit() else (int(right), left)
        for left, right in labels.items()
        if not isinstance(right, list)
    ]
    return Kinds((), {number: _kind(name) for number, name in pairs if number})


def _kind(name: str) -> str:
    return LEFT_OUT if name.strip() == LEFT_OUT or _is_background(name) else kind_of(name)


def _is_background(name: str) -> bool:
    return name.strip().lower() in _BACKGROUND
