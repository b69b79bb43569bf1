"""Reader studies in the audit: who looked at an image, and whether the chain is whole."""

from pathlib import Path

import pytest

from pipeline.audit.answers import uses_json, uses_table
from pipeline.audit.uses import find_uses
from pipeline.audit.verify import verify
from pipeline.base.project import Project
from pipeline.base.terminal import Terminal
from pipeline.ledger.chain import STUDY, STUDY_FOLDER
from pipeline.ledger.ledger import Ledger
from pipeline.study.course import Course, Reply
from pipeline.study.create import create_study
from tests.support.studied import studied_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return studied_project(tmp_path, each=4)


def test_the_studies_of_an_image_are_named_with_who_looked(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = create_study(project, "first", 1, "pair", 6).plan
    create_study(project, "untouched", 1, "pair", 12, classes=["cyst", "normal", "stone"])
    course = Course.of(project, "first", "reader-ada", "reader").look()
    seen, unseen = plan.trials[course.order[0]].image, plan.trials[course.order[5]].image
    found = find_uses(project, seen)
    first, untouched = found.studies
    assert (first.study, first.planned, first.shown) == ("first", 1, 1)
    assert first.readers == ("reader-ada",)
    assert first.first == first.last == course.study.records[-1].time
    assert (untouched.study, untouched.shown, untouched.readers) == ("untouched", 0, ())
    assert find_uses(project, unseen).studies[0].shown == 0
    course.answer(course.pending[0], Reply("left", 1.0))
    assert uses_json(found)["studies"][0]["study"] == "first"
    Terminal().print(uses_table(found))
    shown = capsys.readouterr().out
    assert "shown in reader studies" in shown
    assert "nobody yet" in shown


def test_an_altered_study_is_found(project: Project) -> None:
    study = create_study(project, "altered", 1, "pair", 3)
    Course.of(project, "altered", "reader-ada", "reader").look()
    ledger, branch = Ledger(project), f"{STUDY}altered"

    def chain() -> dict[str, bool]:
        found = verify(ledger, None, None, [], lambda *_: None)
        return {one.name: one.broken is None for one in found.chains}

    assert chain()[branch]
    text = study.records[0].written.decode().replace('"pair"', '"none"')
    ledger.commit_files(branch, ledger.head(branch), {f"{STUDY_FOLDER}/000001.json": text}, "x")
    assert not chain()[branch]
