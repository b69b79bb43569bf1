"""`medloom bench scale` at tiny sizes: what is copied, and what each part asks."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale.copies import copying
from bench.scale.history import commands, history_project
from bench.scale.in_airflow import in_airflow
from bench.scale.in_mlflow import in_mlflow
from bench.scale.measure import PARTS, measure_scale
from bench.scale.row import ScaleRow, Sizes
from bench.scale.table import scale_markdown, scale_table
from pipeline.base.errors import BadInputError
from tests.support.terminals import shown_at_80

TINY = Sizes(images=1000, versions=6, revisions=4, projects=2, runs=3, rounds=1)


def silent(_: str) -> None:
    """Report no progress."""


def told(rows: list[ScaleRow], question: str) -> list[str]:
    """What came out of a question, each time it was asked."""
    found = [row for row in rows if row.question == question]
    assert found, [row.question for row in rows]
    return [row.told for row in found]


def test_copies_are_the_rows_with_their_changes(tmp_path: Path) -> None:
    database = tmp_path / "one.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE runs (id TEXT PRIMARY KEY, model TEXT, note TEXT)")
        connection.executemany(
            "INSERT INTO runs VALUES (?, ?, ?)", [("first", "m", "kept"), ("other", "m", "no")]
        )
    with copying(database, 2, 3) as copies:
        change = {"id": "printf('run-%d', n.i)", "model": "printf('m-%d', n.project)"}
        assert copies.copy("runs", "id = 'first'", change, "n.run < 2") == 2 + 4
        copies.set("runs", "note = 'changed'", "id = 'other'")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT * FROM runs ORDER BY id").fetchall() == [
            ("first", "m", "kept"),
            ("other", "m", "changed"),
            *((f"run-{i}", f"m-{i // 3}", "kept") for i in (0, 1, 3, 4)),
        ]


def test_commands_of_a_history_and_its_registry(tmp_path: Path) -> None:
    project = history_project(tmp_path)
    rows = list(commands(TINY, project, silent))
    assert {row.data for row in rows} == {"simulated"}
    assert all(row.seconds for row in rows if row.question != "its ledger")
    (one,), (ten,) = told(rows, "medloom status"), told(rows, "medloom status of one of them")
    assert one == ten
    assert told(rows, "find a patient's images, to withdraw them") == ["1000 images"]
    assert told(rows, "medloom task plan") == ["a run"]
    assert told(rows, "medloom audit trace") == ["version 1"]
    file = project.state / "mlflow" / "mlflow.db"
    file.parent.mkdir()
    rows = list(in_mlflow(TINY, replace(project, mlflow_uri=f"sqlite:///{file}"), silent))
    assert [row.data for row in rows] == ["real"] * 5 + ["simulated"] * 6
    assert told(rows, "MLflow: all versions") == ["1 versions", "3 versions"]
    assert told(rows, "MLflow: find a version by weights") == ["1", "3"]
    assert told(rows, "MLflow: tags of a version") == ["22 tags"] * 2
    assert "6 versions, 132 tags of them" in told(rows, "MLflow's database")[0]


def test_airflow_with_copied_runs(tmp_path: Path) -> None:
    rows = list(in_airflow(TINY, tmp_path, silent))
    parsed = rows[0]
    assert (parsed.question, parsed.size) == ("parse the DAG file (CPU)", "2 projects, 8 DAGs")
    assert told(rows, "Airflow: last runs of a DAG") == ["1 runs", "4 runs"]
    assert told(rows, "Airflow: tasks of a run")[0] == told(rows, "Airflow: tasks of a run")[1]
    assert told(rows, "Airflow: result of a task") == ["3", "3", "3"]
    assert told(rows, "Airflow: whether a DAG is busy") == ["True", "False"]
    assert "14 runs" in told(rows, "Airflow's database")[0]  # 2 DAGs x 2 projects x 3, and 2
    (left,) = told(rows, "airflow db clean, the older half")
    assert int(left.split()[0]) < 14


def test_the_table_says_what_is_simulated() -> None:
    row = ScaleRow(question="Airflow: what the scheduler asks in a pass", data="simulated",
                   size="50 projects x 1000 runs", seconds=(0.0123, 0.2, 34.0),
                   told="100002 runs, 500010 tasks, 450009 results")  # fmt: skip
    size = row.model_copy(update={"seconds": (), "question": "Airflow's database"})
    shown_at_80(scale_table([row, size]), "simulated")
    head, rule, first, second = scale_markdown([row, size]).splitlines()
    assert head.count("|") == rule.count("|") == first.count("|") == second.count("|")
    assert "| simulated | 0.2 | 0.012 to 34 |" in first
    assert "| simulated |  |  |" in second


def test_unknown_parts_and_impossible_sizes_are_told() -> None:
    with pytest.raises(BadInputError, match=f"no part mlflow; known: {', '.join(PARTS)}"):
        next(measure_scale(TINY, ["mlflow"], silent))
    with pytest.raises(BadInputError, match="not one for each of 4 revisions"):
        next(measure_scale(replace(TINY, images=3), [], silent))
