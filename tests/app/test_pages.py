"""What pages show and say, without a browser."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import shared
from app.wording import SYNTHETIC
from pipeline.base.project import Project
from pipeline.feedback import copies
from pipeline.feedback.opinions import Opinions
from pipeline.ledger.ledger import Ledger
from pipeline.registry import known_versions
from pipeline.registry.known_versions import VersionPage
from pipeline.registry.order import Order
from tests.app.conftest import MAIN, keyed, page_of
from tests.app.oidc import log_in_settings
from tests.support.copied import COPIED, copying_project
from tests.support.generators import tiny_generator
from tests.support.shown import empty_project, shown_project
from tests.support.told import serve


@pytest.fixture
def copying(tmp_path: Path) -> Project:
    return copying_project(tmp_path, count=36)


def captions(page: AppTest) -> str:
    return "\n".join(one.value for one in page.caption)


def address(page: AppTest) -> dict[str, str]:
    values = page.query_params.items()
    return {name: value if isinstance(value, str) else value[0] for name, value in values}


def fine(page: AppTest) -> AppTest:
    assert not page.exception
    assert not [one.value for one in page.error]
    return page


def test_the_champion_is_drawn_and_its_number_stands_in_the_address(pages: AppTest) -> None:
    fine(pages.run())
    assert address(pages) == {
        "version": "1", "label": "cyst", "n": "8", "seed": "0", "truncation": "1", "view": "Grid",
    }  # fmt: skip
    assert "version 1 (champion) · weights sha256" in captions(pages)
    assert SYNTHETIC in captions(pages)


@pytest.mark.parametrize(
    "name",
    [
        "generate",
        "explore",
        "evaluate",
        "versions",
        "feedback",
        "study",
        "monitor",
        "data",
        "about",
    ],
)
def test_every_page_runs(pages: AppTest, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        known_versions, "version_page", lambda project, number: VersionPage("card", "<h1>r</h1>")
    )
    fine(pages.run())
    fine(pages.switch_page(f"pages/{name}.py").run())


@pytest.mark.parametrize("page", sorted(MAIN.parent.glob("pages/*.py")), ids=lambda page: page.stem)
def test_every_page_asks_who_somebody_is(
    shown: Project, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit runs a page by itself for whoever asks for it before the navigation is known."""
    told = log_in_settings(tmp_path, "http://127.0.0.1:5") | shown.environment()
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    opened = AppTest.from_file(str(page), default_timeout=300).run()
    assert not opened.exception
    assert [one.label for one in opened.button] == ["Log in"]
    assert [one.value for one in opened.title] == ["medloom"]
    assert not any((opened.metric, opened.selectbox, opened.table, opened.caption))
    assert f'"{page.stem}": "' in MAIN.read_text(), "it is in the navigation, for a role"


@pytest.mark.parametrize("topic", ["Mixture", "Walk", "Likeness", "Edit", "Versions", "Finding"])
def test_every_topic_is_explored(pages: AppTest, topic: str) -> None:
    fine(pages.run())
    pages.switch_page("pages/explore.py")
    pages.query_params["topic"] = topic
    pages.query_params["label"] = "stone"
    fine(pages.run())
    assert address(pages)["topic"] == topic


