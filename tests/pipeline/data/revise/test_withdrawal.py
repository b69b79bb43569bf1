"""Withdrawal of consent: data, versions, champion and bytes, and kills in between."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from mlflow import MlflowClient
from typer.testing import CliRunner

from pipeline.base.dag_run_folder import DagRunFolder
from pipeline.base.errors import BadInputError, NothingNewError, TransientError
from pipeline.cli import withdraw as withdraw_command
from pipeline.data.decisions import WITHDRAWN_FILE
from pipeline.data.landing.index import LocalIndex
from pipeline.data.names import phantom_group
from pipeline.data.revise import withdrawal
from pipeline.data.revise.purging import PICTURES, Purge, purge
from pipeline.data.revise.revision import Revisions, require_consent
from pipeline.data.revise.withdrawal import WITHDRAWN_TAG, Withdrawal, withdraw
from pipeline.flow import planning, steps
from pipeline.flow.planning import RetrainConfig, make_plan
from pipeline.ledger import lease as leases
from pipeline.ledger.journal import BRANCH
from pipeline.ledger.ledger import DATA, STAGES
from pipeline.ledger.objects import Objects
from pipeline.registry.registry import Registry
from pipeline.stages.run import finished_run, run_stage
from tests.support.consenting import Clinic, files_showing
from tests.support.leases import TRY, holding
from tests.support.pictures import encode, picture, put

pytestmark = pytest.mark.usefixtures("dvc_in_process")

PATIENT, NAME = 1, "phantom-00001"
GROUP = phantom_group(NAME)
FEW = RetrainConfig(min_new_images=50, quiet_minutes=5.0, max_wait_hours=24.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    Clinic.make(folder).learn()
    return folder


@pytest.fixture(scope="module")
def made_without(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("without") / "copy"
    shutil.copytree(made, folder)
    take_back(Clinic.at(folder))
    return folder


@pytest.fixture
def clinic(made: Path, tmp_path: Path) -> Clinic:
    """A project with all patients ingested, from which version 1 learned."""
    shutil.copytree(made, tmp_path / "copy")
    return Clinic.at(tmp_path / "copy")


@pytest.fixture
def without(made_without: Path, tmp_path: Path) -> Clinic:
    """The same after a patient's consent was withdrawn; the registry's tags are lost."""
    shutil.copytree(made_without, tmp_path / "copy")
    return Clinic.at(tmp_path / "copy")


def take_back(clinic: Clinic, subject: str = NAME, **more: Any) -> Withdrawal:
    facts: dict[str, Any] = {"by": "a person", "reason": "letter 17"} | more
    return withdraw(clinic.project, clinic.shelf, subject, **facts)


def remove(clinic: Clinic, images: tuple[str, ...], **more: Any) -> Purge:
    return purge(
        clinic.project, clinic.shelf, images, by="a person", reason="letter 17", **more
    )  # fmt: skip


def add_row(clinic: Clinic, batch: str) -> None:
    """One row more in the data, by its manifest alone."""
    text = clinic.ledger.read_folder(clinic.data, "data/manifest").popitem()[1].decode()
    head, row = text.splitlines()[:2]
    files = {f"data/manifest/{batch}.csv": f"{head}\n{batch}{row[len(batch) :]}\n"}
    clinic.ledger.commit_files(DATA, clinic.data, files, "data")


def ids(clinic: Clinic) -> set[str]:
    return {row.id for row in Revisions(clinic.ledger).rows(clinic.data)}


# -- the data and the journal ----------------------------------------------------------------------


def test_the_next_revision_lacks_the_patient_and_the_record_says_so(without: Clinic) -> None:
    champion, record = without.journal.records
    done = take_back(without)  # repeated: the work is done already
    assert without.data == done.after == record.data
    (lost,) = done.images
    assert lost in {row.id for row in Revisions(without.ledger).rows(done.before)}
    assert lost not in ids(without)
    assert len(ids(without)) == 7
    assert [r.sequence for r in without.journal.records] == [1, 2]
    assert (record.action, record.version) == ("withdrawn", None)
    assert record.details == {
        "kind": "group", "images": [lost], "groups": [GROUP], "policy": "mark",
        "before": champion.data, "after": done.after, "runs": [champion.run_key], "versions": [1],
    }  # fmt: skip
    assert without.shelf.tags == {1: {WITHDRAWN_TAG: "2"}}
    assert (done.champion, done.champion_affected, done.demoted) == (1, True, None)
    assert done.landing == (f"cyst/{NAME}-a.png",)


def test_the_new_revision_is_whole_in_the_remote(without: Clinic) -> None:
    shutil.rmtree(without.project.cache / "dvc")
    with without.ledger.workspace(DATA, without.project.workspaces / "look") as work:
        work.dvc.run("pull")
        stored = {file.stem for file in work.folder.glob("data/raw/*/*.png")}
        assert stored == ids(without)
        assert "png" not in work.git.run("ls-files")
    assert not files_showing(without.project.state / "ledger.git", picture(PATIENT))


def test_no_name_reaches_ledger_or_journal(without: Clinic) -> None:
    ledger = without.ledger
    for branch in (DATA, BRANCH):
        head = ledger.head(branch)
        assert head is not None
        assert NAME not in ledger.mirror.run("log", "-p", head)
    with pytest.raises(BadInputError, match="names the patient"):
        take_back(without, reason=f"{NAME} asked for it")


@pytest.mark.parametrize("way", ["id", "prefix", "stored", "path", "re-encoded", "group"])
def test_a_subject_is_found_by_any_of_its_names(clinic: Clinic, tmp_path: Path, way: str) -> None:
    rows = Revisions(clinic.ledger).rows(clinic.data)
    row = next(row for row in rows if row.group == GROUP)
    lying = clinic.project.landing / "cyst" / f"{NAME}-a.png"
    subject = {
        "id": row.id, "prefix": row.id[:10], "stored": row.sha256, "path": str(lying),
        "re-encoded": str(put(tmp_path / "b.bmp", encode(picture(PATIENT), "BMP"))), "group": GROUP,
    }[way]  # fmt: skip
    done = take_back(clinic, subject, dry_run=True)
    assert done.images == (row.id,)
    assert done.kind == ("group" if way == "group" else "image")


def test_a_dry_run_changes_nothing_and_unknown_names_are_not_repeated(clinic: Clinic) -> None:
    before = {branch: clinic.ledger.head(branch) for branch in (DATA, BRANCH)}
    done = take_back(clinic, policy="demote", dry_run=True)
    plan = remove(clinic, done.images, dry_run=True)
    assert plan.left == len(plan.objects) > 0
    assert done.versions == (1,)
    assert {branch: clinic.ledger.head(branch) for branch in before} == before
    assert not clinic.shelf.tags
    assert files_showing(clinic.project.state, picture(PATIENT))
    with pytest.raises(BadInputError) as told:
        take_back(clinic, "phantom-77777")
    assert "77777" not in str(told.value)


def test_a_class_that_loses_a_split_gives_a_warning(clinic: Clinic) -> None:
    rows = Revisions(clinic.ledger).rows(clinic.data)
    last = next(row for row in rows if (row.label, row.split) == ("cyst", "test"))
    done = take_back(clinic, last.group, dry_run=True)
    assert [text for text in done.warnings if "class cyst has no image in test" in text]


# -- later ingests ---------------------------------------------------------------------------------


def test_withdrawn_images_are_never_ingested_again(without: Clinic) -> None:
    stone = without.project.landing / "stone"
    put(stone / "copy.bmp", encode(picture(PATIENT), "BMP"))  # the pixels under another name
    put(stone / f"{NAME}-b.png", encode(picture(99)))  # another image of the patient
    without.admit("cyst", 20)
    without.project.index_file.unlink()
    report = steps.ingest(without.project)
    reasons = {e.file: e.reason for e in report.entries if e.outcome == "quarantined"}
    paths = (f"cyst/{NAME}-a.png", "stone/copy.bmp", f"stone/{NAME}-b.png")
    names = LocalIndex.of(without.project).names
    assert reasons == {names.file(path): "withdrawn" for path in paths}
    assert report.new == 1
    assert without.ledger.read(without.data, str(WITHDRAWN_FILE))
    assert steps.ingest(without.project).read == 0  # remembered, not read at every ingest


def test_withdrawing_one_image_keeps_the_patients_others(clinic: Clinic) -> None:
    put(clinic.project.landing / "cyst" / f"{NAME}-b.png", encode(picture(99)))
    steps.ingest(clinic.project)
    done = take_back(clinic, str(clinic.project.landing / "cyst" / f"{NAME}-b.png"))
    assert done.versions == ()
    groups = [row.group for row in Revisions(clinic.ledger).rows(clinic.data)]
    assert groups.count(GROUP) == 1


# -- versions --------------------------------------------------------------------------------------


def test_a_retraining_is_due_however_few_images_are_new(
    without: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "take_snapshot", lambda _, ledger, *_more: ledger.head("code"))
    add_row(without, "b2")  # and so as many images as before
    assert "1 images were withdrawn" in steps.watch(without.project)
    plan = make_plan(without.ledger, FEW, asked_by_person=False)
    assert plan.reasons == ("+0 images", "1 images withdrawn")
    without.ledger.open_run(plan.run.key, plan.code, plan.data, "manual")
    with pytest.raises(NothingNewError):
        steps.watch(without.project)
    without.judge("rejected")
    add_row(without, "b3")
    with pytest.raises(NothingNewError, match="1 of 50"):
        make_plan(without.ledger, FEW, asked_by_person=False)


def test_a_run_of_the_old_data_does_not_go_on(without: Clinic) -> None:
    old = without.journal.records[0].run_key
    with pytest.raises(BadInputError, match="consent was withdrawn"):
        run_stage(without.project, old, "train", DagRunFolder.of(without.project, "r"))
    require_consent(without.ledger, without.judge("rejected").run_key)


def test_demotion_goes_to_the_newest_champion_that_is_not_affected(without: Clinic) -> None:
    without.judge()
    without.admit("cyst", 20)
    steps.ingest(without.project)  # a batch of this one image, which goes as a whole
    without.judge()
    done = take_back(without, "phantom-00020", policy="demote")
    assert (done.demoted, done.champion, done.champion_affected) == (3, 2, False)
    record = without.journal.records[-1]
    assert (record.action, record.version, record.predecessor) == ("demoted", 2, 3)
    assert record.weights_sha256 == "w2"
    assert len(ids(without)) == 7
    count = len(without.journal.records)
    assert take_back(without, "phantom-00020", policy="demote").demoted is None
    assert len(without.journal.records) == count
    done = take_back(without, "phantom-00002", policy="demote")  # in all of them
    assert (done.demoted, done.champion) == (2, None)
    assert without.journal.champion is None
    assert sorted(without.shelf.tags) == [1, 2, 3]


def killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_kill_before_the_journal_is_finished_by_repeating(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(withdrawal, "_record", killed)
        with pytest.raises(KeyboardInterrupt):
            take_back(clinic)
    revision = clinic.data
    assert [r.action for r in clinic.journal.records] == ["promoted"]
    done = take_back(clinic, reason="again")
    assert clinic.data == revision == done.after
    assert [r.action for r in clinic.journal.records] == ["promoted", "withdrawn"]
    assert clinic.journal.records[1].reason == "letter 17"  # the reason of the first decision


@pytest.mark.parametrize("step", ["tag", "demote"])
def test_a_kill_after_the_journal_is_finished_by_repeating(
    without: Clinic, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        target: object = without.shelf if step == "tag" else withdrawal
        patch.setattr(target, "tag" if step == "tag" else "_demote", killed)
        with pytest.raises(KeyboardInterrupt):
            take_back(without, policy="demote")
    assert take_back(without, policy="demote").demoted == 1
    assert [r.action for r in without.journal.records] == ["promoted", "withdrawn", "demoted"]
    assert without.shelf.tags == {1: {WITHDRAWN_TAG: "2"}}


# -- the bytes -------------------------------------------------------------------------------------


def test_after_a_purge_no_file_shows_the_image(without: Clinic) -> None:
    state, project = without.project.state, without.project
    done = take_back(without)
    without.learn("rejected")  # one without the image, which must stay whole
    places = {name.split("/")[0] for name in files_showing(state, picture(PATIENT))}
    assert places == {"artifacts", "cache", "checkpoints", "remote", "runs", "workspaces"}
    purged = remove(without, done.images)
    assert files_showing(state, picture(PATIENT)) == []
    assert len(files_showing(state, picture(3))) > 3  # another patient's image is still there
    assert without.journal.records[-1].details["objects"] == list(purged.objects)
    assert (without.shelf.folder / purged.runs[0] / "evaluation" / "evaluation.json").exists()
    assert LocalIndex.of(project).of_path(f"cyst/{NAME}-a.png") == []
    assert (project.landing / "cyst" / f"{NAME}-a.png").exists()
    with without.ledger.workspace(DATA, project.workspaces / "look") as work:
        work.dvc.run("pull")
    last = without.journal.verdict_on(without.shelf.keys[2])
    assert last is not None
    with finished_run(project, last.run_key, "look", *STAGES) as work:
        assert (work.folder / "reports" / "nearest.png").exists()
    count = len(without.journal.records)
    assert remove(without, done.images).left == 0
    assert len(without.journal.records) == count


def test_a_killed_purge_is_journalled_first_and_finished_by_repeating(
    without: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = take_back(without).images
    deleted: list[str] = []

    def fails(objects: Objects, md5: str) -> None:
        if deleted:
            raise TransientError("the store went away")
        deleted.append(md5)

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "delete", fails)
        with pytest.raises(TransientError):
            remove(without, images)
    assert set(deleted) < set(without.journal.records[-1].details["objects"])
    assert remove(without, images).left > 0
    assert files_showing(without.project.state, picture(PATIENT)) == []
    assert [r.action for r in without.journal.records] == ["promoted", "withdrawn", "purged"]


def test_a_purge_waits_for_a_training_and_ends_nobody(
    without: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = take_back(without).images
    key = without.shelf.keys[1]
    checkpoints = without.project.checkpoints / key
    assert checkpoints.exists()
    monkeypatch.setattr(leases, "_PATIENCE", 0.0)
    with holding(without.project.leases, f"run-{key}", MEDLOOM_TRY="1", **TRY) as training:
        training.has_it()
        with pytest.raises(TransientError, match="medloom down"):
            remove(without, images)
        assert training.lives
        assert checkpoints.exists()
        training.let_go()
    remove(without, images)
    assert not checkpoints.exists()
    assert files_showing(without.project.state, picture(PATIENT)) == []


def test_an_image_in_git_itself_is_told(without: Clinic) -> None:
    images = take_back(without).images
    assert remove(without, images, dry_run=True).committed == ()
    file = f"data/raw/b0001/{images[0]}.png"
    commit = without.ledger.commit_files(DATA, without.data, {file: "pixels"}, "data: a mistake")
    assert remove(without, images, dry_run=True).committed == (commit,)


# -- the registry and the command line -------------------------------------------------------------


def test_the_registry_finds_and_removes_pictures_of_every_run_of_a_key(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", "tiny")
    client = MlflowClient(registry.uri)
    place = (tmp_path / "artifacts").as_uri()
    experiment = client.create_experiment("tiny", artifact_location=place)
    client.create_registered_model("tiny")
    for key in ("k1", "k1", "k2"):
        run = client.create_run(experiment, tags={"medloom.run_key": key}).info.run_id
        for name in ("grid-cyst.png", "nearest.png", "curves.png"):
            client.log_artifact(run, str(put(tmp_path / name, b"pixels")), "evaluation")
        client.create_model_version("tiny", "nowhere", tags={"medloom.run_key": key})
    assert registry.run_keys() == {1: "k1", 2: "k1", 3: "k2"}
    found = registry.run_artifacts_named("k1", PICTURES)
    assert len(found) == 4
    for name in (*found, found[0]):
        registry.delete_artifact(name)
    assert registry.run_artifacts_named("k1", ("*.png",)) != []
    assert registry.run_artifacts_named("k1", PICTURES) == []
    assert len(registry.run_artifacts_named("k2", PICTURES)) == 2
    registry.tag(1, WITHDRAWN_TAG, "7")
    assert registry.tags(1)[WITHDRAWN_TAG] == "7"


def test_the_command_withdraws_and_purges_with_a_real_registry(without: Clinic) -> None:
    audit, data = typer.Typer(), typer.Typer()
    withdraw_command.register(audit, data)
    audit.callback()(lambda: None)
    environment = without.project.environment()
    command = ["withdraw", NAME, "--reason", "letter 17", "--purge", "--json"]
    done = CliRunner().invoke(audit, command, env=environment)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["groups"] == [GROUP]
    assert facts["purged"]["left"] > 0
    assert [r.action for r in without.journal.records] == ["promoted", "withdrawn", "purged"]
