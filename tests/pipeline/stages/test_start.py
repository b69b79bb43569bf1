"""Deciding what a planned training begins from, and bringing the networks to the stage."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from model.config import TrainConfig
from model.families import make_learner
from model.warm_start import save_networks, weights_of
from pipeline.audit.objects import CheckedObjects
from pipeline.audit.run_links import RunFiles, lock_links
from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.base.start import FRESH, NETWORKS, Start
from pipeline.data.decisions import WITHDRAWN_FILE, Withdrawn
from pipeline.flow import planning
from pipeline.flow.planning import RetrainConfig, make_plan
from pipeline.ledger.journal import Record
from pipeline.ledger.ledger import CODE, DATA, Ledger
from pipeline.stages.start import Asked, decide_start, pull_start
from tests.support.runs import CLASSES, HandMade, row

PARAMS: dict[str, Any] = {
    "preprocess": {"size": 32},
    "train": {"start": "champion", "recipe": {"latent": 8, "widths": [8, 8, 8]}},
    "evaluate": {},
}
RETRAIN = RetrainConfig(min_new_images=50, quiet_minutes=10.0, max_wait_hours=168.0)
DVC_YAML = """stages:
  train:
    cmd: mkdir models && cp start/networks.safetensors models/
    deps: [start]
    outs: [models]
"""


class Champion(HandMade):
    """A project with a champion whose networks are those of its parameters."""

    def crown(self, networks: bytes | None) -> Record:
        self.code(PARAMS)
        self.data(range(6))
        return self.learn(networks)

    def decide(self, asked: Asked = "", **changes: dict[str, Any]) -> Any:
        params = {name: PARAMS[name] | changes.get(name, {}) for name in PARAMS}
        code, ledger = self.code(params), self.ledger
        return decide_start(ledger, code, str(ledger.head(DATA)), asked)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    config = TrainConfig.model_validate(
        PARAMS["train"] | {"recipe": {"latent": 8, "widths": (8, 8, 8)}}
    )
    learner = make_learner(config.network(32, CLASSES), config.recipe, 0)
    file = tmp_path_factory.mktemp("networks") / NETWORKS.name
    save_networks(file, weights_of(learner), learner.average.config)
    return file.read_bytes()


@pytest.fixture
def made(project: Project) -> Champion:
    return Champion(project)


def test_a_training_goes_on_from_the_champion_if_that_is_wished(
    made: Champion, networks: bytes
) -> None:
    champion = made.crown(networks)
    start = made.networks_of(champion, networks)
    assert (made.decide().start, made.decide().why) == (start, "")
    assert made.decide(train={"start": "fresh"}).start == FRESH
    assert made.decide("champion", train={"start": "fresh"}).start == start
    assert made.decide("fresh").start == FRESH


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"preprocess": {"size": 64}}, "version 1: .* image_size was 32 and is 64"),
        ({"train": {"recipe": {"latent": 9, "widths": [8, 8, 8]}}}, "latent was 8 and is 9"),
        ({"train": {"family": "vae", "recipe": {"latent": 8, "widths": [8, 8, 8]}}},
         "family was rpgan and is vae"),
    ],
)  # fmt: skip
def test_networks_that_do_not_fit_are_told_and_refused_if_a_person_asked(
    made: Champion, networks: bytes, changes: dict[str, Any], why: str
) -> None:
    made.crown(networks)
    decided = made.decide(**changes)
    assert decided.start == FRESH
    told = f"cannot go on from the champion's networks: .*{why}.*`medloom run --start fresh`"
    with pytest.raises(BadInputError, match=told):
        made.decide("champion", **changes)


def test_a_new_class_begins_fresh(made: Champion, networks: bytes) -> None:
    made.crown(networks)
    text = made.ledger.read(str(made.ledger.head(DATA)), "data/manifest/b1.csv") or ""
    more = text.splitlines()[-1].replace("cyst", "tumor").replace("stone", "tumor")
    made.ledger.commit_files(
        DATA, made.ledger.head(DATA), {"data/manifest/b2.csv": text.splitlines()[0] + "\n" + more},
        "data",
    )  # fmt: skip
    assert "classes was ('cyst', 'stone') and is ('cyst', 'stone', 'tumor')" in made.decide().why


def test_there_may_be_nothing_to_go_on_from(made: Champion, networks: bytes) -> None:
    made.code(PARAMS)
    made.data(range(6))
    assert made.decide().why == "there is no champion yet"
    made.learn(None)
    assert "trained by an earlier medloom" in made.decide().why
    made.data(range(7))
    champion = made.learn(networks)
    assert made.decide().start.version == 2
    made.place_of(made.networks_of(champion, networks).md5).unlink()
    assert "is missing from the remote" in made.decide().why


def test_nothing_goes_on_from_withdrawn_images(made: Champion, networks: bytes) -> None:
    made.crown(networks)
    gone = Withdrawn(images=frozenset({row(0).id}))
    made.data(range(1, 6), {str(WITHDRAWN_FILE): gone.text})
    decided = made.decide()
    assert decided.start == FRESH
    assert "learned from 1 image(s) whose consent was withdrawn since" in decided.why


def test_the_same_plan_has_the_same_key_and_a_new_champion_alone_starts_nothing(
    made: Champion, networks: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.crown(networks)
    monkeypatch.setattr(planning, "take_snapshot", lambda _project, ledger, *_: ledger.head(CODE))

    def plan(*, by_person: bool) -> Any:
        return make_plan(made.ledger, RETRAIN, asked_by_person=by_person)

    with pytest.raises(NothingNewError, match="only the start is new, the networks of version 1"):
        plan(by_person=False)
    first, again = plan(by_person=True), plan(by_person=True)
    assert first == again
    assert first.reasons == ("goes on from version 1",)
    assert first.run.start
    made.learn(networks, first.start)
    with pytest.raises(NothingNewError, match="only the start is new, the networks of version 2"):
        plan(by_person=False)


def test_the_stage_finds_the_networks_and_its_input_is_recorded(
    made: Champion, networks: bytes
) -> None:
    """DVC pulls them by the run's own file, and names the folder as the audit does."""
    champion = made.crown(networks)
    start = made.networks_of(champion, networks)
    lock = _train(made.ledger, made.code(PARAMS, DVC_YAML), start)
    deps = {dep["path"]: dep["md5"] for dep in lock["stages"]["train"]["deps"]}
    assert deps.keys() == {"start"}
    run = RunFiles(made.ledger, "k1")
    assert run.start == start
    links = {link.what: link for link in lock_links(run, CheckedObjects(made.project.remote))}
    assert links["dvc.lock, train from start, against git"].holds


def _train(ledger: Ledger, code: str, start: Start) -> Any:
    ledger.open_run("k1", code, str(ledger.head(DATA)), "manual", start)
    with ledger.workspace("run/k1", ledger.project.workspaces / "k1") as work:
        pull_start(work)
        assert (work.folder / NETWORKS).stat().st_size == start.bytes
        work.dvc.run("repro", "--single-item", "train")
        work.commit_and_push("train", "dvc.lock")
        assert Path(work.folder, "models", NETWORKS.name).exists()
        return yaml.safe_load((work.folder / "dvc.lock").read_text())
