"""Energy of the processors, where the kernel shows its counters (RAPL, mostly to root alone)."""

import time
from pathlib import Path

COUNTERS = Path("/sys/class/powercap")
MOST_WATTS = 500.0
"""More than a processor package draws: until its counter could have wrapped twice."""


class EnergyMeter:
    """Reads the packages' counters at its making, and again when asked.

    The whole machine is counted, whatever else ran on it.
    """

    def __init__(self, counters: Path = COUNTERS) -> None:
        self._packages = sorted(counters.glob("intel-rapl:[0-9]*"))
        self._packages = [package for package in self._packages if package.name.count(":") == 1]
        self._before = self._read("energy_uj")
        self._started = time.monotonic()

    def joules(self) -> float | None:
        """Since the making; None where nothing can be read, or a counter may have wrapped twice."""
        now, most = self._read("energy_uj"), self._read("max_energy_range_uj")
        if self._before is None or now is None or most is None:
            return None
        if time.monotonic() - self._started > min(most) / 1e6 / MOST_WATTS:
            return None
        spans = zip(self._before, now, most, strict=True)
        return sum((after - before) % (span + 1) for before, after, span in spans) / 1e6

    def _read(self, name: str) -> list[int] | None:
        try:
            return [int((package / name).read_text()) for package in self._packages] or None
        except (OSError, ValueError):
            return None
