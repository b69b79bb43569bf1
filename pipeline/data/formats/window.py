"""From a scanner's numbers to grey levels.

Eight bits, because that is what a reader was shown and what a generator of at most 256 px is
taught: a window of 400 HU has steps of 1.6 HU then, a fraction of the noise of any CT.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOW, _HIGH = 0.5, 99.5


@dataclass(frozen=True)
class Window:
    """What becomes black (`low`) and white (`high`), in `unit`."""

    low: float
    high: float
    unit: str = ""

    @classmethod
    def preset(cls, name: tuple[float, float], unit: str) -> "Window":
        """By centre and width, as radiologists name it."""
        centre, width = name
        return cls(centre - width / 2, centre + width / 2, unit)

    @classmethod
    def of(cls, values: NDArray[Any]) -> "Window":
        """Between two percentiles, where nothing says what the numbers mean."""
        low, high = np.percentile(values, (_LOW, _HIGH))
        return cls(float(low), float(max(high, low + 1e-6)))

    @property
    def words(self) -> str:
        """As `-160..240 HU`."""
        return f"{self.low:g}..{self.high:g} {self.unit}".strip()

    def apply(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Values [H, W] as grey levels, linear between low and high."""
        scaled = (values.astype(np.float32) - self.low) * (255.0 / (self.high - self.low))
        grey: NDArray[np.uint8] = np.round(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8)
        return grey
