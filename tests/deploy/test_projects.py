"""deploy/projects.yaml, and `medloom` as one of its projects."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.medloom_of import environment
from medloom_airflow.projects import Projects, ProjectsError
from pipeline.base.children import child_environment
from pipeline.base.project import PROJECT_ROOT, Project

FILE = PROJECT_ROOT / "deploy" / "projects.yaml"
STORES = {
    "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret", "MLFLOW_USER": "pipeline",
    "MLFLOW_PASSWORD": "password", "MEDLOOM_PROJECTS": str(FILE), "PROJECT": "phantom",
}  # fmt: skip


def test_the_project_that_is_there_is_right() -> None:
    found = Projects.load(STORES)
    found.require_all()
    assert [project.name for project in found.usable] == ["phantom"]
    project = Project.load(found.usable[0].variables(STORES))
    assert project.name == "phantom"
    assert "://" in project.ledger
    assert "@" not in project.ledger
    assert project.remote.startswith("s3://")


def test_the_example_of_another_project_is_right(tmp_path: Path) -> None:
    lines = FILE.read_text().splitlines()
    file = tmp_path / "projects.yaml"
    file.write_text("\n".join(re.sub("^  # ", "  ", line) for line in lines))
    found = Projects.load({"MEDLOOM_PROJECTS": str(file)})
    found.require_all()
    phantom, kidney = found.usable
    assert kidney.name == "kidney"
    same = {
        name for name, value in phantom.environment.items() if kidney.environment[name] == value
    }
    assert same == {"MEDLOOM_MLFLOW_URI", "MEDLOOM_PATIENT_KEY_FILE"}
    assert kidney.queues == phantom.queues


def test_the_queues_are_those_of_workers() -> None:
    compose = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())["services"]
    served = {one["command"][4] for one in compose.values() if "celery" in one.get("command", [])}
    queues = Projects.load(STORES).usable[0].queues
    assert set(queues.values()) < served
    assert {"watch", "ingest"} == set(queues)


def test_a_command_has_the_projects_environment_and_its_own() -> None:
    told = {**STORES, "MEDLOOM_APP_URL": "https://app.example.org", "MEDLOOM_STATE": "/elsewhere"}
    found = environment(told)
    assert found["MEDLOOM_STATE"] == "/state/phantom"
    assert found["MEDLOOM_APP_URL"] == "https://app.example.org"
    kept = child_environment(found)
    assert kept["MLFLOW_TRACKING_USERNAME"] == "pipeline"
    assert kept["AWS_SECRET_ACCESS_KEY"] == "secret"


def test_an_unknown_project_is_named_with_those_there_are() -> None:
    with pytest.raises(ProjectsError, match="PROJECT is 'kidny'; allowed are phantom"):
        environment({**STORES, "PROJECT": "kidny"})


def test_a_project_with_a_mistake_says_which(tmp_path: Path) -> None:
    file = tmp_path / "projects.yaml"
    file.write_text("projects: {kidney: {environment: {MEDLOOM_STATE: nowhere}}}")
    with pytest.raises(ProjectsError, match=r"MEDLOOM_STATE is 'nowhere'"):
        environment({"MEDLOOM_PROJECTS": str(file), "PROJECT": "kidney"})


def test_what_is_wrong_is_one_line_and_a_code() -> None:
    script = PROJECT_ROOT / "deploy" / "medloom_of.py"
    done = subprocess.run(
        [sys.executable, str(script), "status"],
        env={**STORES, "PROJECT": "kidny", "PYTHONPATH": str(PROJECT_ROOT / "dags")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 65
    assert done.stderr == "medloom: PROJECT is 'kidny'; allowed are phantom\n"
