"""The results that the tasks of a DAG run leave in its folder."""

from pathlib import Path

import pytest

from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import NothingNewError
from pipeline.base.project import Project


def test_a_task_leaves_what_it_did_and_how_long_it_took(tmp_path: Path) -> None:
    run = DagRunFolder(tmp_path)
    with run.recorded("train") as facts:
        facts["images"] = 3
    found = run.result("train")
    assert set(found) == {"task", "images", "outcome", "started", "seconds", "tries"}
    assert (found["outcome"], found["images"], found["tries"]) == ("done", 3, 1)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NothingNewError("as before"), "skipped"),
        (ValueError("as before"), "failed"),
        (KeyboardInterrupt(), "ended from outside"),
    ],
)
def test_a_task_that_does_not_end_well_leaves_why(
    tmp_path: Path, error: BaseException, outcome: str
) -> None:
    run = DagRunFolder(tmp_path)
    with pytest.raises(type(error)), run.recorded("train"):
        raise error
    assert run.result("train")["outcome"] == outcome


def test_a_run_id_of_the_scheduler_is_a_folder(project: Project) -> None:
    folder = DagRunFolder.of(project, "scheduled__2026-01-01T00:00:00+00:00").folder
    assert folder == project.runs / "scheduled__2026-01-01T00-00-00-00-00"
    assert DagRunFolder(folder).result("train") == {}
