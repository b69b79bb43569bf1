"""Every chain of records, killed at each of its writes: it is whole, and goes on."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.project import Project
from pipeline.feedback.checks import CopyCheck
from pipeline.feedback.opinions import Opinion, give
from pipeline.ledger.chain import (
    COPY_CHECKS,
    FEEDBACK,
    LOOKS,
    MONITOR,
    STUDY,
    STUDY_FOLDER,
    ChainedRecord,
    read_chain,
)
from pipeline.ledger.chain_branch import append_to
from pipeline.ledger.git import Git
from pipeline.ledger.journal import BRANCH as JOURNAL
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import Look, record_look
from pipeline.monitor.history import History
from pipeline.monitor.record import MonitorRecord
from pipeline.study.plan import Plan, Trial
from pipeline.study.records import Study, StudyRecord, begin
from tests.pipeline.feedback.test_checks import FOUND
from tests.pipeline.feedback.test_opinions import FLAWED
from tests.support.decisions import weights

WRITES = ("hash-object", "update-index", "write-tree", "commit-tree", "push")
"""The git commands of `Ledger.commit_files` that write."""
NAME = "residents"


@dataclass(frozen=True)
class Written:
    """A chain, how something is appended to it, and how many records that is.

    Attributes:
        branch, folder, kind: of the chain.
        append: appends `records` records in one commit.
        prepare: what the chain needs before.
        once: whether a second such append is refused.
    """

    branch: str
    folder: str
    kind: type[ChainedRecord]
    append: Callable[[Ledger], object]
    records: int = 1
    prepare: Callable[[Ledger], object] = lambda _: None
    once: bool = False

    def read(self, ledger: Ledger) -> list[ChainedRecord]:
        """The records; the test fails on a broken chain."""
        head = ledger.head(self.branch)
        records, broken = read_chain(
            ledger.read_folder(head, self.folder) if head else {}, self.kind
        )
        assert broken is None
        return list(records)


def plan() -> Plan:
    trials = [Trial(label="stone", image=f"{n}" * 64, index=n, side="left") for n in (0, 1)]
    return Plan(
        name=NAME, design="pair", version=1, weights_sha256="w", run_key="k", data="d", seed=0,
        draw_seed=1, classes=["stone"], choices=[], margin=0.1, patients=2, trials=trials,
    )  # fmt: skip


def answer(ledger: Ledger) -> Study:
    """A look at a trial and, in the same commit, the answer on the one before."""
    study = Study.read(ledger, NAME)
    told: dict[str, Any] = {"reader": "ann", "role": "reader"}
    trial = len(study.records)
    said = told | {"action": "answered", "trial": trial, "says": "left", "seconds": 1.0}
    return study.append([said, told | {"action": "looked", "trial": trial + 1, "image": "1" * 64}])


def decide(ledger: Ledger) -> object:
    version = len(Journal(ledger).records) + 1
    return Journal(ledger).append(
        action="promoted", version=version, weights_sha256=weights(version), run_key="k", data="d",
        by="gate", reason="better",
    )  # fmt: skip


STUDIED = STUDY + NAME
CHAINS = {
    "opinions": Written(FEEDBACK, FEEDBACK, Opinion, lambda led: give(led, [FLAWED, FLAWED]), 2),
    "copy checks": Written(
        COPY_CHECKS, COPY_CHECKS, CopyCheck,
        lambda led: append_to(led, COPY_CHECKS, CopyCheck, [{**FOUND, "hit": True}], "a copy"),
    ),
    "looks": Written(
        LOOKS, LOOKS, Look, lambda led: record_look(led, ["a" * 64], by="ann", purpose="study")
    ),
    "a study's plan": Written(
        STUDIED, STUDY_FOLDER, StudyRecord, lambda led: begin(led, plan()), once=True
    ),
    "a study's answers": Written(
        STUDIED, STUDY_FOLDER, StudyRecord, answer, 2, lambda led: begin(led, plan())
    ),
    "the monitor": Written(MONITOR, MONITOR, MonitorRecord, lambda led: History(led).add()),
    "the journal": Written(JOURNAL, "journal", Record, decide),
}  # fmt: skip


@pytest.mark.parametrize("chain", CHAINS.values(), ids=list(CHAINS))
def test_a_chain_killed_at_any_write_is_whole_and_goes_on(chain: Written, project: Project) -> None:
    ledger = Ledger(project)
    chain.prepare(ledger)
    before, writes = chain.read(ledger), 3 + 2 * chain.records

    def append() -> object:
        return chain.append(Ledger(project))

    for number in range(1, writes + 1):
        assert dies(append, before=number), f"it has {writes} writes"
        assert chain.read(ledger) == before, "the push is the last write, and there was none"
    assert dies(append, after=writes), "who appended is not told"
    after = chain.read(ledger)
    assert after[: len(before)] == before
    assert len(after) == len(before) + chain.records, "all of it"
    assert not dies(append, before=writes + 1), "there are no more writes"
    assert len(chain.read(ledger)) == len(after) + (0 if chain.once else chain.records)
    assert ledger.mirror.damage() == Git(Path(ledger.url)).damage() == []


def dies(append: Callable[[], object], before: int = 0, after: int = 0) -> bool:
    """Whether a process that appends, and SIGKILLs itself before or after a write, came so far."""
    child = os.fork()
    if not child:
        try:
            _kill_at(before, after)
            append()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _kill_at(before: int, after: int) -> None:
    run, count = Git.run, 0

    def watched(self: Git, *arguments: str, **more: Any) -> str:
        nonlocal count
        writes = arguments[0] in WRITES
        count += writes
        if writes and count == before:
            os.kill(os.getpid(), signal.SIGKILL)
        told = run(self, *arguments, **more)
        if writes and count == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return told

    Git.run = watched  # type: ignore[method-assign]
