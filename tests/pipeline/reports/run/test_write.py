"""What the report is made of."""

from pipeline.reports.facts import TaskFacts
from pipeline.reports.run.write import _task


def test_what_an_earlier_version_measured_besides_is_passed_over() -> None:
    kept = {"outcome": "done", "started": 5.0, "seconds": 612.0, "joules": 36_000.0, "tries": 2}
    assert _task("train", kept) == TaskFacts(name="train", outcome="done", seconds=612.0, tries=2)


def test_a_task_that_left_nothing_was_not_run() -> None:
    assert _task("train", {}) == TaskFacts(name="train", outcome="not run")
