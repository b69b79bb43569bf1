"""The page Data: what was set aside is looked at, released and rejected by curators alone."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import proposed as proposed_page
from app import set_aside
from pipeline.data.revise.answering import propose_image
from pipeline.data.revise.proposals import Proposals
from pipeline.data.revise.quarantining import find_quarantined, list_quarantined
from pipeline.data.revise.revision import Revisions
from pipeline.flow import steps
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.looks import Looks
from tests.app.conftest import page_of
from tests.app.oidc import claims, log_in_settings
from tests.pipeline.data.reading.test_burnt_in import written
from tests.support.consenting import Clinic
from tests.support.pictures import encode, put
from tests.support.quarantined import copy_of, make_clinic, record_of, state_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clinic(tmp_path_factory.mktemp("clinic"))


@pytest.fixture
def clinic(made: Path, tmp_path: Path) -> Clinic:
    return copy_of(made, tmp_path)


@pytest.fixture
def page(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page, for the user of this machine."""
    return on_data(page_of(clinic.project, monkeypatch))


def on_data(page: AppTest) -> AppTest:
    page.run()
    return fine(page.switch_page("pages/data.py").run())


def fine(page: AppTest) -> AppTest:
    assert not page.exception
    assert not [one.value for one in page.error]
    return page


def decide(page: AppTest, record: str, button: str, reason: str) -> AppTest:
    page.multiselect(key="chosen").set_value([record]).run()
    page.text_input(key="decision-reason").set_value(reason)
    return page.button(key=button).click().run()


def texts(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*page.caption, *page.markdown, *page.warning))


def test_it_counts_what_the_project_holds_and_what_was_set_aside(page: AppTest) -> None:
    assert {one.label: one.value for one in page.metric} == {
        "Images": "8", "Groups": "8", "Classes": "2", "Set aside, open": "2",
        "Proposed, open": "0",
    }  # fmt: skip
    assert set(page.dataframe[0].value["reason"]) == {"burnt-in", "truncated"}
    assert "DOE JANE" not in str(page.dataframe[0].value)


@pytest.mark.parametrize("part", ["Proposed", "Holdings", "Decisions", "Looks"])
def test_every_part_is_shown(page: AppTest, part: str) -> None:
    page.query_params["part"] = part
    fine(page.run())
    said = {
        "Proposed": "Nobody proposes", "Holdings": "Revisions", "Decisions": "decided",
        "Looks": "looked",
    }[part]  # fmt: skip
    assert said in texts(page) + "".join(one.value for one in page.info)


def test_what_is_released_comes_in_with_the_next_ingest(clinic: Clinic, page: AppTest) -> None:
    record = record_of(clinic, "burnt-in")
    fine(decide(page, record, "release", "a ruler, no text"))
    assert "1 released; the next ingest takes them in" in page.success[0].value
    assert state_of(clinic, record) == "released"
    told = clinic.journal.records[-1]
    assert (told.action, told.reason) == ("released", "a ruler, no text")
    assert [one.value for one in page.metric if one.label == "Set aside, open"] == ["1"]
    assert steps.ingest(clinic.project).new == 1


def test_what_is_rejected_stays_out(clinic: Clinic, page: AppTest) -> None:
    record = record_of(clinic, "truncated")
    page.multiselect(key="chosen").set_value([record]).run()
    assert page.button(key="release").disabled, "nobody can overrule a damaged file"
    fine(decide(page, record, "reject", "cut off"))
    assert state_of(clinic, record) == "rejected"
    assert clinic.journal.records[-1].action == "kept-out"


def test_nothing_is_decided_without_a_reason(clinic: Clinic, page: AppTest) -> None:
    before, record = clinic.data, record_of(clinic, "burnt-in")
    decide(page, record, "release", "  ")
    assert "Say in a few words why" in page.warning[-1].value
    assert (clinic.data, state_of(clinic, record)) == (before, "open")


def test_while_an_ingest_runs_it_says_so_and_decides_nothing(
    clinic: Clinic, page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "_PATIENCE", 0.0)
    before, record = clinic.data, record_of(clinic, "burnt-in")
    with hold_lease(clinic.project.leases, "ingest", "ingest"):
        fine(decide(page, record, "release", "a ruler"))
    assert "This was not finished" in page.warning[-1].value
    assert "/" not in page.warning[-1].value
    assert clinic.data == before


def test_a_look_is_recorded_before_the_image_is_shown(clinic: Clinic, page: AppTest) -> None:
    record = record_of(clinic, "burnt-in")
    page.multiselect(key="chosen").set_value([record]).run()
    assert not page.get("bidi_component")
    page.text_input(key="look-why").set_value("is it a ruler?").run()
    fine(page.button(key="look").click().run())
    assert page.get("bidi_component")
    assert "may show text" in texts(page)
    (look,) = Looks(clinic.ledger).records
    (each,) = find_quarantined(clinic.project, record)
    assert look.images == [each.entry.image_id]
    assert (look.reason, look.purpose, look.role) == ("is it a ruler?", "quarantine", "admin")
    fine(page.run())
    assert len(Looks(clinic.ledger).records) == 1, "the same look goes on"


