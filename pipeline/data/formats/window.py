"""Map a scanner's values to grey levels.

Eight bits are what radiologists are shown and enough for a generator of at most 256 px: a window of
400 HU then has steps of 1.6 HU, a fraction of the noise of any CT.
"""

from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOW, _HIGH = 0.5, 99.5


@dataclass(frozen=True)
class Window:
    """The values that become black (`low`) and white (`high`), in `unit`."""

    low: float
    high: float
    unit: str = ""

    @classmethod
    def preset(cls, name: tuple[float, float], unit: str) -> "Window":
        """From centre and width, as radiologists give it."""
        centre, width = name
        return cls(centre - width / 2, centre + width / 2, unit)

    @classmethod
    def from_percentiles(cls, values: NDArray[Any]) -> "Window":
        """Between two percentiles, for values of unknown meaning."""
        low, high = (float(one) for one in np.percentile(values, (_LOW, _HIGH)))
        # Beside a great number 1e-6 is nothing, and nothing can be divided by a width of 0.
        return cls(low, max(high, low + 1e-6, nextafter(low, inf)))

    @property
    def words(self) -> str:
        """As `-160..240 HU`."""
        return f"{self.low:g}..{self.high:g} {self.unit}".strip()

    def apply(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Values [H, W] as grey levels, linear between low and high."""
        scaled = (values.astype(np.float32) - self.low) * (255.0 / (self.high - self.low))
        grey: NDArray[np.uint8] = np.round(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8)
        return grey
