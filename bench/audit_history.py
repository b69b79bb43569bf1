"""A synthetic ledger of many versions without images, to test audits.

Branches, manifests, dvc.lock files and the journal's chained records have the real format. Two
fast-imports write it to git: the second one needs the trees made by the first.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from pipeline.base.project import Project
from pipeline.data.manifest import MANIFEST_FOLDER, Row
from pipeline.data.names import Pseudonyms
from pipeline.ledger.chain import GENESIS
from pipeline.ledger.git import Git
from pipeline.ledger.journal import BRANCH, Record, file_of
from pipeline.ledger.ledger import CODE, DATA, Ledger

CLASSES = ("cyst", "normal", "stone", "tumor")
_BEGIN = 1_735_689_600  # 2025-01-01
_HOUR = 3600
_IMAGES_A_PATIENT = 20
_WITHDRAW_EACH, _RELABEL_EACH = 5, 7  # revisions
_STAGES = {"preprocess": "data/processed", "train": "models", "evaluate": "reports"}


@dataclass(frozen=True)
class SyntheticHistory:
    """The known contents of the history.

    Attributes:
        patients: names, as in file names.
        images: ids of images of the first batch that were not withdrawn.
        withdrawn: ids that are in an older revision but not in the newest.
    """

    patients: tuple[str, ...]
    images: tuple[str, ...]
    withdrawn: tuple[str, ...]


def make_history(project: Project, versions: int, revisions: int, images: int) -> SyntheticHistory:
    """Fill the empty ledger of `project`.

    Each version uses the newest revision of its time; the revisions grow to `images` images. Some
    images are withdrawn and some relabelled, one run has no verdict, and some versions wait for a
    person, who approves every other one.
    """
    Ledger(project)
    git = Git(Path(project.ledger))
    names = Pseudonyms.load(project.patient_key, make=True)
    made = _Manifests(revisions, images, names)
    git.fast_import(_code_and_data(made))
    data = git.run("rev-list", "--reverse", DATA).split()
    trees = [str(tree) for tree in git.ids(f"{commit}:data" for commit in data)]
    code = git.run("rev-parse", CODE)
    runs = _runs(versions, code, data, trees)
    git.fast_import(_run_branches(runs))
    git.fast_import(_journal(runs))
    git.run("pack-refs", "--all")
    return made.known()


# -- fast-import's language ------------------------------------------------------------------------


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def _commit(
    branch: str, hour: int, why: str, parents: str, files: dict[str, str]
) -> Iterator[bytes]:
    """One commit; `parents` are from and merge lines, needed only for a branch's first commit."""
    yield f"commit refs/heads/{branch}\n".encode()
    yield f"committer medloom <medloom@localhost> {_BEGIN + _HOUR * hour} +0000\n".encode()
    yield _data(why)
    yield parents.encode()
    for path, text in files.items():
        yield f"M 100644 inline {path}\n".encode()
        yield _data(text)


# -- code and data ---------------------------------------------------------------------------------


