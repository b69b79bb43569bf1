"""Two projects in an Airflow that somebody else runs, whose environment has nothing of medloom.

DAGs come by Git, tasks run an installed medloom of another environment, and what differs between
the projects is in a projects file. Services start once, and each test goes on from where the one
before it left them. The shell of the services is set up for a project that is in no file.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from pipeline.base.files import write_atomically
from pipeline.base.project import Project
from pipeline.data.landing.index import LocalIndex
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.local import services
from pipeline.phantoms.phantom import write_phantom
from pipeline.registry.registry import Registry
from tests.support.in_airflow import wait_for
from tests.support.installed import TINY, Installed, build_wheel, builds_wheels, install
from tests.support.own_airflow import DagRepository, OwnAirflow
from tests.test_operations import files_with

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("MEDLOOM_TEST_LIVE") != "1",
        reason="minutes through a real scheduler: `make test-live` runs it",
    ),
    builds_wheels,
]
KIDNEY, LUNG, CHEST = "kidney", "lung", "chest"
IDS = ("retrain_generator", "watch_landing", "promote_generator", "monitor_generator")
SECRET = "of-the-lung-alone"


@dataclass(frozen=True)
class Site:
    """What a hospital has: an Airflow, an MLflow, an installed medloom, folders of projects."""

    folder: Path
    airflow: OwnAirflow
    repository: DagRepository
    medloom: Installed
    mlflow_uri: str

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a project, as in the projects file."""
        own = self.folder / name
        return {
            "MEDLOOM_STATE": str(own / "state" / name),
            "MEDLOOM_LANDING": str(own / "landing"),
            "MEDLOOM_PATIENT_KEY_FILE": str(own / "patient.key"),
            "MEDLOOM_MODEL": f"medloom-{name}",
            "MEDLOOM_MLFLOW_URI": self.mlflow_uri,
        }

    def project(self, name: str) -> Project:
        return Project.load(self.environment(name))

    def registry(self, name: str) -> Registry:
        return Registry(self.mlflow_uri, f"medloom-{name}")

    def records(self, name: str) -> list[Record]:
        return Journal(Ledger(self.project(name))).records

    def write_projects(self, **more: Mapping[str, Any]) -> None:
        """The projects file: kidney and lung, and more."""
        kidney = {
            "environment": self.environment(KIDNEY),
            "command": str(self.medloom.environment / "bin" / "medloom"),
            "schedule": {"watch": None, "monitor": None},
            "paused": False,
        }
        lung = {
            "environment": self.environment(LUNG),
            "secrets": {"AWS_SECRET_ACCESS_KEY": "LUNG_KEY"},
            "schedule": {"watch": "* * * * *", "monitor": None},
        }
        projects = {KIDNEY: kidney, LUNG: lung, **more}
        write_atomically(self.folder / "projects.yaml", yaml.safe_dump({"projects": projects}))

    def watch(self, name: str) -> str:
        """What one run of a project's watcher came to."""
        api, dag = self.airflow.api, f"watch_landing__{name}"
        run_id = api.trigger(dag, {})
        self.finish(dag, run_id)
        return str(api.tasks(dag, run_id)["watch"]["state"])

    def finish(self, dag: str, run_id: str) -> None:
        """Wait for the success of a run."""
        api = self.airflow.api
        assert api.ended(dag, run_id) == "success", api.tasks(dag, run_id)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    repository = DagRepository.make(folder)
    medloom = install(folder / "medloom", str(build_wheel(folder / "dist")))
    theirs = folder / "theirs" / "state" / "theirs"
    airflow = OwnAirflow(
        folder / "own",
        repository.bare,
        {
            "MEDLOOM_PROJECTS": str(folder / "projects.yaml"),
            "MEDLOOM_COMMAND": str(medloom.environment / "bin" / "medloom"),
            "LUNG_KEY": SECRET,
            "MEDLOOM_STATE": str(theirs),
            "MEDLOOM_MODEL": "theirs",
        },
    )
    airflow.install()
    with services.mlflow(Project.load({"MEDLOOM_STATE": str(folder / "mlflow")})) as uri:
        made = Site(folder, airflow, repository, medloom, uri)
        made.write_projects()
        for seed, name in enumerate((KIDNEY, LUNG)):
            project = made.project(name)
            project.state.mkdir(parents=True)
            project.params_file.write_text(f"{TINY}retrain: {{quiet_minutes: 0.0}}\n")
            write_phantom(project.landing, 6, seed)
        with airflow.running():
            wait_for(airflow.api.is_healthy, "Airflow")
            yield made


