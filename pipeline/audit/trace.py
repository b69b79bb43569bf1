"""Trace a version to its run, commits, data, code, parameters, verdict and approver.

Only the ledger is read: the registry holds copies.
"""

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import yaml

from pipeline.audit.history import RUN, History, RunHistory
from pipeline.audit.proposal_uses import proposal_uses
from pipeline.audit.trace_facts import (
    Ancestor,
    CodeLineage,
    Counts,
    DataLineage,
    Output,
    Trace,
)
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.manifest import RAW_FOLDER
from pipeline.ledger.descent import ancestors
from pipeline.ledger.journal import Journal, Record, champions
from pipeline.ledger.ledger import STAGES

SECTIONS = (*STAGES, "gate")
ALIASES = ("champion", "previous", "challenger")
_PINNED = ("torch", "numpy", "dvc", "mlflow", "apache-airflow")
_KEY = re.compile(rf"(?:{RUN})?([0-9a-f]{{16}})")


def trace(project: Project, asked: str) -> Trace:
    """Trace a version to what it was made of.

    Args:
        project: the project.
        asked: a version's number, an alias (champion, previous or challenger, by the journal), or
            a run key, for a run without a verdict.

    Raises:
        BadInputError: there is no such version or run, or the journal is broken.
        TransientError: the ledger cannot be reached.
    """
    history = History(project)
    journal = Journal(history.ledger)
    number, key = resolve(journal, history, asked)
    verdict = journal.verdict_on(key)
    run = history.run(key)
    head = run.head if run else ""
    lock = history.text(head, "dvc.lock") or "" if head else ""
    stages = _yaml(lock).get("stages", {})
    data = _data(history, run, verdict, stages)
    code = _code(history, run)
    about = _about(journal, number)
    line = _ancestors(history, journal, key)
    seen = _seen(history, [data, *(one.data for one in line)])
    params = _yaml(history.text(head, "params.yaml") or "") if head else {}
    return Trace(
        model=project.model,
        version=number,
        aliases=tuple(name for name in ALIASES if number and _alias(journal, name) == number),
        blocked=_blocked(journal, number),
        weights_sha256=verdict.weights_sha256 if verdict else "",
        run_key=key,
        trigger=run.trigger if run else "unknown",
        because=run.because if run else "",
        commits=run.commits if run else (),
        lock_sha256=hashlib.sha256(lock.encode()).hexdigest() if lock else "",
        outputs=tuple(_outputs(stages)),
        data=data,
        code=code,
        params={name: params[name] for name in SECTIONS if name in params},
        environment=_environment(history, head, verdict),
        verdict=verdict,
        approval=next((r for r in reversed(about) if r.action in ("approved", "declined")), None),
        decisions=about,
        champion=tuple((s, u) for version, s, u in champions(journal.records) if version == number),
        missing=tuple(_missing(key, run, verdict, stages, data)),
        ancestors=line,
        seen_images=len(seen),
        proposals=proposal_uses(history, seen),
    )


# -- which one -------------------------------------------------------------------------------------


def resolve(journal: Journal, history: History, asked: str) -> tuple[int | None, str]:
    """The version and the key of its run, by the journal, never by the registry.

    Raises:
        BadInputError: there is none; the message lists what is allowed.
    """
    name = asked.removeprefix("v") if asked[1:].isdigit() else asked
    if (found := _KEY.fullmatch(name)) and (RUN + found[1] in history.heads):
        verdict = journal.verdict_on(found[1])
        return (verdict.version if verdict else None), found[1]
    number = _alias(journal, name) if name in ALIASES else int(name) if name.isdigit() else None
    if name in ALIASES and number is None:
        raise BadInputError(f"this project has no {name} now; {_known(journal, history)}")
    keys = [r.run_key for r in journal.records if r.version == number and r.run_key]
    if number is None or not keys:
        what = f"version {number} has no verdict in the journal, so its run is not known"
        raise BadInputError(
            f"{what if name.isdigit() else f'{asked!r} is not a version'}; "
            f"{_known(journal, history)}"
        )
    judged = [key for key in keys if journal.verdict_on(key)]
    # Later runs with the same weights share the version, which belongs to the first.
    return number, (judged or keys)[0]


def _alias(journal: Journal, name: str) -> int | None:
    record = {
        "champion": journal.champion,
        "previous": journal.previous_champion,
        "challenger": journal.challenger,
    }[name]
    return record.version if record else None


def _known(journal: Journal, history: History) -> str:
    """The versions, aliases and runs that may be given, in words."""
    versions = sorted({r.number for r in journal.records if r.version is not None})
    judged = {r.run_key for r in journal.records}
    runs = sorted(key for key in history.run_heads if key not in judged)
    known = f"versions with a verdict: {_span(versions) or 'none yet'}"
    aliases = [name for name in ALIASES if _alias(journal, name) is not None]
    more = f"; runs without a verdict: {', '.join(runs[:3])}" if runs else ""
    more += f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    return f"{known}; give a number, {', '.join(aliases) or 'an alias'} or a run key{more}"


def _span(numbers: list[int]) -> str:
    if len(numbers) > 8:
        return f"{numbers[0]} to {numbers[-1]} ({len(numbers)})"
    return ", ".join(map(str, numbers))


