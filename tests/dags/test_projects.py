"""The projects of one Airflow: what the file says, what is refused, and the DAGs of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from medloom_airflow.projects import AirflowProject, Projects, ProjectsError

DAGS = Path(__file__).resolve().parents[2] / "dags"
KIDNEY: dict[str, Any] = {
    "environment": {"MEDLOOM_STATE": "/data/kidney", "MEDLOOM_MODEL": "kidneys"},
    "secrets": {"AWS_SECRET_ACCESS_KEY": "KIDNEY_AWS"},
    "command": "/opt/medloom/bin/medloom",
    "schedule": {"retrain": "0 4 * * 2", "monitor": None},
    "params": {"require_approval": True},
    "queues": {"default": "medloom", "train": "gpu"},
    "access": {"kidney-lab": ["can_read", "can_edit"]},
    "paused": False,
}
LUNG: dict[str, Any] = {"environment": {"MEDLOOM_STATE": "/data/lung"}}


def write(folder: Path, **projects: Any) -> dict[str, str]:
    """A projects file, and the environment that names it."""
    file = folder / "projects.yaml"
    file.write_text(yaml.safe_dump({"projects": projects}))
    return {"MEDLOOM_PROJECTS": str(file)}


def load(folder: Path, **projects: Any) -> Projects:
    return Projects.load(write(folder, **projects))


def test_without_a_file_there_is_the_workers_own_project() -> None:
    (only,) = Projects.load({}).usable
    assert only == AirflowProject()
    assert only.id("retrain_generator") == "retrain_generator"
    assert only.variables({"MEDLOOM_STATE": "/s", "HOME": "/h"}) == {
        "MEDLOOM_STATE": "/s",
        "HOME": "/h",
    }


def test_a_project_takes_nothing_of_its_own_from_the_worker(tmp_path: Path) -> None:
    kidney, lung = load(tmp_path, kidney=KIDNEY, lung=LUNG).usable
    worker = {
        "HOME": "/home/a", "MEDLOOM_LEDGER": "/theirs", "MEDLOOM_STATE": "/s", "KIDNEY_AWS": "key",
    }  # fmt: skip
    assert kidney.variables(worker) == {
        "HOME": "/home/a", "KIDNEY_AWS": "key", "AWS_SECRET_ACCESS_KEY": "key",
        "MEDLOOM_STATE": "/data/kidney", "MEDLOOM_MODEL": "kidneys",
    }  # fmt: skip
    assert lung.variables({"MEDLOOM_LEDGER": "/theirs"}) == {"MEDLOOM_STATE": "/data/lung"}
    with pytest.raises(ProjectsError, match="no KIDNEY_AWS, which secrets"):
        kidney.variables({})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "MEDLOOM_STATE is None; it is the project's state folder"),
        ({"environment": {"MEDLOOM_STATE": "here"}}, "'here'; .* absolute path"),
        (LUNG | {"queue": {}}, "unknown key queue; .*did you mean queues"),
        (LUNG | {"queues": {"trian": "gpu"}}, "unknown key queues.trian; .*mean queues.train"),
        (LUNG | {"schedule": {"retrain": "monday"}}, "schedule.retrain is 'monday'; allowed are"),
        (LUNG | {"schedule": {"retran": None}}, "mean schedule.retrain"),
        (LUNG | {"params": {"start": "old"}}, "params.start is 'old'; allowed are params, fresh"),
        (LUNG | {"params": {"require_approval": "yes"}}, "require_approval is 'yes'"),
        (LUNG | {"secrets": {"A": 1}}, "secrets.A is 1; put a text in quotes"),
        (LUNG | {"access": {"lab": "can_read"}}, "access.lab is 'can_read'; it is a list"),
        (LUNG | {"paused": "no"}, "paused is 'no'"),
        (LUNG | {"environment": []}, "environment is \\[\\]; it holds names"),
        ("lung", "is 'lung'; it holds keys"),
        (KIDNEY, "MEDLOOM_STATE is that of kidney; each project has its own"),
    ],
)
def test_a_wrong_project_is_told_and_the_others_are_used(
    tmp_path: Path, given: Any, said: str
) -> None:
    found = load(tmp_path, kidney=KIDNEY, other=given)
    assert [one.name for one in found.usable] == ["kidney"]
    with pytest.raises(ProjectsError, match=f"(?s)projects.yaml: projects.other: .*{said}"):
        found.require_all()


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "lists no projects"), ("projects: []", "lists no projects"), ("a: [", "is no YAML")],
)
def test_a_file_that_lists_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ProjectsError, match=said):
        Projects.load({"MEDLOOM_PROJECTS": str(tmp_path / "p.yaml")})
    with pytest.raises(ProjectsError, match="cannot be read: No such file"):
        Projects.load({"MEDLOOM_PROJECTS": str(tmp_path / "none.yaml")})


def test_an_unknown_key_beside_the_projects_is_told(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump({"projects": {"lung": LUNG}, "project": {}}))
    found = Projects.load({"MEDLOOM_PROJECTS": str(file)})
    assert [one.name for one in found.usable] == ["lung"]
    assert [one.split(": ", 1)[1] for one in found.wrong] == [
        "unknown key 'project'; allowed is projects"
    ]


DESCRIBE = """
import json
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
import airflow.sdk, airflow.providers.standard.operators.hitl
bag = DagBag()
facts = {}
for name, dag in bag.dags.items():
    DagSerialization.to_dict(dag)
    facts[name] = {
        "queues": {task.task_id: task.queue for task in dag.tasks},
        "outlets": [one.name for task in dag.tasks for one in task.outlets],
        "schedule": type(dag.timetable).__name__,
        "params": dag.params.dump(),
        "access": {
            role: sorted(may.get("DAGs", [])) for role, may in (dag.access_control or {}).items()
        },
        "tags": sorted(dag.tags),
        "paused": dag.is_paused_upon_creation,
    }
