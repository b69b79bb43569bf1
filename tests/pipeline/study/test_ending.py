"""Results are held back until a study is over, or somebody looks early by name."""

from typing import Any

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.study.course import Course, Reply
from pipeline.study.create import create_study
from pipeline.study.ending import Progress, close, early_looks, look_early, require_shown
from pipeline.study.records import Study
from pipeline.study.results import results_of
from pipeline.study.words import state_in_words
from tests.support.studied import drop, studied_project

NOBODY = frozenset[int]()


def read(project: Project, name: str) -> Study:
    return Study.read(Ledger(project), name)


def course(project: Project, name: str, reader: str) -> Course:
    return Course.of(project, name, reader, "reader")


def answer_all(project: Project, name: str, *readers: str) -> None:
    for reader in readers:
        found = course(project, name, reader).look()
        while not found.over:
            found = found.answer(found.pending[0], Reply("left", 1.0))


def why_not(project: Project, name: str, reader: str = "reader-x", by: str = "ada") -> str:
    return Progress.of(read(project, name), NOBODY).held_back_from(reader, by)


def test_a_study_with_its_readers_is_complete_and_takes_no_more(studied: Project) -> None:
    create_study(studied, "complete", 1, "pair", 3, readers=2)
    answer_all(studied, "complete", "reader-a")
    assert "readers through: 1, in the middle: 0); it is complete with 2" in why_not(
        studied, "complete"
    )
    course(studied, "complete", "reader-b").look()
    answer_all(studied, "complete", "reader-c")
    assert "in the middle: 1" in why_not(studied, "complete"), "reader-b may still answer"
    found = course(studied, "complete", "reader-b")
    while not found.over:
        found = found.answer(found.pending[0], Reply("left", 1.0))
    assert why_not(studied, "complete") == ""
    late = course(studied, "complete", "reader-d")
    assert late.over
    with pytest.raises(BadInputError, match="is over: complete with 3 readers, as planned"):
        late.look()


def test_without_planned_readers_it_ends_when_somebody_closes_it(studied: Project) -> None:
    create_study(studied, "closed", 1, "pair", 3)
    answer_all(studied, "closed", "reader-a")
    found = course(studied, "closed", "reader-b").look()
    assert "it ends when somebody closes it" in why_not(studied, "closed")
    with pytest.raises(BadInputError, match="--reason"):
        close(read(studied, "closed"), by="ada", reason=" ")
    close(read(studied, "closed"), by="ada", reason="the term is over", role="admin")
    assert why_not(studied, "closed") == why_not(studied, "closed", "reader-b") == ""
    with pytest.raises(BadInputError, match="was closed by ada: the term is over"):
        found.answer(found.pending[0], Reply("left", 1.0))
    with pytest.raises(BadInputError, match="was closed by ada"):
        close(read(studied, "closed"), by="bob", reason="again")
    study = read(studied, "closed")
    assert len(study.answers) == 3
    assert "closed by ada" in state_in_words(results_of(study, NOBODY))


def test_an_early_look_is_kept_and_told_with_the_results(studied: Project) -> None:
    create_study(studied, "early", 1, "pair", 3)
    answer_all(studied, "early", "reader-a")
    with pytest.raises(BadInputError, match=r"study early: .*held back.* --early shows them now"):
        require_shown(read(studied, "early"), NOBODY, reader="reader-x", by="ada")
    facts: dict[str, Any] = {"reader": "reader-x", "by": "ada", "reason": "a talk"}
    study = look_early(read(studied, "early"), NOBODY, **facts)
    require_shown(study, NOBODY, reader="reader-x", by="ada")
    assert look_early(study, NOBODY, **facts).commit == study.commit, "of the same answers"
    assert why_not(studied, "early", by="bob"), "who did not look early may not see them"
    answer_all(studied, "early", "reader-b")
    assert why_not(studied, "early"), "there are more answers now"
    close(read(studied, "early"), by="ada", reason="done")
    (look,) = early_looks(read(studied, "early"))
    assert (look.by, look.reason, look.answers) == ("ada", "a talk", 3)
    told = state_in_words(results_of(read(studied, "early"), NOBODY))
    assert "worth less, since results were seen before the end: ada looked early" in told
    assert "after 3 answers: a talk" in told


def test_nobody_in_the_middle_sees_results_not_even_early(studied: Project) -> None:
    create_study(studied, "middle", 1, "pair", 3)
    course(studied, "middle", "reader-a").look()
    assert "You are in the middle" in why_not(studied, "middle", "reader-a")
    with pytest.raises(BadInputError, match="You are in the middle"):
        look_early(read(studied, "middle"), NOBODY, reader="reader-a", by="ada")
    with pytest.raises(BadInputError, match="You are in the middle") as told:
        require_shown(read(studied, "middle"), NOBODY, reader="reader-a", by="ada")
    assert "--early" not in str(told.value)
    assert len(read(studied, "middle").records) == 2


def test_a_trial_that_cannot_be_shown_any_more_keeps_no_study_open(tmp_path: Any) -> None:
    project = studied_project(tmp_path, each=2)
    study = create_study(project, "gone", 1, "pair", 3, readers=1)
    found = course(project, "gone", "reader-a").look()
    for _ in range(2):
        found = found.answer(found.pending[0], Reply("left", 1.0))
    drop(project, tmp_path, {study.plan.trials[found.pending[0]].image})
    assert course(project, "gone", "reader-a").progress.complete