@pytest.mark.parametrize(("towards", "images"), [("cyst", 5), ("direction 1", 9)])
def test_images_of_a_version_with_styles_are_edited(
    pages: AppTest, towards: str, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine(pages.run())
    pages.switch_page("pages/explore.py")
    pages.query_params["topic"], pages.query_params["label"] = "Edit", "stone"
    fine(pages.run())
    assert "train.family: style" in pages.info[0].value
    serve(monkeypatch, tiny_generator(("cyst", "stone"), family="style"))
    st.cache_resource.clear()
    st.cache_data.clear()
    pages.query_params["towards"] = towards
    fine(pages.run())
    assert len(pages.get("image")) == images


def test_a_mixture_is_told_as_it_is_typed(pages: AppTest) -> None:
    pages.query_params["label"] = "1*cyst+2*stone"
    fine(pages.run())
    assert pages.subheader[0].value == r"8 synthetic images, 1\*cyst\+2\*stone"


def test_an_address_fills_the_page_and_findings_are_told(pages: AppTest) -> None:
    told = {"version": "1", "label": "stone", "findings": "2", "size": "3-5px", "n": "3"}
    told |= {"seed": "7", "truncation": "0.8", "view": "One", "image": "2"}
    for name, value in told.items():
        pages.query_params[name] = value
    fine(pages.run())
    assert address(pages) == told
    assert "Asked to show 6 × stone in all" in captions(pages)
    assert pages.number_input(key="image").value == 2
    pages.number_input(key="n").set_value(2).run()
    assert address(fine(pages))["image"] == "1", "there is no third image any more"


def test_nonsense_in_an_address_is_as_if_it_were_not_there(pages: AppTest) -> None:
    for name, value in {"version": "champion", "n": "900", "seed": "-1", "view": "All"}.items():
        pages.query_params[name] = value
    fine(pages.run())
    assert {name: address(pages)[name] for name in ("version", "n", "seed", "view")} == {
        "version": "1", "n": "8", "seed": "0", "view": "Grid",
    }  # fmt: skip


def test_an_unknown_version_in_an_address_is_named_with_those_that_exist(pages: AppTest) -> None:
    pages.query_params["version"] = "99"
    fine(pages.run())
    (warning,) = pages.warning
    assert "names version 99, which medloom-shown does not have; it has 1." in warning.value
    assert address(pages)["version"] == "1"
    assert not fine(pages.run()).warning


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("label", "lung", "unknown class lung"), ("size", "large", "such as 4px")],
)
def test_what_cannot_be_drawn_is_said_in_words(
    pages: AppTest, name: str, value: str, said: str
) -> None:
    pages.query_params["findings"] = "1"
    pages.query_params[name] = value
    pages.run()
    assert not pages.exception
    (error,) = pages.error
    assert said in error.value
    assert "/" not in error.value


def test_a_version_without_findings_offers_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = fine(page_of(shown_project(tmp_path, kinds=()), monkeypatch).run())
    assert not [one for one in page.number_input if one.key == "findings"]
    assert "trained without findings" in captions(page)


def test_what_a_reader_says_is_recorded_and_shown(pages: AppTest, shown: Project) -> None:
    pages.query_params |= {"label": "stone", "view": "One", "image": "2", "truncation": "0.8"}
    fine(pages.run())
    pages.button(key="opinion-flawed").click().run()
    assert "Choose what is wrong" in pages.warning[0].value
    keyed(pages.button_group, "opinion-tags").set_value(["artefact"])
    keyed(pages.text_input, "opinion-note").set_value("stripes")
    pages.button(key="opinion-flawed").click()
    assert "Recorded: artefact." in fine(pages.run()).success[0].value
    (said,) = Opinions(Ledger(shown)).records
    assert (said.version, said.label, said.index, said.note) == (1, "stone", 2, "stripes")
    assert said.settings == {"truncation": 0.8}
    fine(pages.switch_page("pages/feedback.py").run())
    assert "stripes" in str([table.value for table in pages.table])


def test_what_is_chosen_for_one_image_is_not_said_of_the_next(
    pages: AppTest, shown: Project
) -> None:
    before = len(Opinions(Ledger(shown)).records)
    pages.query_params |= {"label": "stone", "view": "One", "image": "2"}
    fine(pages.run())
    keyed(pages.button_group, "opinion-tags").set_value(["artefact"])
    keyed(pages.text_input, "opinion-note").set_value("stripes")
    fine(pages.button(key="opinion-flawed").click().run())
    pages.query_params["image"] = "3"
    fine(pages.run())
    assert keyed(pages.button_group, "opinion-tags").value == []
    pages.button(key="opinion-flawed").click().run()
    assert "Choose what is wrong" in pages.warning[0].value
    assert [one.index for one in Opinions(Ledger(shown)).records[before:]] == [2]


