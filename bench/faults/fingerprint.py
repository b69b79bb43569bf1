"""A comparable summary of a project's stores, without values that differ between equal runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.project import Project
from pipeline.data.landing.index import LocalIndex
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger

_OF_THE_MOMENT = {"time", "previous", "signature", "data"}


@dataclass(frozen=True)
class Fingerprint:
    """The state of all stores after a run.

    Attributes:
        branches: git tree and number of commits of each branch of the ledger.
        objects: names of the DVC remote's objects, which are content hashes.
        index: the outcome of each file of the landing zone.
        decisions: the journal without times.
        registry: versions and aliases; empty if the registry was not read.
        leftovers: workspaces that were not removed.
    """

    branches: dict[str, tuple[str, int]]
    objects: tuple[str, ...]
    index: tuple[tuple[str, str, str], ...]
    decisions: tuple[str, ...]
    registry: tuple[str, ...]
    leftovers: tuple[str, ...]

    @classmethod
    def of(cls, project: Project, registry: tuple[str, ...] = ()) -> "Fingerprint":
        """The fingerprint of a project whose remote is a folder."""
        ledger = Ledger(project)
        entries = LocalIndex.of(project).entries()
        return cls(
            branches=dict(_branches(ledger)),
            objects=tuple(sorted(_files(Path(project.remote) / "files"))),
            index=tuple((e.file, e.outcome, e.batch) for e in entries),
            decisions=tuple(_decision(r.model_dump()) for r in Journal(ledger).records),
            registry=registry,
            leftovers=tuple(sorted(_leftovers(project))),
        )

    def differences(self, other: "Fingerprint") -> list[str]:
        """The fields that differ from another fingerprint, in words."""
        found = []
        for name, mine in vars(self).items():
            theirs = getattr(other, name)
            if mine != theirs:
                found.append(f"{name}: {_short(mine)} is {_short(theirs)}")
        return found


def _branches(ledger: Ledger) -> list[tuple[str, tuple[str, int]]]:
    listed = ledger.mirror.run("ls-remote", "--heads", ledger.url).splitlines()
    names = [line.split("refs/heads/")[1] for line in listed]
    found = []
    for name in sorted(names):
        head = ledger.head(name)
        assert head is not None  # noqa: S101 - it was listed
        # The journal's tree contains times; `decisions` compares its records instead.
        tree = "" if name == "journal" else ledger.tree(head)
        count = int(ledger.mirror.run("rev-list", "--count", "--first-parent", head))
        found.append((name, (tree, count)))
    return found


def _decision(record: dict[str, Any]) -> str:
    kept = {name: value for name, value in record.items() if name not in _OF_THE_MOMENT}
    return json.dumps(kept, sort_keys=True)


def _leftovers(project: Project) -> list[str]:
    stages = [path for path in project.workspaces.glob("*/*") if path.is_dir()]
    ingest = [path for path in project.workspaces.glob("ingest*") if path.is_dir()]
    kept = {path.parent for path in stages if path.parent in ingest}
    return [str(path.relative_to(project.state)) for path in [*stages, *ingest] if not kept]


def _files(folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 200 else f"{text[:150]} … ({len(text)} characters)"
