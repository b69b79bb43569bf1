"""A study in the ledger: who looked at what, and what was said."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.ledger.chain import STUDY, STUDY_FOLDER
from pipeline.ledger.git import Git, PushRefusedError
from pipeline.ledger.ledger import Ledger
from pipeline.registry.generators import Generators
from pipeline.registry.output_spec import OutputSpec
from pipeline.study.course import Course, Reply
from pipeline.study.create import create_study
from pipeline.study.export import csv_text
from pipeline.study.held_out import test_arrays as held_out_arrays
from pipeline.study.records import FORMAT, Study, StudyRecord, study_names
from pipeline.study.results import results_of
from tests.support.studied import RUN_KEY, drop, ids_of, relabel, studied_project

LEFT = Reply("left", 2.0)


def course(project: Project, name: str, reader: str = "reader-ada") -> Course:
    return Course.of(project, name, reader, "reader")


def answer_all(found: Course, reply: Reply = LEFT) -> Course:
    found = found.look()
    while not found.over:
        found = found.answer(found.pending[0], reply)
    return found


class _Fusing(Generators):
    """Version 1, as if it fused images."""

    def output_spec(self, version: int | str) -> OutputSpec:
        return super().output_spec(version)._replace(task="fuse", sources=2)


def test_a_version_that_draws_nothing_is_refused_before_a_plan_is_written(studied: Project) -> None:
    with pytest.raises(BadInputError, match="version 1 draws no images"):
        create_study(studied, "fusing", 1, "pair", 6, generators=_Fusing(studied))
    assert "fusing" not in study_names(Ledger(studied))


def test_only_held_out_images_are_shown_and_the_plan_can_be_made_again(studied: Project) -> None:
    plan = create_study(studied, "made-once", "champion", "pair", 30, 4).plan
    shown = {one.image for one in plan.trials}
    assert shown <= ids_of(studied, "test")
    assert not shown & (ids_of(studied, "train") | ids_of(studied, "val"))
    assert (plan.version, plan.run_key) == (1, RUN_KEY)
    again = create_study(studied, "made-twice", 1, "pair", 30, 4).plan
    assert again.trials == plan.trials
    assert again.draw_seed != plan.draw_seed, "another study draws other images"
    assert plan.patients == 18


def test_a_reader_stops_and_goes_on(studied: Project) -> None:
    create_study(studied, "paused", 1, "pair", 6)
    found = course(studied, "paused").look()
    for _ in range(2):
        found = found.answer(found.pending[0], LEFT)
    again = course(studied, "paused")
    assert (again.answered, again.pending) == (2, found.pending)
    done = answer_all(again)
    assert done.over
    looks = [one for one in done.study.records if one.action == "looked"]
    assert len(looks) == 7, "each trial once, and the third again"
    plan = done.plan
    assert all(one.image == plan.trials[one.trial].image for one in looks)
    assert {(one.reader, one.role, one.study) for one in looks} == {
        ("reader-ada", "reader", "paused")
    }
    with pytest.raises(BadInputError, match="is over for this reader"):
        done.look()


def test_looks_at_synthetic_images_are_recorded_alike(studied: Project) -> None:
    create_study(studied, "alike", 1, "single", 6)
    done = answer_all(course(studied, "alike"), Reply("real", 1.0, 2))
    looks = [one for one in done.study.records if one.action == "looked"]
    assert len(looks) == 6
    assert sum(bool(one.image) for one in looks) == 3


def test_the_first_answer_to_a_trial_counts(studied: Project) -> None:
    create_study(studied, "twice", 1, "pair", 4)
    one = course(studied, "twice").look()
    other = course(studied, "twice")
    trial = one.pending[0]
    one.answer(trial, LEFT)
    after = other.answer(trial, Reply("right", 1.0))
    answers = [r.says for r in after.study.records if r.action == "answered"]
    assert answers == ["left"]
    assert after.answered == 1


def test_readers_who_answer_at_once_are_all_heard(studied: Project) -> None:
    create_study(studied, "at-once", 1, "pair", 3)
    readers = ["reader-a", "reader-b", "reader-c"]
    courses = [course(studied, "at-once", reader) for reader in readers]
    threads = [threading.Thread(target=answer_all, args=(found,)) for found in courses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    study = Study.read(Ledger(studied), "at-once")
    assert study.readers == readers
    assert len(study.answers) == 9


def test_a_kill_loses_the_answer_that_was_being_written(
    studied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_study(studied, "killed", 1, "pair", 4)
    found = course(studied, "killed").look()
    found = found.answer(found.pending[0], LEFT)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Git, "push", killed)
        with pytest.raises(KeyboardInterrupt):
            found.answer(found.pending[0], LEFT)
    assert course(studied, "killed").answered == 1
    assert answer_all(course(studied, "killed")).over


def test_who_is_always_overtaken_is_told_to_try_again(
    studied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_study(studied, "overtaken", 1, "pair", 3)

    def refused(*_: object) -> None:
        raise PushRefusedError("moved")

    monkeypatch.setattr(Git, "push", refused)
    with pytest.raises(TransientError, match="nothing was lost"):
        course(studied, "overtaken").look()


def test_an_altered_answer_is_noticed(studied: Project) -> None:
    create_study(studied, "altered", 1, "pair", 3)
    answer_all(course(studied, "altered"))
    ledger, branch = Ledger(studied), f"{STUDY}altered"
    head = ledger.head(branch)
    text = ledger.read_folder(str(head), STUDY_FOLDER)["000003.json"].decode()
    altered = text.replace('"left"', '"right"')
    assert altered != text
    ledger.commit_files(branch, head, {f"{STUDY_FOLDER}/000003.json": altered}, "altered")
    with pytest.raises(BadInputError, match=r"study altered is broken at 000004\.json"):
        Study.read(ledger, "altered")


def test_a_newer_format_is_refused_by_name(studied: Project) -> None:
    study = create_study(studied, "newer", 1, "pair", 3)
    last = study.records[-1]
    newer = StudyRecord.write(
        action="answered", study="newer", sequence=2, previous=last.sha256, time=last.time
    )
    text = newer.written.decode().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}')
    ledger = Ledger(studied)
    ledger.commit_files(f"{STUDY}newer", study.commit, {f"{STUDY_FOLDER}/000002.json": text}, "n")
    with pytest.raises(BadInputError, match=r"record 2 of the study newer .* newer medloom"):
        Study.read(ledger, "newer")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Big Study"}, "'Big Study' is not a name of a study"),
        ({"classes": ["lung"]}, "version 1 has no class lung; it has cyst, normal, stone"),
        ({"trials": 2}, "2 trials of 3 classes; allowed are 3"),
        ({"trials": 40}, "cyst 12 of 1[34], normal 12 of 1[34], stone 12 of 1[34] needed"),
        ({"version": 7}, "has no version '7'"),
        ({"margin": 0.5}, "the margin is 0.5; allowed are"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    studied: Project, change: dict[str, Any], says: str
) -> None:
    facts: dict[str, Any] = {
        "name": "refused",
        "version": 1,
        "design": "pair",
        "trials": 6,
    } | change
    with pytest.raises(BadInputError, match=says):
        create_study(studied, **facts)
    assert "refused" not in study_names(Ledger(studied))


def test_a_name_is_taken_once(studied: Project) -> None:
    create_study(studied, "taken", 1, "pair", 3)
    with pytest.raises(BadInputError, match="there is a study taken already"):
        create_study(studied, "taken", 1, "pair", 3)
    with pytest.raises(BadInputError, match=r"there is no study 'other'; there are .*taken"):
        Study.read(Ledger(studied), "other")


@pytest.mark.parametrize(
    ("design", "reply", "says"),
    [
        ("pair", Reply("real", 1.0), "'real' is no answer; allowed are left, right"),
        ("pair", Reply("left", 1.0, 3), "the confidence is 3; allowed are 0 to 0"),
        ("single", Reply("real", 1.0), "the confidence is 0; allowed are 1 to 4"),
        ("single", Reply("real", 1.0, 1, "cyst"), "'cyst' is no class that the study asks for"),
    ],
)
def test_an_answer_that_was_not_asked_for_is_refused(
    studied: Project, design: Any, reply: Reply, says: str
) -> None:
    name = f"unasked-{design}-{reply.confidence}{reply.sees}"
    create_study(studied, name, 1, design, 3)
    found = course(studied, name).look()
    with pytest.raises(BadInputError, match=says):
        found.answer(found.pending[0], reply)


def test_images_that_were_withdrawn_or_relabelled_are_not_shown(folder: Path) -> None:
    project = studied_project(folder, each=4)
    study = create_study(project, "withdrawn", 1, "pair", 6)
    first, second, third = (
        study.plan.trials[n].image for n in course(project, "withdrawn").order[:3]
    )
    found = course(project, "withdrawn").look()
    found = found.answer(found.pending[0], LEFT)
    drop(project, folder, {first, second})
    other = "stone" if study.plan.trials[found.order[2]].label == "cyst" else "cyst"
    relabel(project, folder, third, other)
    found = course(project, "withdrawn")
    assert (found.answered, found.skipped, len(found.pending)) == (1, 2, 3)
    done = answer_all(found)
    result = results_of(done.study, done.gone)
    (reader,) = result.readers
    assert (reader.answered, reader.skipped, reader.through, result.gone) == (4, 2, True, 3)
    looks = [one.image for one in done.study.records if one.action == "looked"]
    assert looks.count(second) == 1, "before it was withdrawn"
    assert third not in looks
    remade = create_study(project, "after", 1, "single", 6)
    assert not {one.image for one in remade.plan.trials} & {first, second, third}


def test_images_that_are_gone_are_said_to_be(folder: Path) -> None:
    project = studied_project(folder, each=2)
    for file in Path(project.remote).rglob("*"):
        if file.is_file() and file.read_bytes().startswith(b"\x93NUMPY"):
            file.unlink()
    with pytest.raises(BadInputError, match=r"cannot be read: .* A purge removes them"):
        create_study(project, "gone", 1, "pair", 3)


def test_images_of_another_size_are_refused(folder: Path) -> None:
    project = studied_project(folder, each=2, size=64)
    with pytest.raises(BadInputError, match="of 32 px, and its run's held-out images have 64 px"):
        create_study(project, "sizes", 1, "pair", 3)


def test_the_arrays_are_those_of_the_test_split(studied: Project) -> None:
    arrays = held_out_arrays(studied, RUN_KEY)
    assert set(arrays.by_id()) == ids_of(studied, "test")
    assert arrays.images.shape == (36, 32, 32)


def test_answers_are_exported_with_the_truth(studied: Project) -> None:
    create_study(studied, "exported", 1, "single", 4, classes=["cyst"])
    done = answer_all(course(studied, "exported"), Reply("real", 1.25, 3))
    head, *rows = csv_text(done.study).splitlines()
    assert head.startswith("study,version,draw_seed,reader,place,trial,label,image,index,truth")
    assert len(rows) == 4
    assert [row.rsplit(",", 1)[1] for row in sorted(rows, key=lambda r: r[-1])] == list("0011")
    assert all(",real,3,,1.25," in row for row in rows)
