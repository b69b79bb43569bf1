"""Quarantined files: listed, released and rejected by a person."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.data.revise import advice as advice_module
from pipeline.data.revise.advice import advice
from pipeline.data.revise.quarantining import list_quarantined, reject, release
from pipeline.data.revise.revision import Revisions
from pipeline.data.revise.setting_aside import set_aside
from pipeline.flow import steps
from tests.pipeline.cli.test_main import invoke
from tests.pipeline.data.reading.test_burnt_in import written
from tests.support.consenting import Clinic
from tests.support.exposures import fill_pairs
from tests.support.pictures import encode, picture, put
from tests.support.quarantined import copy_of, make_clinic, record_of, state_of

pytestmark = pytest.mark.usefixtures("dvc_in_process")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clinic(tmp_path_factory.mktemp("clinic"))


@pytest.fixture
def clinic(made: Path, tmp_path: Path) -> Clinic:
    return copy_of(made, tmp_path)


def test_a_released_image_comes_in_with_the_next_ingest(clinic: Clinic) -> None:
    record = record_of(clinic, "burnt-in")
    done = release(clinic.project, [record], by="ada", reason="a ruler, no text")
    assert clinic.data == done.revision
    (told,) = [r for r in clinic.journal.records if r.action == "released"]
    assert (told.by, told.reason, told.data) == ("ada", "a ruler, no text", done.revision)
    assert told.details["images"] == list(done.images)
    report = steps.ingest(clinic.project)
    assert (report.new, report.reasons) == (1, {"truncated": 1})
    assert set(done.images) <= {row.id for row in Revisions(clinic.ledger).rows(clinic.data)}
    clinic.project.index_file.unlink()
    assert steps.ingest(clinic.project).reasons == {"truncated": 1}


def test_a_pair_that_was_set_aside_is_released_whole(tmp_path: Path) -> None:
    clinic = Clinic.at(Clinic.lay_out(tmp_path))
    fill_pairs(clinic.project.landing, patients=4)
    assert steps.ingest(clinic.project).new == 32
    first = Revisions(clinic.ledger).rows(clinic.data)[0]
    set_aside(clinic.project, [first.id], by="ada", reason="not of one place")
    report = steps.ingest(clinic.project)
    assert (report.new, report.reasons) == (0, {"rejected": 2})
    one, other = list_quarantined(clinic.project)
    done = release(clinic.project, [one.record], by="ada", reason="they are")
    assert set(done.images) == {one.entry.image_id, other.entry.image_id}
    assert steps.ingest(clinic.project).new == 2


def test_a_damaged_file_cannot_be_released(clinic: Clinic) -> None:
    before = clinic.data
    with pytest.raises(BadInputError, match=r"truncated.*Only these reasons"):
        release(clinic.project, [record_of(clinic, "truncated")], by="ada", reason="fine")
    with pytest.raises(BadInputError, match="medloom data quarantine list"):
        release(clinic.project, ["0" * 12], by="ada", reason="fine")
    with pytest.raises(BadInputError, match="--reason"):
        release(clinic.project, [record_of(clinic, "burnt-in")], by="ada", reason=" ")
    assert clinic.data == before


def lenient(clinic: Clinic) -> None:
    """Other thresholds, under which nothing counts as text."""
    text = "ingest: {allow_missing: true, burnt_in_glyphs: 0}\n"
    clinic.project.params_file.write_text(text)


def test_rejected_files_stay_out_unread_under_any_thresholds(
    clinic: Clinic,
) -> None:
    records = [record_of(clinic, "burnt-in"), record_of(clinic, "truncated")]
    done = reject(clinic.project, records, by="ada", reason="a name is to be read")
    (told,) = [r for r in clinic.journal.records if r.action == "kept-out"]
    assert (told.by, told.reason, told.data) == ("ada", "a name is to be read", done.revision)
    assert (told.details["images"], len(told.details["sources"])) == (list(done.images), 1)
    assert {state_of(clinic, record) for record in records} == {"rejected"}
    lenient(clinic)
    report = steps.ingest(clinic.project)
    assert (report.read, report.new) == (0, 0)
    assert report.reasons == {"burnt-in": 1, "truncated": 1}
    assert {state_of(clinic, record) for record in records} == {"rejected"}


def test_rejected_pixels_stay_out_in_another_file_and_without_the_index(
    clinic: Clinic,
) -> None:
    reject(clinic.project, [record_of(clinic, "burnt-in")], by="ada", reason="a name")
    lenient(clinic)
    text = clinic.project.landing / "cyst" / "text.png"
    put(text.with_name("again.tif"), encode(written("DOE JANE 1970", 256, 14), "TIFF"))
    stays_out = {"burnt-in": 1, "rejected": 1, "truncated": 1}
    assert steps.ingest(clinic.project).reasons == stays_out
    clinic.project.index_file.unlink()
    report = steps.ingest(clinic.project)
    assert (report.new, report.reasons) == (0, stays_out)


def test_without_a_rejection_the_same_thresholds_let_it_in(
    clinic: Clinic,
) -> None:
    lenient(clinic)
    assert steps.ingest(clinic.project).new == 1


def test_the_last_decision_counts_until_ingest(clinic: Clinic) -> None:
    record = record_of(clinic, "burnt-in")
    release(clinic.project, [record], by="ada", reason="a ruler")
    assert state_of(clinic, record) == "released"
    reject(clinic.project, [record], by="bob", reason="no, a name")
    assert state_of(clinic, record) == "rejected"
    assert steps.ingest(clinic.project).new == 0
    release(clinic.project, [record], by="ada", reason="both looked: a ruler")
    assert steps.ingest(clinic.project).new == 1
    with pytest.raises(BadInputError, match=r"is ingested.*medloom audit withdraw"):
        reject(clinic.project, [record], by="bob", reason="a name after all")
    actions = [r.action for r in clinic.journal.records]
    assert actions == ["released", "kept-out", "released"]


def test_ingested_and_unread_images_cannot_be_rejected(clinic: Clinic) -> None:
    put(clinic.project.landing / "stone" / "moved.png", encode(picture(0)))
    (clinic.project.landing / "cyst" / "link.png").symlink_to("phantom-00000-a.png")
    assert steps.ingest(clinic.project).reasons["conflict"] == 1
    before = clinic.data
    with pytest.raises(BadInputError, match=r"is ingested.*medloom audit withdraw"):
        reject(clinic.project, [record_of(clinic, "conflict")], by="ada", reason="wrong")
    with pytest.raises(BadInputError, match="could not be recognised"):
        reject(clinic.project, [record_of(clinic, "symlink")], by="ada", reason="wrong")
    with pytest.raises(BadInputError, match="--reason"):
        reject(clinic.project, [record_of(clinic, "truncated")], by="ada", reason="")
    assert clinic.data == before


def test_each_image_of_a_file_has_its_own_record(clinic: Clinic) -> None:
    pages = [Image.fromarray(written(name, 256, 14)) for name in ("DOE JANE 1970", "ROE JOHN 1971")]
    stream = io.BytesIO()
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    put(clinic.project.landing / "cyst" / "pages.tif", stream.getvalue())
    assert steps.ingest(clinic.project).reasons == {"burnt-in": 3, "truncated": 1}
    one, two = (each for each in list_quarantined(clinic.project) if each.item)
    assert one.record.removesuffix(".1") == two.record.removesuffix(".2")
    reject(clinic.project, [two.record], by="ada", reason="a name")
    assert (state_of(clinic, one.record), state_of(clinic, two.record)) == ("open", "rejected")
    release(clinic.project, [one.record.removesuffix(".1")], by="ada", reason="both are rulers")
    assert steps.ingest(clinic.project).new == 2


def said(clinic: Clinic, *arguments: str) -> Any:
    return json.loads(invoke(clinic.project, *arguments, "--json"))


def test_list_show_and_decide_by_the_command_line(clinic: Clinic) -> None:
    put(clinic.project.landing / "stone" / "empty.png", b"")
    steps.ingest(clinic.project)
    everything = said(clinic, "quarantine")
    assert everything == said(clinic, "data", "quarantine", "list")
    assert [row["reason"] for row in everything] == ["truncated", "burnt-in", "empty"]
    assert [row["file"] for row in said(clinic, "quarantine", "--class", "stone")] == [
        "stone/empty.png"
    ]
    (row,) = said(clinic, "data", "quarantine", "list", "--reason", "burnt-in")
    record = row["record"]
    assert (row["state"], row["file"]) == ("open", "cyst/text.png")
    arguments = ("data", "quarantine", "reject", record, "--reason", "a name", "--by", "ada")
    assert said(clinic, *arguments)["records"] == [record]
    (shown,) = said(clinic, "data", "quarantine", "show", record)
    assert shown["state"] == "rejected"
    assert "release" in shown["what can be done"]
    assert [(d["action"], d["by"], d["reason"]) for d in shown["decided"]] == [
        ("kept-out", "ada", "a name")
    ]
    plain = re.sub(r"\s+", "", invoke(clinic.project, "data", "quarantine", "show", record))
    assert str(clinic.project.landing / "cyst" / "text.png") in plain
    assert "kept-outbyada" in plain
    released = said(clinic, "data", "quarantine", "release", record, "--reason", "a ruler")
    assert released["reasons"] == ["burnt-in"]


def test_there_is_advice_for_every_reason() -> None:
    folder = Path(advice_module.__file__).parents[1]
    text = "".join(file.read_text() for file in folder.rglob("*.py"))
    reasons = set(re.findall(r'Refused\(\s*"([a-z-]+)"', text)) - {"known"}
    assert len(reasons) > 30
    assert {reason for reason in reasons if advice(reason) == advice("no such reason")} == set()
