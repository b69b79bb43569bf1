"""How tables of `medloom bench` write a figure with its interval."""

from typing import Protocol


class Ranged(Protocol):
    """A figure with the ends of its interval; None: not known."""

    @property
    def value(self) -> float:
        """The figure."""

    @property
    def low(self) -> float | None:
        """Lower end."""

    @property
    def high(self) -> float | None:
        """Upper end."""


def with_interval(one: Ranged, digits: int = 3) -> str:
    """Such as "0.813 [0.790, 0.836]"; the value alone where no interval is known."""
    if one.low is None or one.high is None:
        return f"{one.value:.{digits}f}"
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"
