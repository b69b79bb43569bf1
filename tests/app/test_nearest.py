"""The nearest real image on the page Evaluate: for readers, recorded, and withdrawn ones never."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import person
from app.person import Person
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import Looks
from tests.app.conftest import page_of
from tests.app.test_pages import captions
from tests.support.studied import drop, ids_of, studied_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def studied(folder: Path) -> Project:
    return studied_project(folder)


def evaluated(project: Project, monkeypatch: pytest.MonkeyPatch, role: str = "reader") -> AppTest:
    monkeypatch.setattr(person, "current", lambda: Person("ann", role))
    page = page_of(project, monkeypatch)
    page.switch_page("pages/evaluate.py")
    page.query_params |= {"label": "stone", "seed": "7", "n": "3"}
    page.run()
    assert not page.exception
    return page


def keys(page: AppTest) -> list[str]:
    return [str(one.key) for one in page.button]


def test_a_reader_sees_it_beside_the_image_once_the_look_is_recorded(
    studied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = evaluated(studied, monkeypatch)
    assert "held-out real images" in captions(page)
    assert not page.get("bidi_component")
    page.number_input(key="nearest").set_value(1).run()
    page.text_input(key="nearest-why").set_value("does it memorise?").run()
    page.button(key="nearest-look").click().run()
    assert not page.exception
    assert not page.error
    assert page.get("bidi_component")
    assert len(page.get("image")) == 3, "the real one has no address"
    (look,) = Looks(Ledger(studied)).records
    assert (look.by, look.role, look.purpose, look.reason) == (
        "ann", "reader", "nearest", "does it memorise?",
    )  # fmt: skip
    assert set(look.images) <= ids_of(studied, "train")
    page.run()
    assert page.get("bidi_component"), "the same look goes on"
    assert len(Looks(Ledger(studied)).records) == 1
    page.number_input(key="nearest").set_value(2).run()
    assert not page.get("bidi_component"), "another image is another look"


def test_a_viewer_learns_how_alike_it_is_and_sees_no_real_image(
    studied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = evaluated(studied, monkeypatch, "viewer")
    assert "Correlation 0." in captions(page)
    assert "shown to the role reader" in captions(page)
    assert "nearest-look" not in keys(page)


def test_an_image_that_was_withdrawn_meanwhile_is_not_shown(
    studied: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = evaluated(studied, monkeypatch)
    page.button(key="nearest-look").click().run()
    assert page.get("bidi_component")
    drop(studied, folder, ids_of(studied, "train"))
    page.run()
    assert not page.get("bidi_component")
    page.button(key="nearest-look").click().run()
    assert not page.exception
    assert "not shown: it was withdrawn" in page.error[0].value
    assert not page.get("bidi_component")
    assert len(Looks(Ledger(studied)).records) == 1