class _Manifests:
    """Makes the manifests of one revision after the other."""

    def __init__(self, revisions: int, images: int, names: Pseudonyms) -> None:
        self._names = names
        self._random = Random(0)  # noqa: S311 - no secret
        self._revisions, self._each = revisions, images // revisions
        self._batches: dict[str, list[Row]] = {}
        self._withdrawn: list[str] = []

    def known(self) -> SyntheticHistory:
        """The known contents, once all revisions are made."""
        first = next(iter(self._batches.values()))
        patients = tuple(f"patient-no-{n}" for n in range(self._each // _IMAGES_A_PATIENT or 1))
        return SyntheticHistory(patients, tuple(row.id for row in first), tuple(self._withdrawn))

    def revisions(self) -> Iterator[dict[str, str]]:
        """The changed files of each revision, path -> text."""
        for number in range(self._revisions):
            name = f"{number:04d}-batch"
            self._batches[name] = [
                self._row(name, number * self._each + i) for i in range(self._each)
            ]
            changed = {name}
            if number % _WITHDRAW_EACH == _WITHDRAW_EACH - 1:
                changed.add(self._withdraw())
            if number % _RELABEL_EACH == _RELABEL_EACH - 1:
                changed.add(self._relabel())
            yield {f"{MANIFEST_FOLDER}/{n}.csv": _csv(self._batches[n]) for n in sorted(changed)}

    def _row(self, batch: str, number: int) -> Row:
        patient = number // _IMAGES_A_PATIENT
        id_, stored, source = (
            hashlib.sha256(f"{what} {number}".encode()).hexdigest() for what in "isf"
        )
        split = ("train", "train", "train", "train", "val", "test")[patient % 6]
        label = CLASSES[number % len(CLASSES)]
        group = self._names.patient(f"patient-no-{patient}")
        return Row(id_, stored, source, batch, label, group, split, "axial", 512, 512, 8)

    def _withdraw(self) -> str:
        batch = self._random.choice(sorted(self._batches))
        row = self._random.choice(self._batches[batch])
        self._batches[batch].remove(row)
        self._withdrawn.append(row.id)
        return batch

    def _relabel(self) -> str:
        batch = self._random.choice(sorted(self._batches))
        at = self._random.randrange(len(self._batches[batch]))
        row = self._batches[batch][at]
        other = CLASSES[(CLASSES.index(row.label) + 1) % len(CLASSES)]
        self._batches[batch][at] = replace(row, label=other)
        return batch


def _csv(rows: list[Row]) -> str:
    stream = io.StringIO()
    names = [field.name for field in fields(Row)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in sorted(rows))
    return stream.getvalue()


def _code_and_data(listings: _Manifests) -> Iterator[bytes]:
    files = {
        "params.yaml": "preprocess: {size: 64}\ntrain: {kimg: 1.0}\n"
        "evaluate: {n: 9}\ngate: {looks: 20}\n",
        "dvc.yaml": "stages: {}\n",
        "requirements.lock": "torch==2.14.1 \\\n    --hash=sha256:00\nnumpy==2.2.0\n",
    }
    why = f"snapshot\n\nupstream {'ab' * 20}\ndirty no"
    yield from _commit(CODE, 0, why, "", files)
    for number, changed in enumerate(listings.revisions()):
        yield from _commit(DATA, 10 * number, f"data: batch {number}", "", changed)


# -- runs and the journal --------------------------------------------------------------------------


@dataclass(frozen=True)
class _SyntheticRun:
    """A run to write; `version` is None for a run without a verdict."""

    key: str
    version: int | None
    hour: int
    code: str
    data: str
    tree: str


def _runs(versions: int, code: str, data: list[str], trees: list[str]) -> list[_SyntheticRun]:
    runs = []
    for number in range(versions):
        revision = number * len(data) // versions
        key = hashlib.sha256(f"run {number}".encode()).hexdigest()[:16]
        hour = 10 * len(data) + 10 * number
        runs.append(_SyntheticRun(key, number + 1, hour, code, data[revision], trees[revision]))
    idle = hashlib.sha256(b"opened").hexdigest()[:16]
    runs.append(_SyntheticRun(idle, None, 10 * (len(data) + versions), code, data[-1], trees[-1]))
    return runs


def _run_branches(runs: list[_SyntheticRun]) -> Iterator[bytes]:
    for run in runs:
        branch = f"run/{run.key}"
        why = f"run {run.key}\n\ncode {run.code}\ndata {run.data}\ntrigger schedule"
        parents = f"from {run.code}\nmerge {run.data}\nM 040000 {run.tree} data\n"
        yield from _commit(branch, run.hour, why, parents, {})
        done = list(_STAGES) if run.version else []
        for number, stage in enumerate(done, 1):
            files = {"dvc.lock": _lock(run, done[:number])}
            yield from _commit(branch, run.hour + number, f"{stage} of run {run.key}", "", files)


def _lock(run: _SyntheticRun, stages: list[str]) -> str:
    """A dvc.lock in DVC's format, with as many dependencies as the real stages."""
    lines = ["schema: '2.0'", "stages:"]
    for stage in stages:
        raw = f"{run.tree[:32]}.dir"
        lines += [f"  {stage}:", f"    cmd: python -m pipeline.stages.{stage}", "    deps:"]
        for path in ("data/raw", *(f"pipeline/module_{n}.py" for n in range(60))):
            lines += [
                f"    - path: {path}",
                "      hash: md5",
                f"      md5: {raw}",
                "      size: 9",
            ]
        lines += ["    outs:", f"    - path: {_STAGES[stage]}", "      hash: md5"]
        lines += [f"      md5: {_weights(run)[:32]}.dir", "      size: 99", "      nfiles: 3"]
    return "\n".join(lines) + "\n"


def _weights(run: _SyntheticRun) -> str:
    return hashlib.sha256(f"weights {run.version}".encode()).hexdigest()


def _journal(runs: list[_SyntheticRun]) -> Iterator[bytes]:
    previous, sequence = GENESIS, 0
    champion: int | None = None
    for run in runs:
        for facts in _decisions(run, champion):
            sequence += 1
            record = Record.write(sequence=sequence, previous=previous, **facts)
            files = {file_of(sequence): record.written.decode()}
            previous = record.sha256
            champion = record.version if record.action in ("promoted", "approved") else champion
            yield from _commit(BRANCH, run.hour + 5, f"{record.action}: {run.version}", "", files)


def _decisions(run: _SyntheticRun, champion: int | None) -> Iterator[dict[str, Any]]:
    """The gate's record on a run, and a person's approval of every second one that waits."""
    if run.version is None:
        return
    cycle = ("promoted", "rejected", "inconclusive", "awaiting", "rejected", "awaiting", "rejected")
    action = cycle[(run.version - 1) % len(cycle)]
    when = datetime.fromtimestamp(_BEGIN + _HOUR * (run.hour + 5), UTC)
    facts = {
        "time": when.isoformat(timespec="seconds"), "version": run.version, "run_key": run.key,
        "weights_sha256": _weights(run), "data": run.data, "predecessor": champion,
    }  # fmt: skip
    yield facts | {"action": action, "verdict": _verdict(action), "test_set": "cd" * 32,
                   "by": "gate", "reason": "what decided, in a sentence"}  # fmt: skip
    if action == "awaiting" and run.version % 2:
        yield facts | {"action": "approved", "by": "a person", "reason": "looked at the pictures"}


def _verdict(outcome: str) -> dict[str, Any]:
    """A verdict as long as a real one."""
    rules = [
        {"name": f"guard:rule-{n}", "passed": outcome != "rejected", "value": 0.125, "limit": 0.5,
         "says": "the value 0.125 with its interval 0.1 to 0.15 is below the limit 0.5"}
        for n in range(12)
    ]  # fmt: skip
    names = ("groups", "improvement", "standard_error", "fakes_share", "t", "t_needed", "margin")
    return {
        "outcome": outcome, "reason": "what decided, in a sentence", "candidate": "ef" * 32,
        "champion": "ab" * 32, "rules": rules, "comparison": dict.fromkeys(names, 0.25),
        "looks_used": 3, "config": json.loads('{"looks": 20, "false_promotion": 0.1}'),
    }  # fmt: skip
