from pathlib import Path

import pytest

from pipeline.base import energy
from pipeline.base.energy import EnergyMeter


def _counters(folder: Path, micro_joules: int) -> None:
    for name, value in (("intel-rapl:0", micro_joules), ("intel-rapl:0:0", 5)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "energy_uj").write_text(f"{value}\n")
        (folder / name / "max_energy_range_uj").write_text("999999999999\n")


def test_packages_are_counted_once_and_a_counter_may_wrap(tmp_path: Path) -> None:
    _counters(tmp_path, 999_999_000_000)
    meter = EnergyMeter(tmp_path)
    _counters(tmp_path, 2_000_000)
    assert meter.joules() == pytest.approx(3.0)


def test_nothing_is_said_without_counters_or_after_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert EnergyMeter(tmp_path / "none").joules() is None
    _counters(tmp_path, 0)
    meter = EnergyMeter(tmp_path)
    monkeypatch.setattr(energy, "MOST_WATTS", 1e18)
    assert meter.joules() is None
