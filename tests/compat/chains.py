"""The chains beside the journal: as they are read now, and what an earlier version said of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.data.revise.proposals import Proposals
from pipeline.feedback.checks import CopyChecks
from pipeline.feedback.opinions import Opinions
from pipeline.ledger.chain import (
    COPY_CHECKS,
    FEEDBACK,
    LOOKS,
    MONITOR,
    PROPOSALS,
    STUDY,
    ChainedRecord,
)
from pipeline.ledger.chain_branch import ChainBranch
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import Looks
from pipeline.ledger.signing import Verifier
from pipeline.monitor.history import History
from pipeline.study.records import Study

_CHAINS: Mapping[str, Callable[[Ledger], ChainBranch[Any]]] = {
    FEEDBACK: Opinions, COPY_CHECKS: CopyChecks, LOOKS: Looks, MONITOR: History,
    PROPOSALS: Proposals,
}  # fmt: skip


def chain_of(ledger: Ledger, branch: str) -> Sequence[ChainedRecord]:
    """The records of a branch."""
    if branch.startswith(STUDY):
        return Study.read(ledger, branch.removeprefix(STUDY)).records
    found: Sequence[ChainedRecord] = _CHAINS[branch](ledger).records
    return found


def require_said(
    records: Sequence[ChainedRecord], said: Sequence[Mapping[str, Any]], verifier: Verifier
) -> None:
    """Records say all that they said then, and are signed; what came later has a default."""
    found = [one.model_dump() for one in records]
    assert [_over(one, was) for one, was in zip(found, said, strict=True)] == found
    assert all(verifier.holds(one.signature, one.signed_part) for one in records)


def _over(now: Any, was: Any) -> Any:
    """What is said now, with all that was said then put over it."""
    if isinstance(now, dict) and isinstance(was, dict):
        return now | {name: _over(now.get(name), one) for name, one in was.items()}
    if isinstance(now, list) and isinstance(was, list) and len(now) == len(was):
        return [_over(*pair) for pair in zip(now, was, strict=True)]
    return was
