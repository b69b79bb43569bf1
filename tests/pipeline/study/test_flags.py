"""What readers of a study flag: real images become proposals, synthetic ones opinions."""

from typing import Any

import pytest

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.data.revise.answering import list_proposed
from pipeline.data.revise.proposals import Proposals
from pipeline.feedback.opinions import Opinions
from pipeline.feedback.rules import FeedbackConfig, flag_rates
from pipeline.flow.steps import watch
from pipeline.ledger.chain import STUDY, STUDY_FOLDER
from pipeline.ledger.ledger import Ledger
from pipeline.study import flags
from pipeline.study.course import Course, Reply
from pipeline.study.create import create_study
from pipeline.study.ending import close
from pipeline.study.flags import HandedOn, hand_on_flags
from pipeline.study.plan import Design
from pipeline.study.records import Study
from tests.support.studied import studied_project


@pytest.fixture
def project(tmp_path: Any) -> Project:
    return studied_project(tmp_path, each=4)


def begun(project: Project, design: Design, trials: int = 6, reader: str = "reader-a") -> Course:
    create_study(project, "s", 1, design, trials)
    return Course.of(project, "s", reader, "reader").look()


def trials_of(course: Course, *, real: bool) -> list[int]:
    return [n for n, one in enumerate(course.plan.trials) if bool(one.image) == real]


def test_what_becomes_of_a_flag_is_decided_by_what_the_image_was(project: Project) -> None:
    course = begun(project, "single")
    real, drawn = trials_of(course, real=True)[0], trials_of(course, real=False)[0]
    course = course.flag(real, ["burnt-in-text"], "upper edge ")
    course = course.flag(drawn, ["artefact", "wrong-class"])
    kinds = [set(one.model_dump()) for one in course.study.flags]
    assert kinds[0] == kinds[1]
    assert hand_on_flags(project) == HandedOn(1, 0, 1), "its reader could see an opinion"
    (proposal,) = Proposals(Ledger(project)).records
    image = course.plan.trials[real].image
    assert (proposal.image, proposal.by, proposal.reason) == (image, "reader-a", "upper edge")
    assert (proposal.tags, proposal.study) == (["burnt-in-text"], "s")
    (one,) = list_proposed(project, 20)
    assert one.state == "open"
    assert one.detail == 'proposed by reader-a in the study s: burnt in text; "upper edge"'
    while not course.over:
        course = course.answer(course.pending[0], Reply("real", 1.0, 1))
    assert hand_on_flags(project) == HandedOn(0, 1, 0)
    (opinion,) = Opinions(Ledger(project)).records
    index = course.plan.trials[drawn].index
    assert (opinion.version, opinion.seed, opinion.index) == (1, course.plan.draw_seed, index)
    assert (opinion.tags, opinion.study) == (["artefact", "wrong-class"], "s")
    assert hand_on_flags(project) == HandedOn(), "each once"
    assert not flag_rates([opinion], 1, FeedbackConfig()), "it is no rate of what was judged"


@pytest.mark.parametrize("side", ["left", "right"])
def test_in_a_pair_the_reader_says_which(project: Project, side: str) -> None:
    course = begun(project, "pair")
    trial = course.pending[0]
    course = course.flag(trial, ["other"], side=side)
    close(course.study, by="ada", reason="done")
    done = hand_on_flags(project)
    real = course.plan.trials[trial].side == side
    assert (done.proposals, done.opinions) == ((1, 0) if real else (0, 1))


def test_a_flag_answers_nothing_and_the_last_one_counts(project: Project) -> None:
    course = begun(project, "single")
    trial = course.pending[0]
    course = course.flag(trial, ["other"]).flag(trial, ["artefact"])
    assert trial in course.pending
    assert [one.tags for one in course.study.flags] == [["artefact"]]


@pytest.mark.parametrize(
    ("design", "tags", "side", "says"),
    [
        ("single", [], "", "a flag says what is wrong; known are artefact"),
        ("single", ["looks-copied"], "", "no flaw looks-copied"),
        ("single", ["other"], "left", "'left' is no side"),
        ("pair", ["other"], "", "'' is no side; allowed are left, right"),
    ],
)
def test_what_says_too_little_is_refused(
    project: Project, design: Any, tags: list[str], side: str, says: str
) -> None:
    course = begun(project, design)
    with pytest.raises(BadInputError, match=says):
        course.flag(course.pending[0], tags, side=side)
    with pytest.raises(BadInputError, match="the reason has 501 characters"):
        course.flag(course.pending[0], ["other"], "x" * 501, "left" if design == "pair" else "")
    assert not Study.read(Ledger(project), "s").flags


def test_a_kill_in_between_hands_each_on_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = begun(project, "pair")
    for side in ("left", "right"):
        course = course.flag(course.pending[0], ["other"], side=side)
    close(course.study, by="ada", reason="done")
    whole = flags._append

    def killed(chain: Any, *more: Any) -> int:
        if chain is Opinions:
            raise KeyboardInterrupt
        return whole(chain, *more)

    with monkeypatch.context() as patched:
        patched.setattr(flags, "_append", killed)
        with pytest.raises(KeyboardInterrupt):
            hand_on_flags(project)
    assert hand_on_flags(project) == HandedOn(0, 1, 0)
    assert len(Proposals(Ledger(project)).records) == len(Opinions(Ledger(project)).records) == 1


def test_watch_hands_on_what_it_can_and_says_what_it_cannot(project: Project) -> None:
    heard = list[str]()
    course = begun(project, "single")
    course.flag(trials_of(course, real=True)[0], ["other"])
    with pytest.raises(NothingNewError):
        watch(project, heard.append)
    assert heard == ["readers proposed to take 1 image out of the data"]
    ledger, branch = Ledger(project), f"{STUDY}s"
    altered = course.study.records[0].written.decode().replace('"single"', '"double"')
    files = {f"{STUDY_FOLDER}/000001.json": altered}
    ledger.commit_files(branch, ledger.head(branch), files, "altered")
    with pytest.raises(NothingNewError):
        watch(project, heard.append)
    assert "was not handed on: the study s is broken" in heard[1]
