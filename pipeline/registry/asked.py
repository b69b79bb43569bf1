"""The findings that images are asked for: how many, of which kind, how large."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from pipeline.base.errors import BadInputError

_SIZE = re.compile(r"(?P<low>\d+(\.\d+)?)( *- *(?P<high>\d+(\.\d+)?))? *(?P<unit>px|mm)")


class Size(NamedTuple):
    """Least and largest diameter of a finding (of the circle of its area), and their unit.

    Attributes:
        low, high: in the unit.
        unit: px, pixels of the image; or mm, for a generator that knows its millimetres.
    """

    low: float
    high: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "3-6px", "2.5-4mm" or "4px".

        Raises:
            BadInputError: it is not such a size, or the first number is larger than the second.
        """
        found = _SIZE.fullmatch(text.strip())
        low = float(found["low"]) if found else 0.0
        high = float(found["high"] or low) if found else 0.0
        if found is None or not 0 < low <= high:
            raise BadInputError(
                f"the size {text!r} cannot be read; give a diameter or a range in pixels or in "
                "millimetres, such as 4px, 3-6px or 2.5-4mm"
            )
        return cls(low, high, found["unit"])

    def __str__(self) -> str:
        span = f"{self.low:g}" if self.low == self.high else f"{self.low:g}-{self.high:g}"
        return f"{span}{self.unit}"

    def pixels(self, mm: float, side: int) -> tuple[float, float]:
        """Least and largest diameter in pixels.

        Args:
            mm: millimetres to the image's side; 0: not known.
            side: pixels to the image's side.

        Raises:
            BadInputError: the size is in millimetres, which the generator does not know.
        """
        if self.unit == "px":
            return self.low, self.high
        if not mm:
            raise BadInputError(
                f"the size {self} is in millimetres, but the training images did not say how large "
                f"they are; give pixels, of which an image has {side} to a side, such as 3-6px"
            )
        return self.low * side / mm, self.high * side / mm


@dataclass(frozen=True)
class Asked:
    """The findings that each image is asked for.

    Attributes:
        findings: how many, and no others; None: as in the training images of its class.
        kind: of the findings; "": the kind that the class is about.
        size: of a finding; None: as in the training images.
    """

    findings: int | None = None
    kind: str = ""
    size: Size | None = None

    @property
    def nothing(self) -> bool:
        """Whether all is as in the training images."""
        return self == Asked()

    @property
    def facts(self) -> dict[str, Any]:
        """What is asked for, for the records beside the images."""
        facts = {"findings": self.findings, "kind": self.kind or None}
        facts["size"] = str(self.size) if self.size else None
        return {name: value for name, value in facts.items() if value is not None}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `facts` was made of."""
        size = facts.get("size")
        return cls(facts.get("findings"), facts.get("kind", ""), Size.parse(size) if size else None)


NOTHING_ASKED = Asked()