def _about(journal: Journal, number: int | None) -> tuple[Record, ...]:
    if number is None:
        return ()
    ended = ("rolled-back", "demoted")
    return tuple(
        r
        for r in journal.records
        if r.version == number or (r.predecessor == number and r.action in ended)
    )


def _blocked(journal: Journal, number: int | None) -> str:
    record = journal.blocked.get(number) if number is not None else None
    return f"{record.action} by {record.by}: {record.reason}" if record else ""


# -- what it was made of ---------------------------------------------------------------------------


def _data(
    history: History, run: RunHistory | None, verdict: Record | None, stages: dict[str, Any]
) -> DataLineage:
    named = (run.data if run else "") or (verdict.data if verdict else "")
    commit = history.commit(named)
    at = run.head if run else named
    listing = history.manifests([at])[0] if run or commit else None
    counts, groups = _count(history, listing) if listing else ((), 0)
    deps = stages.get("preprocess", {}).get("deps", [])
    md5 = next((dep.get("md5", "") for dep in deps if dep.get("path") == str(RAW_FOLDER)), "")
    return DataLineage(
        named,
        commit.time if commit else "",
        commit.subject if commit else "",
        listing or "",
        str(md5),
        counts,
        groups,
    )


def _ancestors(history: History, journal: Journal, key: str) -> tuple[Ancestor, ...]:
    """The versions that a run goes on from, by what each run's branch says of its start."""
    starts = history.starts()
    found = []
    for child, parent in pairwise((key, *ancestors(key, starts))):
        verdict, run = journal.verdict_on(parent), history.run(parent)
        lock = history.text(run.head, "dvc.lock") or "" if run else ""
        data = _data(history, run, verdict, _yaml(lock).get("stages", {}))
        version = verdict.version if verdict else starts[child].version
        found.append(Ancestor(version, parent, starts[child].sha256, data))
    return tuple(found)


def _seen(history: History, data: Iterable[DataLineage]) -> set[str]:
    """The ids of all images in some data revisions."""
    listings = sorted({one.manifest for one in data if one.manifest})
    blobs = sorted({blob for batches in history.batches(listings) for blob in batches})
    ids: set[str] = set()
    for content in history.git.contents(blobs):
        lines = csv.DictReader(io.StringIO((content or b"").decode(), newline=""))
        ids |= {line["id"] for line in lines}
    return ids


def _count(history: History, listing: str) -> tuple[tuple[Counts, ...], int]:
    images: dict[tuple[str, str], int] = defaultdict(int)
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for content in history.git.contents(history.batches([listing])[0]):
        lines = csv.reader(io.StringIO((content or b"").decode(), newline=""))
        header = next(lines, [])
        label, split, group = (header.index(name) for name in ("label", "split", "group"))
        for line in lines:
            where = line[label], line[split]
            images[where] += 1
            groups[where].add(line[group])
    counts = tuple(Counts(*at, images[at], len(groups[at])) for at in sorted(images))
    return counts, len(set().union(*groups.values()))


def _code(history: History, run: RunHistory | None) -> CodeLineage:
    commit = history.commit(run.code) if run else None
    facts = commit.facts if commit else {}
    dirty = {"yes": True, "no": False}.get(facts.get("dirty", ""))
    upstream, installed = facts.get("upstream", "none"), facts.get("installed", "")
    return CodeLineage(run.code if run else "", upstream, dirty, installed)


def _outputs(stages: dict[str, Any]) -> list[Output]:
    return [
        Output(name, str(out["path"]), str(out.get("md5", "")), int(out.get("size", 0)))
        for name, stage in stages.items()
        for out in stage.get("outs", [])
    ]


def _environment(history: History, head: str, verdict: Record | None) -> dict[str, str]:
    """The verdict's record of the environment, and the versions pinned in the lock file."""
    told = dict(verdict.details.get("environment", {})) if verdict else {}
    lock = history.text(head, "requirements.lock") if head else None
    if lock is None:
        return told
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    pinned = {f"{name} (locked)": pins[name] for name in _PINNED if name in pins}
    digest = {"requirements.lock": f"sha256 {hashlib.sha256(lock.encode()).hexdigest()}"}
    return told | pinned | digest


def _missing(
    key: str,
    run: RunHistory | None,
    verdict: Record | None,
    stages: dict[str, Any],
    data: DataLineage,
) -> list[str]:
    said = []
    if verdict is None:
        said.append(f"run {key} has no verdict: the gate has not judged it, so no version is known")
    if run is None:
        said.append(f"the branch run/{key} is gone: code, parameters and outputs are not known")
    elif lacking := [name for name in STAGES if name not in stages]:
        said.append(f"dvc.lock of run {key} has no result of {', '.join(lacking)}")
    if run and verdict and verdict.data and verdict.data != run.data:
        said.append(f"the verdict names data {verdict.data[:12]}, but the run began with another")
    if not data.time:
        said.append(f"the data revision {data.commit[:12] or 'of this run'} is not in the ledger")
    return said


def _yaml(text: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if available
    return dict(yaml.load(text, Loader=loader) or {})  # noqa: S506 - both are safe loaders
