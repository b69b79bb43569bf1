"""Images that were set aside by their looks, and a person who sees it otherwise."""

import shutil
from pathlib import Path

import pytest

from pipeline import tasks
from pipeline.console.tables import quarantined_files
from pipeline.errors import BadInputError
from pipeline.release import release
from pipeline.revising import Revisions
from tests.pipeline.consenting import Clinic
from tests.pipeline.ingest.pictures import encode, picture, put
from tests.pipeline.ingest.test_burnt_in import written


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    clinic = Clinic.make(folder)
    put(clinic.settings.landing / "cyst" / "text.png", encode(written("DOE JANE 1970", 256, 14)))
    put(clinic.settings.landing / "cyst" / "cut.png", encode(picture(77))[:-200])
    assert tasks.ingest(clinic.settings).reasons == {"burnt-in": 1, "truncated": 1}
    return folder


@pytest.fixture
def clinic(made: Path, tmp_path: Path) -> Clinic:
    shutil.copytree(made, tmp_path / "copy")
    return Clinic.at(tmp_path / "copy")


def record_of(clinic: Clinic, reason: str) -> str:
    (row,) = [row for row in quarantined_files(clinic.settings) if row["reason"] == reason]
    return row["record"]


def test_a_released_image_comes_in_with_the_next_ingest(clinic: Clinic) -> None:
    record = record_of(clinic, "burnt-in")
    done = release(clinic.settings, [record], by="ada", reason="a ruler, no text")
    assert clinic.data == done.revision
    (told,) = [r for r in clinic.journal.records if r.action == "released"]
    assert (told.by, told.reason, told.data) == ("ada", "a ruler, no text", done.revision)
    assert told.details["images"] == list(done.images)
    report = tasks.ingest(clinic.settings)
    assert (report.new, report.reasons) == (1, {"truncated": 1})
    assert set(done.images) <= {row.id for row in Revisions(clinic.ledger).rows(clinic.data)}
    clinic.settings.index_file.unlink()
    assert tasks.ingest(clinic.settings).reasons == {"truncated": 1}


def test_a_damaged_file_is_no_matter_of_opinion(clinic: Clinic) -> None:
    before = clinic.data
    with pytest.raises(BadInputError, match=r"truncated.*Only what was set aside by its looks"):
        release(clinic.settings, [record_of(clinic, "truncated")], by="ada", reason="fine")
    with pytest.raises(BadInputError, match="medloom quarantine"):
        release(clinic.settings, ["0" * 12], by="ada", reason="fine")
    with pytest.raises(BadInputError, match="--reason"):
        release(clinic.settings, [record_of(clinic, "burnt-in")], by="ada", reason=" ")
    assert clinic.data == before
