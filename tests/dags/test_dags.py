"""The DAGs: they load nothing heavy, serialise, are wired as the README says, and stay thin."""

import ast
import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"

PARSE = """
import sys
import airflow, airflow.sdk, airflow.sdk.exceptions
import airflow.providers.standard.hooks.subprocess
import airflow.providers.standard.operators.hitl, croniter, yaml
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, BaseNotifier, BaseOperator
from airflow.sdk import CronTriggerTimetable, Param, TriggerRule, get_parsing_context
before = set(sys.modules)
import medloom_dags
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - sys.stdlib_module_names))
"""


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


def run(code: str, home: Path) -> list[str]:
    """Airflow reads its configuration on import, so it runs in a process of its own."""
    env = {
        "PYTHONPATH": str(DAGS),
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS), "PATH": "/usr/bin:/bin",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split("\n")


def test_parsing_loads_airflow_and_our_own_files_alone(airflow_home: Path) -> None:
    loaded = set(run(PARSE, airflow_home)[-2].split())
    assert loaded - {"airflow"} <= {"medloom_airflow", "medloom_dags"}


DESCRIBE = """
import json
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag()
facts = {"errors": bag.import_errors}
for name, dag in bag.dags.items():
    DagSerialization.to_dict(dag)
    facts[name] = {
        "order": {t.task_id: sorted(t.downstream_task_ids) for t in dag.tasks},
        "runs": dag.max_active_runs,
        "pool": {t.task_id: t.pool for t in dag.tasks},
        "teardown": [t.task_id for t in dag.tasks if t.is_teardown],
        "outlets": {t.task_id: [o.name for o in t.outlets] for t in dag.tasks if t.outlets},
        "rules": {t.task_id: str(t.trigger_rule.value) for t in dag.tasks},
        "params": dag.params.dump(),
        "tells": type(dag.on_failure_callback).__name__,
        "schedule": type(dag.timetable).__name__,
    }
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def facts(airflow_home: Path) -> dict[str, Any]:
    return dict(json.loads(run(DESCRIBE, airflow_home)[-2]))


def test_every_dag_imports_and_serialises(facts: dict[str, Any]) -> None:
    assert facts["errors"] == {}
    dags = {"retrain_generator", "watch_landing", "promote_generator", "monitor_generator"}
    assert set(facts) == {"errors", *dags}


def test_the_road_is_one_line_with_a_report_at_its_end(facts: dict[str, Any]) -> None:
    dag = facts["retrain_generator"]
    road = ["ingest", "plan", "preprocess", "train", "evaluate", "register", "promote", "announce"]
    road.append("report")
    assert dag["order"] == {a: [b] for a, b in pairwise(road)} | {"report": []}
    assert dag["teardown"] == ["report"]


def test_one_retraining_and_one_training_at_a_time(facts: dict[str, Any]) -> None:
    dag = facts["retrain_generator"]
    assert dag["runs"] == 1
    assert dag["pool"]["train"] == "medloom_train"
    assert dag["schedule"] == "AssetOrTimeSchedule"


def test_the_watcher_emits_the_landing_event(facts: dict[str, Any]) -> None:
    assert facts["watch_landing"]["outlets"] == {"watch": ["medloom-landing"]}


def test_a_task_that_may_be_skipped_says_that_the_champion_changed(facts: dict[str, Any]) -> None:
    for dag in ("retrain_generator", "promote_generator"):
        assert facts[dag]["outlets"] == {"announce": ["medloom-champion"]}


def test_a_person_may_be_asked_for(facts: dict[str, Any]) -> None:
    assert facts["retrain_generator"]["params"] == {
        "require_approval": False,
        "start": "params",
    }
    assert facts["promote_generator"]["params"] == {"version": "", "reason": ""}


def test_a_rejection_is_declined_and_nothing_is_announced(facts: dict[str, Any]) -> None:
    dag = facts["promote_generator"]
    assert dag["order"] == {
        "challenger": ["approval"],
        "approval": ["approve"],  # a rejection skips what is directly below
        "approve": ["announce", "decline"],
        "announce": [],
        "decline": [],
    }
    assert dag["rules"]["decline"] == "all_skipped"
    assert dag["rules"]["announce"] == "all_success"


def test_an_alarm_is_an_event_and_no_failure(facts: dict[str, Any]) -> None:
    dag = facts["monitor_generator"]
    assert dag["order"] == {"monitor": ["alarm"], "alarm": []}
    assert dag["outlets"] == {"alarm": ["medloom-alarm"]}
    assert (dag["runs"], dag["schedule"]) == (1, "CronTriggerTimetable")


def test_every_failed_run_is_notified(facts: dict[str, Any]) -> None:
    told = {dag["tells"] for name, dag in facts.items() if name != "errors"}
    assert told == {"RunFailedNotifier"}


FIRST_RUN = """
import json
import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction
stored = DagSerialization.to_dict(DagBag().dags["retrain_generator"])
# As the scheduler sees it: out of the database, through JSON.
dag = DagSerialization.from_dict(json.loads(json.dumps(stored)))
trigger.utcnow = lambda: pendulum.datetime(2026, 11, 23, 3, 4, tz="UTC")  # a Monday, just after
when = TimeRestriction(earliest=None, latest=None, catchup=False)
info = dag.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=when)
print(info.run_after.isoformat())
"""


ELSEWHERE = """
import json, sys
from airflow.dag_processing.dagbag import BundleDagBag
absent = ("medloom", "pipeline", "model", "bench", "dags", "torch", "mlflow", "dvc")
sys.modules.update(dict.fromkeys(absent))
bag = BundleDagBag(dag_folder=sys.argv[1], bundle_path=sys.argv[1], bundle_name="theirs")
read = sorted({dag.relative_fileloc for dag in bag.dags.values()})
print(json.dumps([bag.import_errors, read, sorted(bag.dags)]))
"""


def test_the_folder_alone_loads_where_nothing_of_medloom_is_installed(tmp_path: Path) -> None:
    bundle = tmp_path / "checkout" / "subfolder"
    shutil.copytree(DAGS, bundle, ignore=shutil.ignore_patterns("__pycache__"))
    env = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(bundle)],
        capture_output=True, text=True, env=env, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    errors, read, dags = json.loads(done.stdout.strip().split("\n")[-1])
    assert errors == {}
    assert read == ["medloom_dags.py"]
    names = ["monitor_generator", "promote_generator", "retrain_generator", "watch_landing"]
    assert dags == names


def test_the_package_imports_airflow_and_what_airflow_needs_alone() -> None:
    # Airflow's providers bring these two, and what imports them is called only where they are.
    of_providers = {"kubernetes", "openlineage"}
    brought = {"airflow", "croniter", "yaml", *of_providers}
    allowed = {*brought, "medloom_airflow", *sys.stdlib_module_names}
    for file in sorted(DAGS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= allowed, file


def test_a_new_project_waits_for_the_next_monday(airflow_home: Path) -> None:
    *_, first, _ = run(FIRST_RUN, airflow_home)
    assert first.startswith("2026-11-30T03:00")
