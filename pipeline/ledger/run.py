"""Runs: one training each, of code, a data revision and parameters, on a branch of the ledger."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import yaml

from pipeline.base.errors import BadInputError
from pipeline.base.start import FRESH, ORIGIN_FILE, Start
from pipeline.ledger.descent import run_heads
from pipeline.ledger.git import Git
from pipeline.ledger.ledger import STAGES, Ledger

BECAUSE, ASKED = "because", "feedback"
"""First words of lines of a run's first commit: the reasons of its plan; feedback that asked for
it, as JSON. Runs of before have neither."""


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
class Opening:
    """The commit that opened a run.

    Attributes:
        key: of the run.
        code, data: the commits that it merges.
        time: UTC, ISO 8601.
        facts: the lines of its message: first word -> rest.
    """

    key: str
    code: str
    data: str
    time: str
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def because(self) -> str:
        """The reasons of its plan, in words; "" of a run that was opened without any."""
        return self.facts.get(BECAUSE, "")

    @property
    def asked(self) -> dict[str, Any]:
        """The feedback that asked for it, as `Wish.facts`; {} if none did."""
        try:
            told = json.loads(self.facts.get(ASKED, "{}"))
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}


def openings(ledger: Ledger) -> dict[str, Opening]:
    """Run key -> its opening, of every run of the ledger, in one call of git."""
    return read_openings(ledger.mirror, run_heads(ledger).values())


def read_openings(git: Git, heads: Iterable[str]) -> dict[str, Opening]:
    """Run key -> its opening, of the runs with these heads.

    Args:
        git: a repository that has the runs.
        heads: commits of their branches.
    """
    if not (given := "".join(f"{head}\n" for head in heads)):
        return {}
    form = "--format=%s%x1f%P%x1f%ct%x1f%b%x1e"
    found = {}
    for entry in git.run("log", "--merges", form, "--stdin", stdin=given).split("\x1e")[:-1]:
        subject, parents, seconds, body = entry.lstrip("\n").split("\x1f")
        # A run opens with a merge of code and data, "run <key>".
        word, _, key = subject.partition(" ")
        if word == "run":
            code, data = (*parents.split(), "", "")[:2]
            time = datetime.fromtimestamp(int(seconds), UTC).isoformat(timespec="seconds")
            facts = dict(line.split(" ", 1) for line in body.splitlines() if " " in line)
            found[key] = Opening(key, code, data, time, facts)
    return found


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
