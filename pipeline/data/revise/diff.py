"""Compare two data revisions: images by class and split, batches, and who decided."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import Field

from model.section import Stored
from pipeline.base.errors import BadInputError
from pipeline.data.manifest import Row
from pipeline.data.processed import SPLITS
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger

_SHORTEST_COMMIT = 4
_SHOWN = 5  # revisions that an error names


class Cell(Stored):
    """Image counts of a class and split. A relabelled image leaves one cell for another."""

    label: str
    split: str
    before: int
    added: int
    removed: int
    relabelled_in: int
    relabelled_out: int
    moved_in: int = Field(description="from another split; no command does this")
    moved_out: int
    after: int


COUNTS = tuple(name for name in Cell.model_fields if name not in ("label", "split"))
"""What a cell counts, in order."""


class Relabelled(Stored):
    """An image whose class was corrected, by id."""

    id: str
    before: str
    after: str


class RevisionChange(Stored):
    """One data revision and its changes against the one before."""

    commit: str
    time: str
    what: str = Field(description="first line of the commit's message")
    added: int
    removed: int
    relabelled: int
    moved: int
    annotated: int = Field(default=0, description="images that gained findings")
    action: str = Field(default="", description="action of a person's decision; else empty")
    by: str = ""
    reason: str = ""
    record: int | None = Field(default=None, description="sequence number in the journal")


class Changes(Stored):
    """Changes from one data revision to another.

    Attributes:
        before, after: commits.
        backwards: whether `after` is the older one, so that the changes run against time.
        cells: every class and split that either has, in order.
        removed, moved: ids of images.
        annotated: ids of images that both have, whose findings differ.
        batches: name -> images added and removed, of batches that changed.
        steps: the revisions in between, oldest first.
    """

    before: str
    after: str
    backwards: bool
    cells: tuple[Cell, ...]
    relabelled: tuple[Relabelled, ...]
    removed: tuple[str, ...]
    moved: tuple[str, ...]
    batches: dict[str, tuple[int, int]]
    steps: tuple[RevisionChange, ...]
    annotated: tuple[str, ...] = ()

    def total(self, what: str) -> int:
        """Sum of a count over all cells."""
        return sum(getattr(cell, what) for cell in self.cells)

    @property
    def nothing(self) -> bool:
        """Whether both hold the same images in the same classes and splits, equally annotated."""
        return not (self.batches or self.relabelled or self.moved or self.annotated)


def changes(ledger: Ledger, revisions: Revisions, before: str, after: str) -> Changes:
    """Compare two commits of the data branch, either the older one."""
    rows = [{row.id: row for row in revisions.rows(commit)} for commit in (before, after)]
    old, new = rows
    both = sorted(set(old) & set(new))
    gone, came = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    places = [revisions.commits.index(commit) for commit in (before, after)]
    added, removed = (
        Counter(side[id_].batch for id_ in ids) for side, ids in ((new, came), (old, gone))
    )
    return Changes(
        before=before,
        after=after,
        backwards=places[0] < places[1],
        cells=tuple(_cells(old, new)),
        relabelled=tuple(
            Relabelled(id=id_, before=old[id_].label, after=new[id_].label)
            for id_ in both
            if old[id_].label != new[id_].label
        ),
        removed=tuple(gone),
        moved=tuple(id_ for id_ in both if old[id_].split != new[id_].split),
        batches={name: (added[name], removed[name]) for name in sorted({*added, *removed})},
        steps=tuple(_steps(ledger, revisions, revisions.commits[min(places) : max(places)])),
        annotated=tuple(id_ for id_ in both if old[id_].findings != new[id_].findings),
    )


def previous(revisions: Revisions, commit: str) -> str | None:
    """The newest revision before `commit` that differs from it; None when it has no images."""
    here = revisions.rows(commit)
    for earlier in revisions.commits[revisions.commits.index(commit) + 1 :]:
        rows = revisions.rows(earlier)
        if rows != here:
            return earlier if rows else None
    return None


def find_revision(text: str, ledger: Ledger, revisions: Revisions) -> str:
    """The commit of the data branch that a text refers to.

    Args:
        text: first digits of the commit, a tag of the ledger, a version's number or an alias
            (champion, previous), which refer to the data it learned from; or a run key.
        ledger: of the project.
        revisions: of the data branch.

    Raises:
        BadInputError: it is none of these.
    """
    known = revisions.commits
    found = [commit for commit in known if commit.startswith(text)]
    if len(text) >= _SHORTEST_COMMIT and re.fullmatch("[0-9a-f]+", text) and len(found) == 1:
        return found[0]
    meant = _data_of_version(text, Journal(ledger)) or _tagged(text, ledger)
    if meant in known:
        return meant
    newest = "; ".join(f"{step[:8]} {subject(ledger, step)}" for step in known[:_SHOWN])
    raise BadInputError(
        f"there is no data revision {text!r}: give the first digits of a commit of the data "
        "branch, a tag, a run key, a version's number, champion or previous. The newest are "
        f"{newest}"
    )


def _data_of_version(text: str, journal: Journal) -> str:
    """The data commit that a version, an alias or a run learned from; "" without one."""
    record: Record | None = None
    if text in ("champion", "previous"):
        record = journal.champion if text == "champion" else journal.previous_champion
    else:
        record = next(
            (r for r in reversed(journal.records)
             if r.data and r.version is not None and text in (str(r.version), r.run_key)),
            None,
        )  # fmt: skip
    return record.data if record else ""


def _tagged(text: str, ledger: Ledger) -> str:
    """The commit of a tag of the ledger, "" without one; ls-remote lists the peeled one last."""
    if not re.fullmatch(r"[\w][\w.+/-]*", text):
        return ""
    listed = ledger.mirror.run(
        "ls-remote", ledger.url, f"refs/tags/{text}", f"refs/tags/{text}^{{}}"
    )
    return listed.splitlines()[-1].split("\t")[0] if listed else ""


def _cells(old: Mapping[str, Row], new: Mapping[str, Row]) -> Iterable[Cell]:
    counts = {name: Counter[tuple[str, str]]() for name in COUNTS}
    for id_ in sorted(set(old) | set(new)):
        was, now = old.get(id_), new.get(id_)
        if was:
            counts["before"][was.label, was.split] += 1
        if now:
            counts["after"][now.label, now.split] += 1
        if was is None and now:
            counts["added"][now.label, now.split] += 1
        elif now is None and was:
            counts["removed"][was.label, was.split] += 1
        elif was and now and was.label != now.label:
            counts["relabelled_out"][was.label, was.split] += 1
            counts["relabelled_in"][now.label, now.split] += 1
        elif was and now and was.split != now.split:
            counts["moved_out"][was.label, was.split] += 1
            counts["moved_in"][now.label, now.split] += 1
    labels = sorted({label for found in counts.values() for label, _ in found})
    for label in labels:
        for split in SPLITS:
            found = {name: count[label, split] for name, count in counts.items()}
            yield Cell(label=label, split=split, **found)


def _steps(
    ledger: Ledger, revisions: Revisions, commits: Sequence[str]
) -> Iterable[RevisionChange]:
    """The changes of each commit, oldest first."""
    records = {record.data: record for record in Journal(ledger).records if record.version is None}
    decided = {
        commit: decision
        for action in ("withdrawn", "relabelled", "released", "kept-out")
        for commit, _, decision in revisions.decisions(action)
    }
    for commit in reversed(commits):
        place = revisions.commits.index(commit) + 1
        earlier = revisions.commits[place : place + 1]
        was = {row.id: row for before in earlier for row in revisions.rows(before)}
        now = {row.id: row for row in revisions.rows(commit)}
        both = set(was) & set(now)
        decision, record = decided.get(commit), records.get(commit)
        yield RevisionChange(
            commit=commit,
            time=revision_time(ledger, commit),
            what=subject(ledger, commit),
            added=len(set(now) - both),
            removed=len(set(was) - both),
            relabelled=sum(was[id_].label != now[id_].label for id_ in both),
            moved=sum(was[id_].split != now[id_].split for id_ in both),
            annotated=sum(was[id_].findings != now[id_].findings for id_ in both),
            action=decision.action if decision else "",
            by=decision.by if decision else "",
            reason=decision.reason if decision else "",
            record=record.sequence if record else None,
        )


def revision_time(ledger: Ledger, commit: str) -> str:
    """Time of a revision's commit, as text."""
    seconds = int(ledger.mirror.run("log", "-1", "--format=%ct", commit))
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def subject(ledger: Ledger, commit: str) -> str:
    """The first line of a revision's message."""
    return ledger.mirror.run("log", "-1", "--format=%s", commit)
