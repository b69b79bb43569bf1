"""Ledgers of chains alone that earlier versions left: proposals, studies, opinions."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.audit.verify import verify
from pipeline.base.project import Project
from pipeline.data.revise.answering import decline, list_proposed, propose_image
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.chain import PROPOSALS, STUDY
from pipeline.ledger.git import Git
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Verifier
from pipeline.study.course import Course, Reply
from pipeline.study.ending import early_looks
from pipeline.study.flags import HandedOn, hand_on_flags
from pipeline.study.records import Study
from pipeline.study.results import results_of
from tests.compat.chains import chain_of, require_said

HERE = Path(__file__).parent
VERSIONS = sorted(file.parent.name for file in HERE.glob("*/chains.bundle"))


@dataclass(frozen=True)
class Chains:
    """A ledger that an earlier version left behind, and what it said of its chains."""

    project: Project
    said: dict[str, list[dict[str, Any]]]
    verifier: Verifier

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.project)


@pytest.fixture(params=VERSIONS)
def frozen(request: pytest.FixtureRequest, tmp_path: Path) -> Chains:
    """One to write to."""
    source = HERE / str(request.param)
    project = Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "clinic")})
    project.state.mkdir(parents=True)
    bundle = str((source / "chains.bundle").resolve())
    Git(tmp_path).run("clone", "--quiet", "--mirror", bundle, project.ledger)
    said = json.loads((source / "chains.json").read_text())
    return Chains(project, said, Verifier.load(source / "journal.pub"))


def test_every_record_says_what_it_said_and_every_chain_is_whole(frozen: Chains) -> None:
    for branch, said in frozen.said.items():
        require_said(chain_of(frozen.ledger, branch), said, frozen.verifier)
    found = verify(frozen.ledger, None, None, [frozen.verifier], lambda *_: None)
    chains = {one.name: one.broken for one in found.chains}
    assert {branch: chains[branch] for branch in frozen.said} == dict.fromkeys(frozen.said)


def test_proposals_stand_where_they_stood_and_are_answered(frozen: Chains) -> None:
    if PROPOSALS not in frozen.said:
        pytest.skip("it knew no proposals")
    before = list_proposed(frozen.project, 20)
    assert {one.state for one in before} == {"open", "accepted", "declined"}
    (still,) = [one for one in before if one.state == "open"]
    decline(frozen.project, [still.image], by="ada", reason="it is fine")
    held = {row.id for row in Revisions(frozen.ledger).rows(Revisions(frozen.ledger).head)}
    image = min(held - {one.image for one in before})
    propose_image(frozen.project, image, ["other"], by="r-9")
    now = {one.image: one.state for one in list_proposed(frozen.project, 20)}
    assert (now[still.image], now[image]) == ("declined", "open")


def test_studies_go_on_or_are_over_as_they_were(frozen: Chains) -> None:
    assert hand_on_flags(frozen.project) == HandedOn(), "flags are handed on once"
    for branch in (one for one in frozen.said if one.startswith(STUDY)):
        name = branch.removeprefix(STUDY)
        course = Course.of(frozen.project, name, "r-2", "curator")
        if course.study.closed:
            assert course.over
            assert early_looks(course.study)
            assert results_of(course.study, frozenset()).early
            continue
        while not course.over:
            reply = Reply("real", 1.0, 2, course.plan.choices[0])
            course = course.answer(course.pending[0], reply)
        assert course.progress.complete
        assert Study.read(frozen.ledger, name).flags == course.study.flags
