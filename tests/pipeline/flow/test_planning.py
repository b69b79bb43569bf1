"""The retraining policy: when arriving images are worth a training."""

import pytest

from pipeline.base.errors import NothingNewError
from pipeline.base.project import Project
from pipeline.data.branch import begin_data
from pipeline.data.landing.index import PendingFiles
from pipeline.flow.planning import RetrainConfig, landing_is_ready, make_plan
from pipeline.ledger.ledger import Ledger

CONFIG = RetrainConfig(min_new_images=10, quiet_minutes=5.0, max_wait_hours=24.0)
NOW = 1_000_000.0


def pending(count: int, oldest: float, newest: float) -> PendingFiles:
    """Ages in minutes."""
    return PendingFiles(count, NOW - oldest * 60, NOW - newest * 60)


def test_enough_images_that_settled_go() -> None:
    assert "quiet" in landing_is_ready(pending(10, oldest=60, newest=6), CONFIG, NOW)


@pytest.mark.parametrize(
    ("waiting", "why"),
    [
        (PendingFiles(0, None, None), "no new files"),
        (pending(9, oldest=60, newest=30), "9 of 10"),
        (pending(10, oldest=60, newest=4), "still arriving"),
    ],
)
def test_otherwise_it_waits_and_says_what_for(waiting: PendingFiles, why: str) -> None:
    with pytest.raises(NothingNewError, match=why):
        landing_is_ready(waiting, CONFIG, NOW)


def test_nothing_waits_longer_than_the_limit() -> None:
    landing_is_ready(pending(1, oldest=25 * 60, newest=1), CONFIG, NOW)


def test_files_from_a_time_to_come_do_not_wait_for_it() -> None:
    year = 365 * 24 * 60.0
    came = landing_is_ready(pending(10, oldest=-year, newest=-year), CONFIG, NOW)
    assert "was the clock of this host wrong?" in came
    with pytest.raises(NothingNewError, match="still arriving"):  # clocks of hosts differ a little
        landing_is_ready(pending(10, oldest=60, newest=-1), CONFIG, NOW)


def test_a_project_without_images_plans_nothing(project: Project) -> None:
    ledger = Ledger(project)
    with pytest.raises(NothingNewError, match="no images were ingested yet"):
        make_plan(ledger, CONFIG, asked_by_person=False)
    # The schedule may come while the first ingest has begun a data revision, still empty.
    begin_data(ledger, phantom=True)
    with pytest.raises(NothingNewError, match="no images were ingested yet"):
        make_plan(ledger, CONFIG, asked_by_person=True)
