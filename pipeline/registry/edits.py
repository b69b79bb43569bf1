"""Edits of images in the space W of a generator with styles: towards a class, or along SeFa's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipeline.base.errors import BadInputError


@dataclass(frozen=True)
class Edit:
    """How images are moved in W; see `model.editing.edit`.

    Attributes:
        amount: how far; 0: not at all. 1 is from the mean of a class to that of another, or one
            deviation along a direction of SeFa.
        towards: class or mixture to which images are moved; "": along `direction`.
        direction: number of a direction of SeFa, from 0, strongest first; None: towards a class.
    """

    amount: float
    towards: str = ""
    direction: int | None = None

    @classmethod
    def parse(cls, amount: float, towards: str, direction: int | None) -> Self:
        """The edit that options ask for.

        Raises:
            BadInputError: both a class and a direction are given, or none of both.
        """
        if bool(towards) == (direction is not None):
            raise BadInputError(
                "an edit goes towards a class or along a direction; give one of both, such as "
                "--towards stone or --direction 3"
            )
        return cls(amount, towards, direction)

    @property
    def moves_findings(self) -> bool:
        """Whether findings fade on the way, from those of the one class to those of the other."""
        return bool(self.towards)

    @property
    def in_words(self) -> str:
        """For names of files, such as towards-stone-0.5 or direction-3-0.5."""
        what = (
            f"towards-{self.towards.replace('*', 'x')}"
            if self.towards
            else f"direction-{self.direction}"
        )
        return f"{what}-{self.amount:g}"

    @property
    def facts(self) -> dict[str, Any]:
        """What was done, for the records beside the images."""
        where = {"towards": self.towards} if self.towards else {"direction": self.direction}
        return {**where, "amount": self.amount}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any] | None) -> Self | None:
        """What `facts` was made of; None: no edit."""
        if not facts:
            return None
        direction = facts.get("direction")
        number = None if direction is None else int(direction)
        return cls.parse(float(facts["amount"]), str(facts.get("towards", "")), number)