def dags_of(*names: str) -> list[str]:
    return [f"{dag}__{name}" for dag in IDS for name in names]


def test_the_environment_has_airflow_alone(site: Site) -> None:
    names = ("medloom", "pipeline", "model", "torch", "mlflow", "dvc", "streamlit")
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    assert site.airflow.run("python", "-c", code) == "[]\n"


def test_the_dags_of_both_come_from_git(site: Site) -> None:
    api = site.airflow.api
    wait_for(lambda: api.has_dags(*dags_of(KIDNEY, LUNG)), "the DAGs")
    head = site.repository.head()
    for name in dags_of(KIDNEY, LUNG):
        dag = api.dag(name)
        assert (dag["bundle_name"], dag["bundle_version"]) == ("medloom", head)
    assert api.import_errors() == {}
    assert api.dag("retrain_generator__kidney")["is_paused"] is False
    assert api.dag("retrain_generator__lung")["is_paused"] is True


def test_each_gets_its_own_champion(site: Site) -> None:
    """Kidney's training is asked for by a person, lung's by images that its watcher finds."""
    api, retrain = site.airflow.api, "retrain_generator__{}".format
    site.airflow.run("airflow", "pools", "set", "medloom_train", "1", "one training at a time")
    asked = api.trigger(retrain(KIDNEY), {})
    site.airflow.run("airflow", "dags", "unpause", retrain(LUNG))
    api.set_paused("watch_landing__lung", paused=False)
    wait_for(lambda: api.runs(retrain(LUNG)), "the run that the images start")
    api.set_paused("watch_landing__lung", paused=True)
    (found,) = api.runs(retrain(LUNG))
    assert found["run_type"] == "asset_triggered"
    site.finish(retrain(KIDNEY), asked)
    site.finish(retrain(LUNG), found["dag_run_id"])
    runs = {KIDNEY: asked, LUNG: found["dag_run_id"]}
    trainings = [api.tasks(retrain(name), run_id)["train"] for name, run_id in runs.items()]
    one, two = sorted((task["start_date"], task["end_date"]) for task in trainings)
    assert one[1] <= two[0], "the pool is for one training at a time"
    for name in (KIDNEY, LUNG):
        (record,) = site.records(name)
        assert (record.action, record.version) == ("promoted", 1), record.reason
        assert site.registry(name).versions() == [1]
        assert site.registry(name).aliases() == {"champion": 1}
        assert api.sources(f"medloom-champion__{name}") == {retrain(name)}
        assert api.dag_versions(retrain(name)) == 1, "parsing it again makes no other DAG"
    assert api.sources("medloom-landing__lung") == {"watch_landing__lung"}
    assert [run["dag_run_id"] for run in api.runs(retrain(KIDNEY))] == [asked]


def test_nothing_of_a_project_is_in_the_other(site: Site) -> None:
    api = site.airflow.api
    for mine, other in ((KIDNEY, LUNG), (LUNG, KIDNEY)):
        needles = traces_of(site, mine)
        assert len(needles) > 50
        assert files_with(site.project(mine).state, needles), "what is searched for can be found"
        assert files_with(site.project(other).state, needles) == []
        dag = f"retrain_generator__{other}"
        (run,) = (run for run in api.runs(dag) if run["state"] == "success")
        told = api.xcoms(dag, run["dag_run_id"]).encode()
        assert [needle for needle in needles if needle in told] == []
        assert any(needle in told for needle in traces_of(site, other))
        tags = str(site.registry(other).tags(1)).encode()
        assert [needle for needle in needles if needle in tags] == []
    found = requests.get(
        f"{site.mlflow_uri}/api/2.0/mlflow/registered-models/search", timeout=30
    ).json()
    models = {one["name"] for one in found["registered_models"]}
    assert models == {"medloom-kidney", "medloom-lung"}
    assert not (site.folder / "theirs").exists()
    assert files_with(site.airflow.home, [SECRET.encode()]) == []


