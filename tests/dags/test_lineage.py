"""What tasks read and wrote: by the mapping, and in the events of a real run of a DAG."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from medloom_airflow.lineage import Dataset, touched
from pipeline.cli.task import task_app

DAGS = Path(__file__).resolve().parents[2] / "dags"
TOLD = {"outcome": "done", "model": "medloom-kidney"}
DATA, KEY = "3f0c9a12" * 5, "00aa11bb22cc33dd"


def names(datasets: tuple[Dataset, ...]) -> dict[str, str]:
    return {one.name: one.version for one in datasets}


@pytest.mark.parametrize(
    ("task", "facts", "arguments", "reads", "writes"),
    [
        ("ingest", {"data": DATA}, [], {"landing": ""}, {"data": DATA}),
        ("ingest", {"data": None}, [], {"landing": ""}, {}),
        (
            "plan",
            {"data": DATA, "code": "c0de", "key": KEY},
            ["--start=params"],
            {"data": DATA, "code": "c0de"},
            {"run": KEY},
        ),
        (
            "preprocess",
            {"data": DATA, "key": KEY},
            ["--key", KEY],
            {"data": DATA, "run": KEY},
            {"arrays": KEY},
        ),
        (
            "register",
            {"key": KEY, "version": 4},
            ["--key", KEY],
            {"weights": KEY, "evaluation": KEY},
            {"version": "4"},
        ),
        (
            "promote",
            {"version": 4, "record": 9, "action": "promoted"},
            ["--key", KEY, "--no-require-approval"],
            {"version": "4", "evaluation": KEY},
            {"decision": "9"},
        ),
        (
            "announce",
            {"version": 4},
            ["--record", "9"],
            {"version": "4", "decision": "9"},
            {"champion": "4"},
        ),
        ("report", {"key": KEY}, ["--results", "[]"], {"evaluation": KEY}, {"report": KEY}),
        ("report", {"key": None}, ["--results", "[]"], {}, {}),
    ],
)
def test_things_are_named_by_kind_and_revision(
    task: str,
    facts: dict[str, Any],
    arguments: list[str],
    reads: dict[str, str],
    writes: dict[str, str],
) -> None:
    found = touched({"task": task, **TOLD, **facts}, arguments)
    assert found is not None
    assert found.model == "medloom-kidney"
    assert (names(found.reads), names(found.writes)) == (reads, writes)


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_a_task_that_is_not_done_has_read_and_not_written(outcome: str) -> None:
    why = "cannot read /landing/stone/Smith^John.dcm"
    told = {"task": "approve", **TOLD, "outcome": outcome, "why": why, "record": 9}
    asked = ["--version", "4", "--by=Smith", "--reason=--record=9 because of Smith"]
    found = touched(told, asked)
    assert found is not None
    assert (names(found.reads), found.writes) == ({"version": "4"}, ())
    assert "Smith" not in str(found)


def test_nothing_is_told_of_a_command_that_was_killed_or_that_nobody_knows() -> None:
    assert touched({}, []) is None
    assert touched({"task": "train", "outcome": "failed", "why": "kil"}, ["--key", KEY]) is None
    assert touched({"task": "watch", **TOLD}, []) is None


def test_every_task_with_things_is_known() -> None:
    commands = {command.name for command in task_app.registered_commands}
    facts = {"data": DATA, "code": "c", "key": KEY, "version": 1, "record": 2}
    known = {name for name in commands if touched({"task": name, **TOLD, **facts}, [])}
    assert commands - known == {"watch", "notify"}, "a new task needs a line in lineage.py"


COMMAND = """
import json, sys
task = sys.argv[2]
told = {"task": task, "model": "medloom-kidney"}
if task == "monitor":
    print(json.dumps(told | {"outcome": "done", "record": 3, "version": 2}))
else:
    why = "cannot read /landing/stone/Smith^John.dcm"
    print(json.dumps(told | {"outcome": "failed", "why": why}))
    sys.exit(65)
"""
RUN = """
import sys
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
DagBag(dag_folder=sys.argv[1]).dags["monitor_generator"].test()
"""


@pytest.mark.skipif(
    find_spec("openlineage") is None,
    reason="Airflow's provider of OpenLineage is not installed: `pip install medloom[openlineage]`",
)
@pytest.mark.parametrize("on", [True, False])
def test_a_real_run_writes_events_if_it_is_told_where_and_none_names_a_file(
    tmp_path: Path, *, on: bool
) -> None:
    command, events = tmp_path / "command.py", tmp_path / "events.jsonl"
    command.write_text(COMMAND)
    transport = {"type": "file", "log_file_path": str(events), "append": True}
    env = {
        "PYTHONPATH": str(DAGS), "PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "MEDLOOM_COMMAND": f"{sys.executable} {command}",
    }  # fmt: skip
    if on:
        env["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(DAGS)],
        env=env, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Smith^John.dcm" in done.stdout, "the log says why"
    if not on:
        assert not events.exists()
        return
    told = [json.loads(line) for line in events.read_text().splitlines()]
    ended = {one["job"]["name"]: one for one in told if one["eventType"] != "START"}
    monitor, alarm = ended["monitor_generator.monitor"], ended["monitor_generator.alarm"]
    assert (monitor["eventType"], alarm["eventType"]) == ("COMPLETE", "FAIL")
    assert versions(monitor["inputs"]) == {"landing": "", "champion": "2"}
    assert versions(monitor["outputs"]) == versions(alarm["inputs"]) == {"monitoring": "3"}
    assert alarm["outputs"] == []
    assert "exit code 65" in alarm["run"]["facets"]["errorMessage"]["message"]
    assert "Smith" not in events.read_text()
    assert "landing/" not in events.read_text()


def versions(datasets: list[dict[str, Any]]) -> dict[str, str]:
    assert {one["namespace"] for one in datasets} == {"medloom://medloom-kidney"}
    return {
        one["name"]: one["facets"].get("version", {}).get("datasetVersion", "") for one in datasets
    }


def test_the_documentation_has_the_same_table() -> None:
    facts = {"data": DATA, "code": "c", "key": KEY, "version": 1, "record": 2}
    text = (DAGS.parent / "docs" / "monitoring.md").read_text()
    table = text.split("| task | reads | writes |\n|---|---|---|\n")[1].split("\n\n")[0]
    for line in table.splitlines():
        tasks, *kinds = (
            [word for word in cell.strip().split(", ") if word]
            for cell in line.strip("|").split("|")
        )
        for task in tasks:
            found = touched({"task": task, **TOLD, **facts}, [])
            assert found is not None
            assert [list(names(found.reads)), list(names(found.writes))] == kinds, task