def test_three_that_are_chosen_are_all_shown(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at more than two shows them side by side, also one that is nearly of one grey."""
    flat = (100 + np.random.default_rng(0).integers(0, 4, (64, 64))).astype(np.uint8)
    put(clinic.project.landing / "stone" / "flat.png", encode(flat))
    put(clinic.project.landing / "cyst" / "ruler.png", encode(written("A RULER 10 CM", 256, 20)))
    steps.ingest(clinic.project)
    page = on_data(page_of(clinic.project, monkeypatch))
    records = [one.record for one in list_quarantined(clinic.project) if one.reason != "truncated"]
    page.multiselect(key="chosen").set_value(records).run()
    fine(page.button(key="look").click().run())
    assert len(records) == len(page.get("image")) == 3


def test_a_file_that_was_never_decoded_is_not_shown(clinic: Clinic, page: AppTest) -> None:
    page.multiselect(key="chosen").set_value([record_of(clinic, "truncated")]).run()
    fine(page.button(key="look").click().run())
    assert "Cannot be shown" in texts(page)
    assert not Looks(clinic.ledger).records


def test_a_viewer_is_refused_and_a_curator_decides_by_name(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in log_in_settings(tmp_path, "http://127.0.0.1:5").items():
        monkeypatch.setenv(name, value)
    page = page_of(clinic.project, monkeypatch)
    page.user = claims(roles=["viewer"])
    on_data(page)
    assert page.warning[0].value == "This page is for the role curator; yours is viewer."
    assert not page.metric
    assert not page.dataframe
    curator = page_of(clinic.project, monkeypatch)
    curator.user = claims(roles=["curator"])
    record = record_of(clinic, "burnt-in")
    fine(decide(on_data(curator), record, "reject", "a name"))
    assert clinic.journal.records[-1].by == "ann@example.org"
    assert record not in {row.id for row in Revisions(clinic.ledger).rows(clinic.data)}


# -- proposals -------------------------------------------------------------------------------------


def proposed(clinic: Clinic) -> str:
    image = min(row.id for row in Revisions(clinic.ledger).rows(clinic.data))
    propose_image(clinic.project, image, ["burnt-in-text"], by="reader-1a", note="a corner")
    return image


def on_proposed(page: AppTest, image: str) -> AppTest:
    page.query_params["part"] = "Proposed"
    fine(page.run())
    return fine(page.multiselect(key="proposed-chosen").set_value([image[:12]]).run())


def held(clinic: Clinic) -> set[str]:
    return {row.id for row in Revisions(clinic.ledger).rows(clinic.data)}


def test_what_readers_propose_is_listed_looked_at_and_set_aside(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = proposed(clinic)
    page = on_proposed(on_data(page_of(clinic.project, monkeypatch)), image)
    assert [one.value for one in page.metric if one.label == "Proposed, open"] == ["1"]
    (row,) = page.dataframe[0].value.to_dict("records")
    assert (row["record"], row["state"]) == (image[:12], "open")
    assert row["detail"] == 'proposed by reader-1a: burnt in text; "a corner"'
    assert not page.get("bidi_component")
    fine(page.button(key="proposed-look").click().run())
    assert page.get("bidi_component")
    (look,) = Looks(clinic.ledger).records
    assert (look.images, look.purpose) == ([image], "proposal")
    page.button(key="proposed-accept").click().run()
    assert "Say in a few words why" in page.warning[-1].value
    assert image in held(clinic)
    page.text_input(key="proposed-reason").set_value("a name")
    fine(page.button(key="proposed-accept").click().run())
    assert image not in held(clinic)
    assert "1 set aside." in page.success[0].value
    told = clinic.journal.records[-1]
    assert (told.action, told.reason, told.details["images"]) == ("kept-out", "a name", [image])


@pytest.mark.parametrize("button", ["decline", "correct"])
def test_a_proposed_image_is_kept_or_its_class_corrected(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, button: str
) -> None:
    image = proposed(clinic)
    labels = {row.id: row.label for row in Revisions(clinic.ledger).rows(clinic.data)}
    other = next(label for label in sorted(set(labels.values())) if label != labels[image])
    page = on_proposed(on_data(page_of(clinic.project, monkeypatch)), image)
    page.text_input(key="proposed-reason").set_value("I looked")
    if button == "correct":
        page.button(key="proposed-correct").click().run()
        assert "Choose the correct class" in page.warning[-1].value
        page.selectbox(key="proposed-class").set_value(other)
    fine(page.button(key=f"proposed-{button}").click().run())
    (row,) = [one for one in Revisions(clinic.ledger).rows(clinic.data) if one.id == image]
    assert row.label == (other if button == "correct" else labels[image])
    answered = Proposals(clinic.ledger).records[-1]
    assert answered.action == ("accepted" if button == "correct" else "declined")
    assert answered.role == "admin"


def test_while_an_ingest_runs_nothing_is_set_aside(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposed_page, "_PATIENCE", 0.0)
    image = proposed(clinic)
    page = on_proposed(on_data(page_of(clinic.project, monkeypatch)), image)
    page.text_input(key="proposed-reason").set_value("a name")
    with hold_lease(clinic.project.leases, "ingest", "ingest"):
        fine(page.button(key="proposed-accept").click().run())
    assert "This was not finished" in page.warning[-1].value
    assert image in held(clinic)
