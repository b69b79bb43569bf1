"""The index that hosts share: what one has ingested is no news to another."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.data.landing.index import Entry, LocalIndex
from pipeline.data.landing.shared_index import newest_entries
from pipeline.flow import steps
from pipeline.ledger.ledger import Ledger
from pipeline.stages.snapshot import take_snapshot
from tests.support.pictures import encode, fill, picture, put

pytestmark = pytest.mark.usefixtures("dvc_in_process")


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready")
    project = Project.load({"MEDLOOM_STATE": str(folder / "state" / "tiny")})
    project.state.mkdir(parents=True)
    project.params_file.write_text("retrain: {min_new_images: 1, quiet_minutes: 0.0}\n")
    fill(project.landing, groups=3, each=1)
    put(project.landing / "stone" / "phantom-00001-a.png", encode(picture(55)))
    steps.ingest(project)
    take_snapshot(project, Ledger(project))
    return folder


@pytest.fixture
def ready(_made: Path, project: Project, tmp_path: Path) -> Project:
    """Images have been ingested, and a single new one is worth a run."""
    shutil.copytree(_made, tmp_path, symlinks=True, dirs_exist_ok=True)
    return project


@pytest.fixture
def other(ready: Project, tmp_path: Path) -> Project:
    return replace(ready, state=tmp_path / "other", cache=tmp_path / "other" / "cache")


def test_another_host_sees_no_news_and_reads_nothing_again(ready: Project, other: Project) -> None:
    with pytest.raises(NothingNewError, match="no new files"):
        steps.watch(other)
    assert not other.index_file.exists()
    report = steps.ingest(other)
    assert (report.read, report.new) == (0, 0)
    put(ready.landing / "stone" / "new.png", encode(picture(77)))
    assert "1 files" in steps.watch(other)
    assert steps.ingest(other).new == 1
    with pytest.raises(NothingNewError, match="no new files"):
        steps.watch(ready)
    assert steps.ingest(ready).read == 0


def test_a_lost_index_is_built_again_with_the_same_entries(ready: Project, other: Project) -> None:
    before = LocalIndex.of(ready).entries()
    for file in (Path(ready.remote) / "medloom" / "index").iterdir():
        file.unlink()
    assert "files, quiet" in steps.watch(other), "without any index, all may be new"
    assert steps.ingest(other).new == 0
    assert LocalIndex.of(other).entries() == before
    with pytest.raises(NothingNewError, match="no new files"):
        steps.watch(other)


def test_what_the_last_ingest_of_any_host_made_of_the_files_is_known(
    ready: Project, other: Project, tmp_path: Path
) -> None:
    stale = LocalIndex.of(other)
    stale.record([Entry("f", 0, 1, 1, "quarantined", reason="unreadable")])
    newest = LocalIndex.of(ready).entries()
    assert newest_entries(other, Ledger(other)) == newest != stale.entries()
    without = replace(other, patient_key=tmp_path / "none")
    assert newest_entries(without, Ledger(without)) is None
    assert not without.patient_key.exists()


def test_a_host_without_the_patients_key_says_so_and_makes_none(
    ready: Project, other: Project, tmp_path: Path
) -> None:
    without = replace(other, patient_key=tmp_path / "none")
    with pytest.raises(BadInputError, match="MEDLOOM_PATIENT_KEY_FILE"):
        steps.watch(without)
    assert not without.patient_key.exists()
    without.patient_key.write_text("another key, of as many bytes as it takes")
    with pytest.raises(BadInputError, match="set it to the right file"):
        steps.watch(without)