errors = {name.rsplit("/", 1)[-1]: text for name, text in bag.import_errors.items()}
print(json.dumps([facts, errors]))
"""


def parse(home: Path, environment: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The DAGs, and the import errors by file."""
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE], capture_output=True, text=True, check=False,
        env={
            "PYTHONPATH": str(DAGS), "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS), **environment,
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    facts, errors = json.loads(done.stdout.strip().split("\n")[-1])
    return facts, errors


IDS = ("monitor_generator", "promote_generator", "retrain_generator", "watch_landing")


def test_each_project_has_its_own_dags(tmp_path: Path) -> None:
    told = write(tmp_path, kidney=KIDNEY, lung=LUNG, broken={})
    facts, errors = parse(tmp_path, told)
    assert sorted(facts) == sorted(f"{one}__{name}" for one in IDS for name in ("kidney", "lung"))
    assert list(errors) == ["medloom_projects.py"]
    assert "projects.broken: environment.MEDLOOM_STATE" in errors["medloom_projects.py"]
    kidney, lung = facts["retrain_generator__kidney"], facts["retrain_generator__lung"]
    assert kidney["params"] == {"require_approval": True, "start": "params"}
    assert lung["params"] == {"require_approval": False, "start": "params"}
    assert (kidney["queues"]["train"], kidney["queues"]["plan"]) == ("gpu", "medloom")
    assert set(lung["queues"].values()) == {"default"}
    assert kidney["outlets"] == ["medloom-champion__kidney"]
    assert facts["watch_landing__lung"]["outlets"] == ["medloom-landing__lung"]
    assert kidney["access"] == {"kidney-lab": ["can_edit", "can_read"]}
    assert facts["monitor_generator__kidney"]["schedule"] == "NullTimetable"
    assert facts["promote_generator__kidney"]["queues"]["approval"] == "medloom"
    assert (kidney["tags"], lung["tags"]) == (["kidney", "medloom"], ["lung", "medloom"])
    assert (kidney["paused"], lung["paused"]) == (False, None)


def test_a_task_has_its_own_dag_built_alone(tmp_path: Path) -> None:
    told = write(tmp_path, kidney=KIDNEY, lung=LUNG)
    told["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = "watch_landing__lung"
    facts, errors = parse(tmp_path, told)
    assert (list(facts), errors) == (["watch_landing__lung"], {})