def traces_of(site: Site, name: str) -> list[bytes]:
    """What tells a project from others: its folder, its model, its runs, its images."""
    project = site.project(name)
    (record,) = site.records(name)
    images = {entry.image_id for entry in LocalIndex.of(project).entries()} - {""}
    words = [str(project.state), project.model, record.run_key, record.data, *sorted(images)]
    return [word.encode() for word in words]


def test_a_project_that_is_added_is_there(site: Site) -> None:
    site.write_projects(**chest(site))
    wait_for(lambda: site.airflow.api.has_dags(*dags_of(CHEST)), "the DAGs of the new project")
    assert site.watch(CHEST) == "skipped", "nothing has landed there"


def chest(site: Site, **more: Any) -> dict[str, Mapping[str, Any]]:
    schedule = {"retrain": None, "watch": None, "monitor": None}
    given = {"environment": site.environment(CHEST), "schedule": schedule, "paused": False}
    return {CHEST: {**given, **more}}


def test_a_mistake_stops_its_own_project(site: Site) -> None:
    api = site.airflow.api
    site.write_projects(**chest(site, queues={"trian": "gpu"}))
    wait_for(api.import_errors, "the import error")
    ((file, said),) = api.import_errors().items()
    assert file == "medloom_projects.py"
    assert "projects.chest: unknown key queues.trian" in said
    assert "did you mean queues.train?" in said
    assert "The other projects are not affected" in said
    assert site.watch(KIDNEY) == "skipped", "no image has landed since its training"
    wait_for(
        lambda: not api.has_dags("watch_landing__chest"), "the end of the wrong project's DAGs"
    )
    site.write_projects(**chest(site))
    wait_for(lambda: api.has_dags(*dags_of(CHEST)), "the DAGs of the mended project")
    wait_for(lambda: not api.import_errors(), "the end of the import error")
    assert len(api.runs("watch_landing__chest")) == 1, "its history is still there"


def test_a_commit_is_picked_up(site: Site) -> None:
    file, said = site.repository.clone / "dags" / "medloom_airflow" / "watch.py", "Looks for images"
    text = file.read_text()
    (before,) = (line for line in text.splitlines() if "description=" in line)
    file.write_text(text.replace(before, f'        description="{said}",'))
    commit = site.repository.push()
    api, dag = site.airflow.api, f"watch_landing__{CHEST}"
    wait_for(lambda: api.dag(dag)["description"] == said, "the new description")
    assert api.dag(dag)["bundle_version"] == commit
    assert site.watch(CHEST) == "skipped"
    assert api.runs(dag, 1)[0]["bundle_version"] == commit


FIFTY = """
import sys, time
import airflow.sdk, airflow.providers.standard.operators.hitl
import airflow.providers.standard.hooks.subprocess
from airflow.dag_processing.dagbag import DagBag
begun = time.process_time()
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print(len(bag.dags), time.process_time() - begun)
"""


def test_fifty_projects_are_parsed_within_two_seconds(site: Site, tmp_path: Path) -> None:
    projects = {f"p{n}": {"environment": {"MEDLOOM_STATE": f"/data/p{n}"}} for n in range(50)}
    file = tmp_path / "projects.yaml"
    file.write_text(yaml.safe_dump({"projects": projects}))
    dags = site.repository.clone / "dags"
    said = site.airflow.run(
        "python", "-c", FIFTY, str(dags), MEDLOOM_PROJECTS=str(file), PYTHONPATH=str(dags)
    )
    print(said, file=sys.stderr)
    count, seconds = said.strip().splitlines()[-1].split()
    assert int(count) == 200
    assert float(seconds) <= 2.0
