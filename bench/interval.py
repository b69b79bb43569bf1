"""How tables of `medloom bench` write a figure with its interval."""

from model.utility.record import Estimate
from pipeline.evaluation.record import Figure


def with_interval(one: Estimate | Figure, digits: int = 3) -> str:
    """Such as "0.813 [0.790, 0.836]"; the value alone where no interval is known."""
    if one.low is None or one.high is None:
        return f"{one.value:.{digits}f}"
    return with_ends(one.value, one.low, one.high, digits)


def with_ends(value: float, low: float, high: float, digits: int) -> str:
    """Such as "0.813 [0.790, 0.836]"."""
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
