"""Runs: one training each, of code, a data revision and parameters, on a branch of the ledger."""

from dataclasses import dataclass, field
from typing import Any, Self

import yaml

from pipeline.base.errors import BadInputError
from pipeline.base.start import FRESH, ORIGIN_FILE, Start
from pipeline.ledger.git import Git
from pipeline.ledger.ledger import STAGES, Ledger


def branch_of(key: str) -> str:
    """The branch of a run."""
    return f"run/{key}"


def opening(git: Git, head: str) -> tuple[str, str, str]:
    """The commit that opened a run and its two parents, code and data; "" each if not found.

    Args:
        git: a repository that has the run.
        head: a commit of its branch.
    """
    commits = git.run("log", "--merges", "--format=%H %P", "-1", head).split()
    opened, code, data = (*commits, "", "", "")[:3]
    return opened, code, data


@dataclass(frozen=True)
class Run:
    """A run, as recorded on its branch.

    Attributes:
        key: 16 hex digits, a hash of code, data, parameters and start.
        head: the newest commit of its branch.
        opened: the first commit of the branch, a merge of the next two.
        code, data: the commits of code and data; "" if the branch was rewritten.
        results: stage -> its entry in dvc.lock, for finished stages.
        start: what its training begins from.
    """

    key: str
    head: str
    opened: str
    code: str
    data: str
    results: dict[str, Any] = field(default_factory=dict)
    start: Start = FRESH

    @classmethod
    def find(cls, ledger: Ledger, key: str) -> Self | None:
        """The run with this key; None if it does not exist."""
        head = ledger.head(branch_of(key))
        if head is None:
            return None
        lock = yaml.safe_load(ledger.read(head, "dvc.lock") or "{}")
        opened, code, data = opening(ledger.mirror, head)
        start = Start.parse(ledger.read(head, str(ORIGIN_FILE)))
        return cls(key, head, opened, code, data, lock.get("stages", {}), start)

    @classmethod
    def get(cls, ledger: Ledger, key: str) -> Self:
        """The run with this key.

        Raises:
            BadInputError: it does not exist.
        """
        if run := cls.find(ledger, key):
            return run
        raise BadInputError(
            f"the ledger {ledger.url} has no run {key}; `medloom champion history --json` lists "
            "the runs that have a verdict"
        )

    @property
    def missing(self) -> list[str]:
        """The stages without a result."""
        return [stage for stage in STAGES if stage not in self.results]

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stages: path -> md5 in the DVC store."""
        stages = self.results.values()
        return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}
