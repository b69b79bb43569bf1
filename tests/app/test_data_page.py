"""The page Data: what was set aside is looked at, released and rejected by curators alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import set_aside
from pipeline.data.revise.quarantining import find_quarantined, list_quarantined
from pipeline.data.revise.revision import Revisions
from pipeline.flow import steps
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.looks import Looks
from tests.app.conftest import page_of
from tests.app.oidc import claims, log_in_settings
from tests.pipeline.data.reading.test_burnt_in import written
from tests.support.consenting import Clinic
from tests.support.pictures import encode, picture, put


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    clinic = Clinic.make(folder)
    put(clinic.project.landing / "cyst" / "text.png", encode(written("DOE JANE 1970", 256, 14)))
    put(clinic.project.landing / "cyst" / "cut.png", encode(picture(77))[:-200])
    assert steps.ingest(clinic.project).reasons == {"burnt-in": 1, "truncated": 1}
    return folder


@pytest.fixture
def clinic(made: Path, tmp_path: Path) -> Clinic:
    shutil.copytree(made, tmp_path / "copy")
    return Clinic.at(tmp_path / "copy")


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


def record_of(clinic: Clinic, reason: str) -> str:
    (found,) = [each for each in list_quarantined(clinic.project) if each.reason == reason]
    return found.record


def state_of(clinic: Clinic, record: str) -> str:
    (found,) = find_quarantined(clinic.project, record)
    return found.state


def decide(page: AppTest, record: str, button: str, reason: str) -> AppTest:
    page.multiselect(key="chosen").set_value([record]).run()
    page.text_input(key="decision-reason").set_value(reason)
    return page.button(key=button).click().run()


def texts(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*page.caption, *page.markdown, *page.warning))


def test_it_counts_what_the_project_holds_and_what_was_set_aside(page: AppTest) -> None:
    assert {one.label: one.value for one in page.metric} == {
        "Images": "8", "Groups": "8", "Classes": "2", "Set aside, open": "2",
    }  # fmt: skip
    assert set(page.dataframe[0].value["reason"]) == {"burnt-in", "truncated"}
    assert "DOE JANE" not in str(page.dataframe[0].value)


@pytest.mark.parametrize("part", ["Holdings", "Decisions", "Looks"])
def test_every_part_is_shown(page: AppTest, part: str) -> None:
    page.query_params["part"] = part
    fine(page.run())
    said = {"Holdings": "Revisions", "Decisions": "decided", "Looks": "looked"}[part]
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
