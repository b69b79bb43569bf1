"""The page Study, without a browser."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import person, study_trial
from app.person import Person
from pipeline.base.project import Project
from pipeline.data.revise.proposals import Proposals
from pipeline.feedback.opinions import Opinions
from pipeline.ledger.ledger import Ledger
from pipeline.study.course import Course
from pipeline.study.create import create_study
from pipeline.study.records import Study
from tests.app.conftest import page_of
from tests.app.test_pages import captions, fine
from tests.support.studied import drop, studied_project


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return studied_project(tmp_path_factory.mktemp("studied"))


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(study_trial, "clock", made)
    return made


def study_page(project: Project, name: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    page = page_of(project, monkeypatch)
    page.query_params["study"] = name
    fine(page.run())
    return fine(page.switch_page("pages/study.py").run())


def press(page: AppTest, clock: Clock, key: str, after: float = 2.0) -> None:
    clock.now += after
    fine(page.button(key=key).click().run())


def begun(
    project: Project, name: str, monkeypatch: pytest.MonkeyPatch, clock: Clock, **plan: Any
) -> AppTest:
    """The page of a new study of three pairs, with its first trial on screen."""
    facts: dict[str, Any] = {"design": "pair", "trials": 3}
    create_study(project, name, 1, **(facts | plan))
    page = study_page(project, name, monkeypatch)
    press(page, clock, "study-begin")
    return page


def keys(page: AppTest) -> list[str]:
    return [str(one.key) for one in page.button]


def read(project: Project, name: str) -> Study:
    return Study.read(Ledger(project), name)


def course_of(project: Project, name: str) -> Course:
    return Course.of(project, name, person.current().reader(project), "reader")


def test_a_study_of_pairs_to_its_end(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    create_study(studied, "pairs", 1, "pair", 4)
    page = study_page(studied, "pairs", monkeypatch)
    assert keys(page) == ["study-begin"]
    assert not page.get("image"), "nothing is shown before it begins"
    press(page, clock, "study-begin")
    for place in range(4):
        assert not page.metric, "nothing is told before the end"
        press(page, clock, f"study-{place}-0-left", after=1.5 + place)
    study = read(studied, "pairs")
    answers = [one for one in study.records if one.action == "answered"]
    assert [one.seconds for one in answers] == [1.5, 2.5, 3.5, 4.5]
    assert {one.says for one in answers} == {"left"}
    assert all(one.reader.startswith("reader-") and one.role == "admin" for one in answers)
    assert page.subheader[0].value == "Study pairs: you are through"
    figures = {one.label: one.value for one in page.metric}
    assert figures["Accuracy"] == "0.50"
    assert figures["Median time"] == "3.0 s"


def test_a_single_image_is_graded_and_its_class_asked(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    page = begun(studied, "singles", monkeypatch, clock, design="single", ask_class=True)
    assert "class:" not in captions(page), "the class is asked for, so it is not told"
    assert len([one for one in keys(page) if one.startswith("study-0-0-")]) == 8
    press(page, clock, "study-0-0-synthetic-3", after=4.0)
    assert not [one for one in keys(page) if one.startswith("study-0-0-")]
    press(page, clock, "study-0-1-normal", after=9.0)
    answer = read(studied, "singles").records[-2]
    assert (answer.says, answer.confidence, answer.sees) == ("synthetic", 3, "normal")
    assert answer.seconds == 4.0, "the second question is not part of the time"


def test_what_comes_too_soon_is_not_taken(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    page = begun(studied, "held-down", monkeypatch, clock)
    press(page, clock, "study-0-0-left")
    press(page, clock, "study-1-0-left", after=0.1)
    assert len(read(studied, "held-down").answers) == 1
    press(page, clock, "study-1-0-left", after=0.5)
    assert len(read(studied, "held-down").answers) == 2


def test_a_pause_hides_the_image_and_a_reload_goes_on(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    page = begun(studied, "paused", monkeypatch, clock)
    press(page, clock, "study-0-0-left")
    assert page.get("image")
    press(page, clock, "study-pause-1")
    assert not page.get("image")
    assert "Go on: 2 to answer" in page.button(key="study-begin").label
    again = study_page(studied, "paused", monkeypatch)
    press(again, clock, "study-begin")
    press(again, clock, "study-1-0-right", after=2.5)
    study = read(studied, "paused")
    assert [one.seconds for one in study.records if one.action == "answered"] == [2.0, 2.5]


def test_a_rerun_is_not_another_look(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    page = begun(studied, "rerun", monkeypatch, clock)
    before = read(studied, "rerun").commit
    fine(page.run())
    assert page.get("image")
    assert read(studied, "rerun").commit == before


def test_an_image_that_is_withdrawn_while_it_is_shown_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    project = studied_project(tmp_path, each=2)
    page = begun(project, "withdrawn", monkeypatch, clock)
    (look,) = [one for one in read(project, "withdrawn").records if one.action == "looked"]
    drop(project, tmp_path, {look.image})
    press(page, clock, "study-0-0-left")
    assert not page.get("image")
    assert not read(project, "withdrawn").answers
    assert "0 of 2 answered; 1 are left out" in str(page.get("progress")[0].proto)


@pytest.mark.parametrize("role", ["viewer", "reader", "curator"])
def test_roles(studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock, role: str) -> None:
    name = f"roles-{role}"
    create_study(studied, name, 1, "pair", 3)
    monkeypatch.setattr(person, "current", lambda: Person(f"Dr {role}", role))
    page = study_page(studied, name, monkeypatch)
    if role == "viewer":
        assert "for the role reader" in page.warning[0].value
        assert not page.button
        return
    press(page, clock, "study-begin")
    assert bool([one for one in page.get("button_group") if one.key == "study-view"]) == (
        role == "curator"
    )
    if role == "curator":
        page.button_group(key="study-view").set_value("Results")
        fine(page.run())
        assert "in the middle of this study" in page.info[0].value


def test_results_of_all_readers_are_for_curators(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    create_study(studied, "everybody", 1, "pair", 3, readers=3)
    for number in range(3):
        monkeypatch.setattr(person, "current", lambda n=number: Person(f"Dr {n}", "reader"))
        page = study_page(studied, "everybody", monkeypatch)
        press(page, clock, "study-begin")
        for place in range(3):
            press(page, clock, f"study-{place}-0-left")
    monkeypatch.setattr(person, "current", lambda: Person("Dr Chief", "curator"))
    page = study_page(studied, "everybody", monkeypatch)
    page.query_params["study-view"] = "Results"
    fine(page.run())
    assert "Over 3 readers, 9 answers" in str([one.value for one in page.markdown])


def test_a_flag_answers_nothing_and_says_nothing_of_what_the_image_is(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    page = begun(studied, "flagged", monkeypatch, clock)
    press(page, clock, "study-flag-0", after=1.0)
    assert page.get("image"), "what is judged stays in sight"
    assert "study-0-0-left" not in keys(page), "a key typed into the note is no answer"
    press(page, clock, "study-flag-send-0", after=5.0)
    assert not read(studied, "flagged").flags, "it says neither which image nor what is wrong"
    page.button_group(key="study-flag-side-0").set_value("left")
    page.button_group(key="study-flag-tags-0").set_value(["burnt-in-text"])
    page.text_input(key="study-flag-note-0").set_value("upper edge")
    press(page, clock, "study-flag-send-0", after=20.0)
    (flag,) = read(studied, "flagged").flags
    assert (flag.trial, flag.side, flag.tags, flag.reason) == (
        course_of(studied, "flagged").pending[0], "left", ["burnt-in-text"], "upper edge",
    )  # fmt: skip
    said = captions(page) + str([one.value for one in page.markdown])
    assert "was noted" in said
    assert "proposed" not in said
    assert not Proposals(Ledger(studied)).records, "not while it could be told by the time it takes"
    press(page, clock, "study-0-0-left", after=2.5)
    (answer,) = [one for one in read(studied, "flagged").records if one.action == "answered"]
    assert answer.seconds == 3.5, "the form's time is not the answer's"
    press(page, clock, "study-flag-1")
    press(page, clock, "study-flag-back-1", after=9.0)
    press(page, clock, "study-1-0-left")
    assert len(read(studied, "flagged").flags) == 1
    press(page, clock, "study-2-0-left")
    proposed = [one.study for one in Proposals(Ledger(studied)).records]
    judged = [one.study for one in Opinions(Ledger(studied)).records]
    assert proposed + judged == ["flagged"], "at the reader's end"


def test_results_are_held_back_and_an_admin_looks_early_by_name(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(person, "current", lambda: Person("Dr 0", "reader"))
    page = begun(studied, "early", monkeypatch, clock)
    for place in range(3):
        press(page, clock, f"study-{place}-0-left")
    monkeypatch.setattr(person, "current", lambda: Person("Dr Chief", "curator"))
    page = study_page(studied, "early", monkeypatch)
    page.query_params["study-view"] = "Results"
    fine(page.run())
    assert "held back" in page.info[0].value
    assert not page.button
    monkeypatch.setattr(person, "current", lambda: Person("Dr Admin", "admin"))
    fine(page.run())
    page.text_input(key="study-ending-why").set_value("a talk")
    press(page, clock, "study-early")
    assert not page.info
    assert "Dr Admin looked early" in page.warning[0].value.replace("\\", "")
    assert read(studied, "early").records[-1].reason == "a talk"
    monkeypatch.setattr(person, "current", lambda: Person("Dr Chief", "curator"))
    fine(page.run())
    assert "held back" in page.info[0].value, "whoever did not look early"


def test_an_admin_closes_a_study_and_nobody_goes_on(
    studied: Project, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(person, "current", lambda: Person("Dr 0", "reader"))
    page = begun(studied, "closing", monkeypatch, clock)
    press(page, clock, "study-0-0-left")
    monkeypatch.setattr(person, "current", lambda: Person("Dr Admin", "admin"))
    admin = study_page(studied, "closing", monkeypatch)
    admin.query_params["study-view"] = "Results"
    fine(admin.run())
    admin.text_input(key="study-ending-why").set_value("the term is over")
    press(admin, clock, "study-close")
    assert "the term is over" in captions(admin).replace("\\", "")
    monkeypatch.setattr(person, "current", lambda: Person("Dr 0", "reader"))
    press(page, clock, "study-1-0-left")
    assert page.subheader[0].value == "Study closing has ended"
    assert not page.get("image")
    assert len(read(studied, "closing").answers) == 1


def test_a_project_without_a_study_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(studied_project(tmp_path, each=1), monkeypatch)
    fine(page.run())
    fine(page.switch_page("pages/study.py").run())
    assert page.subheader[0].value == "There is no study yet"
    assert "study create NAME" in page.code[0].value
