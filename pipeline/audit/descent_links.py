"""Links of a version's descent: each run that went on from another one against that other one."""

from collections.abc import Iterator, Sequence

from pipeline.audit.links import Link, equal
from pipeline.audit.objects import CheckedObjects
from pipeline.audit.run_links import RunFiles, branch_links
from pipeline.base.errors import BadInputError
from pipeline.base.start import FRESH, NETWORKS
from pipeline.ledger.journal import Record
from pipeline.ledger.ledger import Ledger

_UNTRUE = "what the version descends from, and so what it learned from, is not what its run says"


def line_of(ledger: Ledger, run: RunFiles) -> list[RunFiles]:
    """A run and those that it goes on from, the nearest first; the last may have no branch.

    It ends at a run whose start cannot be read, which `branch_links` reports.
    """
    found = [run]
    try:
        while (start := found[-1].start) != FRESH and start.run_key not in {r.key for r in found}:
            found.append(RunFiles(ledger, start.run_key))
    except BadInputError:
        pass
    return found


def descent_links(
    line: Sequence[RunFiles], records: Sequence[Record], objects: CheckedObjects
) -> Iterator[Link]:
    """Check each step of a line: the networks are those that the earlier run wrote.

    Args:
        line: from `line_of`; the first run's own branch has been checked.
        records: of the journal.
        objects: of the remote.
    """
    for at, child in enumerate(line):
        start = child.start
        if start == FRESH:
            return
        what = f"run {child.key}, from version {start.version}"
        yield Link(f"{what}: the line of runs", at + 1 < len(line), "it leads back to itself",
                   _UNTRUE)  # fmt: skip
        parent = line[at + 1]
        yield from branch_links(parent)
        judged = {(r.run_key, r.number, r.weights_sha256) for r in records if r.weights_sha256}
        yield Link(f"{what}: its version against the journal",
                   (start.run_key, start.version, start.weights_sha256) in judged,
                   f"the journal has no such version of run {start.run_key}", _UNTRUE)  # fmt: skip
        wrote = objects.listing(parent.outs().get("models", "")).get(NETWORKS.name, "nothing")
        yield equal(f"{what}: its networks against those of run {parent.key}", start.md5, wrote,
                    _UNTRUE)  # fmt: skip
        yield objects.link(start.md5, f"{what}: {NETWORKS.name}", start.sha256)