def test_three_readers_ask_for_a_retraining_and_are_told_what_becomes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shown_project(tmp_path)
    for number, name in enumerate(("ann", "bob", "cas")):
        monkeypatch.setenv("LOGNAME", name)
        page = page_of(project, monkeypatch)
        page.query_params |= {"label": "stone", "view": "One", "seed": str(number), "image": "0"}
        fine(page.run())
        keyed(page.button_group, "opinion-tags").set_value(["artefact"])
        fine(page.button(key="opinion-flawed").click().run())
    fine(page.switch_page("pages/feedback.py").run())
    (told,) = (one.value.replace("\\", "") for one in page.info)
    asked = "feedback on version 1: stone flawed in 3 of 3"
    assert told.startswith(f"{asked}. A retraining is asked for; the scheduler plans it")
    assert list(page.table[0].value["asks for"]) == ["a retraining"]
    assert list(page.table[1].value["led to"]) == ["asked for"] * 3


def test_images_on_screen_are_measured_beside_real_ones_of_which_none_is_shown(
    copying: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(copying, monkeypatch)
    page.switch_page("pages/evaluate.py")
    page.query_params |= {"label": "stone", "seed": "7", "n": "6", "truncation": "1"}
    page.run()
    assert not page.exception
    assert f"no. {COPIED}." in page.error[0].value
    assert "1 of 6 are copies" in captions(page)
    assert "No two versions were compared yet" in captions(page)
    assert "of held-out real ones" in captions(page)
    assert len(page.get("image")) == 6, "and no real image"
    page.button_group(key="order").set_value("Most alike first").run()
    assert page.button(key=f"look-at-{COPIED}").label == f"Look at {COPIED}"
    page.query_params["label"] = "3*cyst+stone"
    page.run()
    assert "no class of real images" in page.warning[0].value


def test_without_real_images_a_batch_is_shown_and_said_not_to_be_measured(
    pages: AppTest,
) -> None:
    fine(pages.run())
    fine(pages.switch_page("pages/evaluate.py").run())
    assert "cannot be measured here" in pages.warning[0].value
    assert pages.get("image")


def test_an_image_that_is_said_to_look_copied_is_measured_and_its_version_blocked(
    copying: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "tell_block", lambda *_: "")
    page = page_of(copying, monkeypatch)
    page.query_params |= {"label": "stone", "seed": "7", "view": "One", "image": str(COPIED)}
    fine(page.run())
    keyed(page.button_group, "opinion-tags").set_value(["looks-copied"])
    page.button(key="opinion-flawed").click().run()
    assert not page.exception
    said = [one.value for one in page.error]
    assert "it is a copy" in said[0]
    assert "version 1 is blocked for good and no longer champion" in said[1]
    later = page_of(copying, monkeypatch).run()
    assert "images of version 1 are not handed out" in later.error[0].value
    fine(page.switch_page("pages/feedback.py").run())
    assert list(page.table[1].value["copy?"]) == ["a copy"]


def test_a_project_that_learned_nothing_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = fine(page_of(empty_project(tmp_path), monkeypatch).run())
    assert page.subheader[0].value == "This project has learned nothing yet"
    assert "medloom --project shown demo" in page.code[0].value


def test_two_seeds_are_kept_apart_by_the_cache(
    shown: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shown.environment().items():
        monkeypatch.setenv(name, value)
    one, other = (shared.draw(Order(1, "cyst", 1, seed)) for seed in (0, 1))
    assert one.images.tobytes() != other.images.tobytes()
    assert shared.draw(Order(1, "cyst", 1, 0)).images.tobytes() == one.images.tobytes()
