"""Rewrite the chains beside the journal as somebody does who has the ledger on a disk.

Each chain is thrown away and written anew, so that git's history tells nothing: what is found is
found in the records themselves.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.data.revise.proposals import Proposal
from pipeline.feedback.checks import CopyCheck
from pipeline.feedback.opinions import Opinion
from pipeline.ledger.chain import (
    COPY_CHECKS,
    FEEDBACK,
    LOOKS,
    MONITOR,
    PROPOSALS,
    STUDY,
    STUDY_FOLDER,
    ChainedRecord,
    file_name,
    next_record,
)
from pipeline.ledger.git import Git
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import Look
from pipeline.monitor.record import MonitorRecord
from pipeline.study.records import StudyRecord

Files = dict[str, bytes]
_FIRST, _SECOND, _THIRD = map(file_name, (1, 2, 3))
_IMAGE = {"version": 1, "label": "stone", "seed": 7, "index": 2}
_MEASURED = {"run_key": "k", "n_train": 9, "nearest": "c0", "limit": 0.97, "n_held_out": 2}
CHAINS: Mapping[str, tuple[str, type[ChainedRecord], Mapping[str, Any]]] = {
    FEEDBACK: (FEEDBACK, Opinion, _IMAGE | {"reader": "r", "verdict": "good"}),
    COPY_CHECKS: (
        COPY_CHECKS, CopyCheck,
        _IMAGE | _MEASURED
        | {"weights_sha256": "w", "correlation": 0.4, "highest": 0.5, "hit": False},
    ),
    LOOKS: (LOOKS, Look, {"by": "ada", "images": ["c0"], "purpose": "quarantine"}),
    MONITOR: (MONITOR, MonitorRecord, {"drift_note": "nothing landed"}),
    PROPOSALS: (
        PROPOSALS, Proposal,
        {"action": "proposed", "image": "c0", "by": "r", "tags": ["artefact"]},
    ),
    f"{STUDY}tampered": (
        STUDY_FOLDER, StudyRecord, {"action": "looked", "study": "tampered", "reader": "r"},
    ),
}  # fmt: skip
"""Branch -> folder, class of the records, and the facts of one."""
EDITS: Mapping[str, Callable[[Files], Files]] = {
    "a record changed": lambda files: files | {_FIRST: files[_FIRST].replace(b"+00:00", b"+01:00")},
    "a record removed": lambda files: {k: v for k, v in files.items() if k != _SECOND},
    "two records swapped": lambda files: (
        files | {_SECOND: files[_THIRD], _THIRD: files[_SECOND]}
    ),
}  # fmt: skip
FOUND = tuple(f"{branch}: {folder}/{_SECOND}" for branch, (folder, *_) in CHAINS.items())
"""What `verify` says after each of the edits: the first broken record of each chain."""


@contextmanager
def edited_chains(ledger: Ledger, edit: Callable[[Files], Files]) -> Iterator[None]:
    """Put chains of three records, edited, in the place of those of a project; then put them back.

    Args:
        ledger: on this disk.
        edit: of the records' files by name.
    """
    git, heads = Git(Path(ledger.url)), {branch: ledger.head(branch) for branch in CHAINS}
    for branch, (folder, kind, facts) in CHAINS.items():
        _remove(git, branch, heads[branch])
        texts = {
            f"{folder}/{name}": content.decode()
            for name, content in edit(_three(kind, facts)).items()
        }
        ledger.commit_files(branch, None, texts, "tamper")
    try:
        yield
    finally:
        for branch, head in heads.items():
            _remove(git, branch, ledger.head(branch))
            if head:
                git.run("update-ref", f"refs/heads/{branch}", head)


def _three(kind: type[ChainedRecord], facts: Mapping[str, Any]) -> Files:
    chain = list[ChainedRecord]()
    for _ in range(3):
        chain.append(next_record(chain, kind, None, **facts))
    return {file_name(one.sequence): one.written for one in chain}


def _remove(git: Git, branch: str, head: str | None) -> None:
    if head:
        git.run("update-ref", "-d", f"refs/heads/{branch}")
