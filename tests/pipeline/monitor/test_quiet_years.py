"""False alarms of quiet years, and what each planted change raises, by the monitor's own functions.

Images are rows with patients and features; nothing is trained and nothing is drawn.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.manifest import Row
from pipeline.evaluation.drift import Shift
from pipeline.evaluation.revision_drift import Sides, shifts
from pipeline.monitor.alarms import find_alarms, follow
from pipeline.monitor.config import MonitorConfig
from pipeline.monitor.landed import Landed, drift_of
from pipeline.monitor.record import Alarm, ChampionState, ClassDrift

LABELS = ("cyst", "normal", "stone", "tumor")
WEEKS, PATIENTS, SLICES = 52, 12, 3
CONFIG = MonitorConfig()
Values = NDArray[np.float64]


class World:
    """Patients who come by and by, with features and grey levels of their images.

    Args:
        seed: of a year.
        each_week: patients a week and class, at most.
    """

    def __init__(self, seed: int, each_week: int = 2) -> None:
        self.rng = np.random.default_rng(seed)
        self.each_week = each_week
        self.rows: list[Row] = []
        self.features: dict[str, Values] = {}
        self.means: dict[str, float] = {}
        for label in LABELS:
            for _ in range(PATIENTS):
                self.arrive(label)
        self.before = frozenset(self.features)

    def arrive(self, label: str, shift: float = 0.0) -> None:
        """One patient of a class; images of a patient are alike."""
        patient = f"patient-{len(self.rows):06d}"
        centre, grey = self.rng.normal(shift, 1, 8), self.rng.normal(100, 8)
        for _ in range(SLICES):
            id_ = f"{len(self.rows):064x}"
            self.rows.append(Row(id_, "s", "f", "b", label, patient, "train", "axial", 64, 64, 8))
            self.features[id_] = centre + self.rng.normal(0, 0.2, 8)
            self.means[id_] = grey + self.rng.normal(0, 1)

    def week(self, shift: Mapping[str, float]) -> list[ClassDrift]:
        """A week's arrivals, and what a run of the monitor measures then."""
        for label in LABELS:
            for _ in range(self.rng.integers(0, self.each_week + 1)):
                self.arrive(label, shift.get(label, 0.0))
        return drift_of(Landed(tuple(self.rows), self.before), CONFIG, self.measure)

    def measure(
        self, sides: Sequence[Sides], level: float, permutations: int
    ) -> Mapping[tuple[str, str], Shift]:
        ids = [row.id for one in sides for row in one.chosen]
        features = np.array([self.features[id_] for id_ in ids])
        means = np.array([self.means[id_] for id_ in ids])
        return shifts(sides, features, means, level, permutations)


def raised(world: World, weeks: int) -> int:
    """How often an alarm went on in so many weekly runs."""
    on: list[Alarm] = []
    count = 0
    for week in range(weeks):
        changed = follow(find_alarms(CONFIG, drift=world.week({})), on, f"week {week}")
        known = {one.key for one in on}
        count += sum(one.key not in known for one in changed.on)
        on = changed.on
    return count


def test_a_quiet_year_raises_no_more_alarms_than_it_may() -> None:
    """At most half an alarm a year is expected; two years raise two or more in one of four."""
    assert raised(World(0), WEEKS) + raised(World(1), WEEKS) <= 1


def test_the_tests_of_a_year_share_its_false_alarms() -> None:
    for classes in (1, 4, 9):
        tests = CONFIG.runs_per_year * classes * 2
        assert CONFIG.drift_level(classes) * tests == pytest.approx(CONFIG.drift_false_alarms)
        assert CONFIG.drift_permutations(classes) * CONFIG.drift_level(classes) >= 4.8


@pytest.mark.parametrize("label", ["stone", "tumor"])
def test_a_planted_drift_raises_its_alarm_in_one_run(label: str) -> None:
    world = World(3)
    world.week({})
    assert not find_alarms(CONFIG, drift=world.week({}))
    for _ in range(10):
        world.arrive(label, 3.0)
    found = find_alarms(CONFIG, drift=world.week({}))
    assert [one.key for one in found] == [f"drift:{label}"]
    assert "kernel distance" in found[0].says


def test_a_test_that_could_never_raise_an_alarm_says_so() -> None:
    """Few groups have too few permutations for the level, though enough for a report's floor."""
    world = World(4)
    cysts = world.rows[: SLICES * PATIENTS]
    few = Landed(tuple(cysts), frozenset(row.id for row in cysts[: SLICES * 10]))
    (found,) = drift_of(few, CONFIG, world.measure)
    assert found.why_not == "too few images: 6 added; 20 are needed"
    for _ in range(7):
        world.arrive("cyst")
    three = [*world.rows[-SLICES * 7 :], *cysts[: SLICES * 7]]
    split = Landed(tuple(three), frozenset(row.id for row in three[: SLICES * 7]))
    assert drift_of(split, CONFIG, world.measure)[0].why_not == ""
    strict = MonitorConfig(drift_false_alarms=0.02)
    (found,) = drift_of(split, strict, world.measure)
    assert found.why_not == "too few groups: their permutations cannot be as rare as 0.0002"


def test_a_stale_champion_raises_its_alarm_in_one_run_and_once() -> None:
    start, on, told = datetime(2026, 1, 1, tzinfo=UTC), list[Alarm](), 0
    for week in range(40):
        days = (start + timedelta(weeks=week) - start).days
        state = ChampionState(version=1, since=start.isoformat(), days=float(days))
        changed = follow(find_alarms(CONFIG, champion=state), on, f"week {week}")
        on = [one.model_copy(update={"told": True}) for one in changed.on]
        told += len(changed.untold)
        assert bool(on) == (days > CONFIG.max_champion_age_days)
    assert told == 1
    young = ChampionState(version=2, since=start.isoformat(), days=0.0)
    changed = follow(find_alarms(CONFIG, champion=young), on, "later")
    assert (changed.on, [one.key for one in changed.cleared]) == ([], ["age"])
