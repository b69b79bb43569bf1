"""A run's report is made of what its tasks told and of the ledger, on any host."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.base.project import Project
from pipeline.flow import steps
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.reports.run.task_results import read_results
from pipeline.reports.run.write import write_report
from tests.support.pictures import fill, put


def written(project: Project, to: Path, *results: dict[str, Any]) -> dict[str, Any]:
    page = write_report(project, read_results(json.dumps(results)), to)
    assert page.parent == to
    return dict(json.loads((to / "model-card.json").read_text()))


def test_a_run_that_ended_at_its_plan_is_told_from_an_empty_state(
    project: Project, tmp_path: Path
) -> None:
    fill(project.landing, groups=3, each=2)
    put(project.landing / "cyst" / "broken.png", b"no picture")
    report = steps.ingest(project)
    counts = {name: getattr(report, name) for name in ("seen", "ingested", "duplicate")}
    ingest = {"task": "ingest", "outcome": "done", "seconds": 2.0, "quarantined": 1, **counts}
    plan = {"task": "plan", "outcome": "failed", "why": "no disk", "tries": 4}
    elsewhere = replace(project, state=tmp_path / "empty", cache=tmp_path / "empty" / "cache")
    card = written(elsewhere, tmp_path / "page", ingest | {"reasons": {"damaged": 1}}, plan)
    assert card["ingest"]["arrived"] == report.seen
    assert card["ingest"]["reasons"] == {"damaged": 1}
    assert card["failure"] == {"task": "plan", "message": "no disk"}
    assert sum(row["images"] for row in card["splits"]) == report.new
    groups = [row["groups"] for row in card["splits"]]
    assert sum(groups) == sum(sum(splits.values()) for splits in report.groups.values())
    (refused,) = card["quarantine"]
    assert refused["kind"] == "cyst .png"
    outcomes = {task["name"]: (task["outcome"], task["tries"]) for task in card["tasks"]}
    assert (outcomes["plan"], outcomes["train"]) == (("failed", 4), ("not run", 1))


def test_the_quarantine_is_that_of_the_runs_own_data(project: Project, tmp_path: Path) -> None:
    fill(project.landing, groups=3, each=1)
    steps.ingest(project)
    first = Ledger(project).head(DATA)
    put(project.landing / "cyst" / "broken.png", b"no picture")
    fill(project.landing, groups=4, each=1)
    steps.ingest(project)
    plan = {"task": "plan", "outcome": "done", "data": first}
    assert written(project, tmp_path / "first", plan)["quarantine"] == []
    assert len(written(project, tmp_path / "now")["quarantine"]) == 1


def test_a_project_without_a_ledger_gets_a_page_too(project: Project, tmp_path: Path) -> None:
    card = written(replace(project, model="medloom-kidney"), tmp_path / "page")
    assert (card["title"], card["quarantine"], card["splits"]) == ("kidney", None, [])
