"""Render traces and uses as JSON, and as trees and tables for the terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from pipeline.audit.proposal_uses import ProposalUse
from pipeline.audit.study_uses import StudyUse
from pipeline.audit.trace_facts import DataLineage, Trace
from pipeline.audit.uses import CHOSE, JUDGED, LEARNED, RevisionUse, Tenure, Uses, VersionUse
from pipeline.base.terminal import FitTable
from pipeline.ledger.journal import Record

SPLITS = (LEARNED, CHOSE, JUDGED)
_SHORT = 12  # digits of a commit in the output
_MOST = 12  # champions listed without --all


def trace_json(found: Trace) -> dict[str, Any]:
    """A trace as JSON."""
    facts = {**vars(found), "commits": [asdict(commit) for commit in found.commits]}
    facts |= {name: asdict(facts[name]) for name in ("data", "code")}
    facts["data"]["images"] = found.data.images
    facts["ancestors"] = [
        asdict(one) | {"data": asdict(one.data) | {"images": one.data.images}}
        for one in found.ancestors
    ]
    facts["outputs"] = [asdict(output) for output in found.outputs]
    facts["proposals"] = [asdict(one) for one in found.proposals]
    facts |= {name: _record(facts[name]) for name in ("verdict", "approval")}
    facts["decisions"] = [record.model_dump(mode="json") for record in found.decisions]
    facts["champion"] = [{"since": since, "until": until} for since, until in found.champion]
    return facts


def _record(record: Record | None) -> dict[str, Any] | None:
    return record.model_dump(mode="json") if record else None


def trace_tree(found: Trace) -> Tree:
    """A trace as a tree: verdict, run, data, code, parameters and environment."""
    tree = Tree(Text(_title(found), style="bold"))
    for sentence in found.missing:
        tree.add(Text(sentence, style="yellow"))
    if found.blocked:
        tree.add(Text(f"blocked from promotion: {found.blocked}", style="red"))
    for since, until in found.champion:
        tree.add(f"champion from {since} {f'to {until}' if until else 'until now'}")
    _verdict(tree, found)
    run = tree.add(f"run/{found.run_key}, trigger {found.trigger}")
    if found.because:
        run.add(Text(f"trained because: {found.because}"))
    for commit in found.commits:
        run.add(Text(f"{commit.id[:_SHORT]}  {commit.time}  {commit.subject}"))
    lock = run.add(f"dvc.lock sha256 {found.lock_sha256 or 'none'}")
    for output in found.outputs:
        lock.add(f"{output.stage} wrote {output.path}, {output.size} bytes, md5 {output.md5}")
    data = tree.add(f"data {found.data.commit}, {found.data.time}")
    data.add(f"{found.data.images} images of {found.data.groups} groups")
    data.add(f"listing: git tree {found.data.manifest or 'none'}, md5 {found.data.listing_md5}")
    if found.data.counts:
        data.add(_counts(found.data))
    _descent(tree, found)
    if found.proposals:
        about = tree.add(f"proposals about images that it saw: {len(found.proposals)}")
        for one in found.proposals:
            about.add(Text(f"{_when(one.time)}  {one.image[:_SHORT]}  {one.says}"))
    code = tree.add(f"code {found.code.commit or 'not known'}")
    if found.code.installed:
        code.add(f"of the installed package medloom {found.code.installed}")
    else:
        dirt = {True: ", with uncommitted changes", False: ", as committed", None: ""}
        code.add(f"upstream {found.code.upstream}{dirt[found.code.dirty]}")
    _leaves(tree.add("parameters"), found.params)
    _leaves(tree.add("environment"), found.environment or {"the ledger": "has no record of it"})
    return tree


def _title(found: Trace) -> str:
    name = f"version {found.version}" if found.version is not None else "no version"
    aliases = f" ({', '.join(found.aliases)})" if found.aliases else ""
    return f"{found.model}, {name}{aliases}, weights sha256 {found.weights_sha256 or 'not known'}"


def _descent(tree: Tree, found: Trace) -> None:
    if not found.ancestors:
        tree.add("began from fresh networks")
        return
    branch = tree.add(f"descends from {', '.join(one.name for one in found.ancestors)}")
    for one in found.ancestors:
        leaf = branch.add(f"{one.name}, run/{one.run_key}, networks sha256 {one.networks_sha256}")
        leaf.add(f"data {one.data.commit or 'not known'}: {one.data.images} images of "
                 f"{one.data.groups} groups")  # fmt: skip
        leaf.add(f"listing: git tree {one.data.manifest or 'none'}, md5 {one.data.listing_md5}")
    branch.add(f"{found.seen_images} different images in the data of all of them and its own")


def _verdict(tree: Tree, found: Trace) -> None:
    record = found.verdict
    if record is None:
        tree.add(Text("no verdict", style="yellow"))
        return
    branch = tree.add(Text(f"verdict {record.action}, {record.time}, by {record.by}"))
    branch.add(Text(record.reason))
    for rule in record.verdict.get("rules", []):
        mark = {True: "holds", False: "FAILS", None: "open "}[rule.get("passed")]
        branch.add(Text(f"{mark}  {rule.get('name')}: {rule.get('says')}"))
    if comparison := record.verdict.get("comparison"):
        _leaves(branch.add("comparison with the champion"), comparison)
    answer = found.approval
    if answer:
        tree.add(Text(f"{answer.action} by {answer.by}, {answer.time}: {answer.reason}"))
    elif record.action == "awaiting":
        tree.add(Text("nobody has approved or declined it yet", style="yellow"))
    else:
        tree.add("approver: none, the gate alone decided")


def _leaves(tree: Tree, facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        if isinstance(value, dict):
            _leaves(tree.add(Text(name)), value)
        else:
            tree.add(Text(f"{name}: {value}"))


def _counts(data: DataLineage) -> FitTable:
    table = FitTable("class", *SPLITS, title="images (groups)")
    cells = {(row.label, row.split): f"{row.images} ({row.groups})" for row in data.counts}
    for label in sorted({row.label for row in data.counts}):
        table.add_row(label, *(cells.get((label, split), "0 (0)") for split in SPLITS))
    return table


# -- uses ------------------------------------------------------------------------------------------


def uses_json(found: Uses) -> dict[str, Any]:
    """The answer of `audit uses` as JSON."""
    return asdict(found)


def uses_table(found: Uses, *, everything: bool = False) -> Group:
    """The answer of `audit uses` as tables; without `everything`, only the last champions."""
    at = ", ".join(f"{name} {commit[:_SHORT]}" for name, commit in found.ledger.items())
    images = f"{len(found.images)} image{'' if len(found.images) == 1 else 's'}"
    parts: list[RenderableType] = [Text(f"{found.kind} {found.name}: {images}", style="bold")]
    if not found.revisions and not found.versions:
        parts.append(Text("no revision holds it, and no version used it"))
    if found.revisions:
        parts.append(_revisions(found.revisions, everything=everything))
    if found.versions:
        champions = [use for use in found.versions if use.champion]
        shown = found.versions if everything else champions[-_MOST:]
        parts += [_uses(found.versions), _versions(shown)] if shown else [_uses(found.versions)]
        if len(shown) < len(found.versions):
            rest = len(found.versions) - len(shown)
            parts.append(Text(f"{rest} more runs: --all lists older champions and all other runs",
                              style="dim"))  # fmt: skip
    if found.studies:
        parts.append(_studies(found.studies))
    if found.proposals:
        parts.append(_proposals(found.proposals))
    if found.unknown:
        parts.append(Text(f"unknown for version {_span(found.unknown)}: its data revision is not "
                          "in the ledger", style="yellow"))  # fmt: skip
    parts.append(Text(f"ledger at {at}" if at else "the ledger is empty", style="dim"))
    return Group(*parts)


def _revisions(uses: Sequence[RevisionUse], *, everything: bool) -> FitTable:
    more = ("with findings",) if any(use.findings for use in uses) else ()
    table = FitTable("revision", "data commit", "time, UTC", *SPLITS, "class", *more,
                  title="data revisions that hold it")  # fmt: skip
    for use in uses if everything or len(uses) <= 3 else (uses[0], None, uses[-1]):
        if use is None:
            table.add_row(f"({len(uses) - 2} more; --all lists them)")
            continue
        counts = (str(use.images.get(split, 0)) for split in SPLITS)
        labels = ", ".join(use.labels)
        found = (str(use.findings),) if more else ()
        table.add_row(str(use.number), use.data[:_SHORT], _when(use.time), *counts, labels, *found)
    return table


def _studies(uses: Sequence[StudyUse]) -> FitTable:
    table = FitTable("study", "planned", "shown", "to readers", "first, UTC", "last, UTC",
                     title="shown in reader studies")  # fmt: skip
    for use in uses:
        readers = ", ".join(use.readers) or "nobody yet"
        table.add_row(use.study, str(use.planned), str(use.shown), readers,
                      _when(use.first), _when(use.last))  # fmt: skip
    return table


def _proposals(said: Sequence[ProposalUse]) -> FitTable:
    table = FitTable("record", "time, UTC", "image", "said", "data revision",
                     title="proposals to take it out of the data")  # fmt: skip
    for one in said:
        table.add_row(
            str(one.record), _when(one.time), one.image[:_SHORT], Text(one.says),
            one.data[:_SHORT] or "none",
        )  # fmt: skip
    return table


def _uses(uses: Sequence[VersionUse]) -> FitTable:
    """The versions by kind of use, as spans of numbers."""
    table = FitTable("use", "versions", "runs without a version",
                  title="used by")  # fmt: skip
    trained = [use for use in uses if use.trained]
    for split, what in (
        (LEARNED, "learned from it (train)"),
        (CHOSE, "chose its weights by it (val)"),
        (JUDGED, "was judged on it (test)"),
    ):
        of = [use for use in trained if use.images.get(split)]
        numbers = sorted({use.version for use in of if use.version is not None})
        table.add_row(what, _span(numbers) or "none", str(sum(u.version is None for u in of)))
    if of := [use for use in trained if use.inherited]:
        numbers = sorted({use.version for use in of if use.version is not None})
        without = str(sum(use.version is None for use in of))
        table.add_row("descends from a version that used it", _span(numbers) or "none", without)
    if idle := len(uses) - len(trained):
        table.add_row("run without weights so far", "none", str(idle))
    return table


def _versions(uses: Iterable[VersionUse]) -> FitTable:
    uses = list(uses)
    descent = ["through version"] if any(use.ancestors for use in uses) else []
    table = FitTable("version", "run", *SPLITS, *descent, "verdict",
                  title="images it used")  # fmt: skip
    table.add_column("champion, UTC", no_wrap=True)
    for use in uses:
        counts = (str(use.images.get(split, 0)) for split in SPLITS)
        held = "\n".join(_tenure(tenure) for tenure in use.champion)
        number = "none" if use.version is None else str(use.version)
        through = [", ".join(map(str, use.ancestors)) or "none"] if descent else []
        table.add_row(
            number, use.run_key, *counts, *through, use.verdict or "none", held or "never"
        )
    return table


def _when(time: str) -> str:
    """ISO 8601 UTC, cut to the minute."""
    return time[:16].replace("T", " ")


def _tenure(held: Tenure) -> str:
    return f"{_when(held.since)} to {_when(held.until) if held.until else 'now'}"


def _span(numbers: Sequence[int]) -> str:
    """[1, 2, 3, 7] -> "1-3, 7"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{low}-{high}" if high > low else f"{low}" for low, high in spans)
