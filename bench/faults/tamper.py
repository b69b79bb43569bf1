"""Tampering: change every store of a project without medloom, and check that `verify` finds it.

Each change is made to a temporary project and undone. The changes do not use medloom's code, like
an attacker with access to the disk: files, git references, the registry's database.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.faults.side_chains import EDITS, FOUND, Files, edited_chains
from pipeline.audit.objects import CheckedObjects
from pipeline.audit.run_links import WEIGHTS, RunFiles
from pipeline.audit.verify import verify
from pipeline.base.project import Project
from pipeline.ledger.git import Git
from pipeline.ledger.journal import BRANCH, Journal, Record, file_of
from pipeline.ledger.ledger import Ledger

if TYPE_CHECKING:
    from pipeline.registry.registry import Registry

Change = Callable[[bytes], bytes]
CHANGES: dict[str, Change] = {
    "one byte flipped": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "replaced": lambda content: b"[]" if content != b"[]" else b"{}",
    "truncated": lambda content: content[: len(content) // 2],
}


@dataclass(frozen=True)
class Victim:
    """A project on this disk, with a champion, and its registry's database."""

    project: Project

    @property
    def ledger(self) -> Ledger:
        """The ledger of the project."""
        return Ledger(self.project)

    @property
    def champion(self) -> Record:
        """The record that made the champion, which is tampered with."""
        record = Journal(self.ledger).champion
        if record is None:
            raise ValueError("the project has no champion to tamper with")
        return record

    @property
    def run(self) -> RunFiles:
        """The champion's run."""
        return RunFiles(self.ledger, self.champion.run_key)

    @property
    def objects(self) -> CheckedObjects:
        """The objects of the remote."""
        return CheckedObjects(self.project.remote)

    @property
    def database(self) -> Path:
        """MLflow's database."""
        return self.project.state / "mlflow" / "mlflow.db"

    def object(self, name: str) -> Path:
        """An object's file."""
        return Path(self.project.remote) / "files" / "md5" / name[:2] / name[2:]

    def artifact(self, column: str, path: str) -> Path:
        """A file of the champion: `column` is run_id for artifacts of its run, storage_location
        for those of the model.
        """
        query = f"SELECT {column} FROM model_versions WHERE version = ?"  # noqa: S608 - our names
        with closing(sqlite3.connect(self.database)) as connection:
            (place,) = connection.execute(query, [self.champion.version]).fetchone()
        folder = self.project.state / "mlflow" / "artifacts"
        if column == "run_id":
            return next(folder.glob(f"*/{place}/artifacts")) / path
        return folder / str(place).removeprefix("mlflow-artifacts:/") / path

    def listing(self) -> str:
        """The name of the first batch's listing."""
        files = self.run.files
        batch = min(p for p in files if p.startswith("data/raw/") and p.endswith(".dvc"))
        return files[batch].decode().split("md5: ")[1].split()[0]


def _image(victim: Victim) -> Path:
    listing = victim.objects.listing(victim.listing())
    return victim.object(min(name for path, name in listing.items() if path.endswith(".png")))


FILES: dict[str, tuple[Callable[[Victim], Path], str]] = {
    "image in the remote": (_image, "image "),
    "listing in the remote": (lambda v: v.object(v.listing()), "listing of b"),
    "weights in the remote": (lambda v: v.object(v.run.weights(v.objects)), "weights, models/"),
    "weights in MLflow": (
        lambda v: v.artifact("storage_location", f"artifacts/bundle/generator/{WEIGHTS}"),
        "weights in MLflow",
    ),
    "code of the bundle in MLflow": (
        lambda v: v.artifact("storage_location", "artifacts/bundle/medloom_model/sampling.py"),
        "bundle/medloom_model/sampling.py",
    ),
    "params.yaml in MLflow": (
        lambda v: v.artifact("run_id", "lineage/params.yaml"), "lineage/params.yaml",
    ),
    "verdict in MLflow": (lambda v: v.artifact("run_id", "verdict.json"), "verdict.json"),
}  # fmt: skip


@contextmanager
def changed_file(find: Callable[[Victim], Path], change: Change, victim: Victim) -> Iterator[None]:
    """Change a file's bytes; if nothing is left, remove it."""
    file = find(victim)
    before, mode = file.read_bytes(), file.stat().st_mode
    file.unlink()
    if after := change(before):
        file.write_bytes(after)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        file.write_bytes(before)
        file.chmod(mode)


@contextmanager
def rewritten(
    branch: Callable[[Victim], str], write: Callable[[Victim, str], None], victim: Victim
) -> Iterator[None]:
    """Move a branch of the ledger by force."""
    git, name = Git(Path(victim.project.ledger)), f"refs/heads/{branch(victim)}"
    head = git.run("rev-parse", name)
    write(victim, head)
    try:
        yield
    finally:
        git.run("update-ref", name, head)


@contextmanager
def updated(
    statement: str, undo: str, values: Callable[[Victim], tuple[Any, Any]], victim: Victim
) -> Iterator[None]:
    """Change a row of the registry's database; `statement` takes the new value and the version."""
    after, before = values(victim)
    version = victim.champion.version

    def execute(sql: str, value: object) -> None:
        with closing(sqlite3.connect(victim.database, timeout=30)) as connection, connection:
            connection.execute(sql, [value, version])

    execute(statement, after)
    try:
        yield
    finally:
        execute(undo, before)


def _edit_lock(victim: Victim, head: str) -> None:
    run = victim.run
    text = run.files["dvc.lock"].decode().replace(run.outs()["models"], "0" * 32 + ".dir")
    victim.ledger.commit_files(f"run/{run.key}", head, {"dvc.lock": text}, "tamper")


def _edit_record(victim: Victim, head: str) -> None:
    first = Journal(victim.ledger).records[0]
    text = json.dumps(json.loads(first.written) | {"reason": "another"}, sort_keys=True) + "\n"
    victim.ledger.commit_files(BRANCH, head, {file_of(1): text}, "tamper")


def _cut_tail(victim: Victim, head: str) -> None:
    Git(Path(victim.project.ledger)).run("update-ref", f"refs/heads/{BRANCH}", f"{head}~1")


def _edited_chains(edit: Callable[[Files], Files], victim: Victim) -> AbstractContextManager[None]:
    return edited_chains(victim.ledger, edit)


def _git_object(victim: Victim) -> Path:
    git = Git(Path(victim.project.ledger))
    name = git.run("rev-parse", f"{victim.run.head}:dvc.lock")
    loose = git.folder / "objects" / name[:2] / name[2:]
    return loose if loose.exists() else next((git.folder / "objects" / "pack").glob("*.pack"))


def _another_version(victim: Victim) -> tuple[int, int]:
    champion = victim.champion.number
    return (1 if champion != 1 else 2), champion


_TAG = "UPDATE model_version_tags SET value = ? WHERE key = 'dvc.git_commit' AND version = ?"
_ALIAS = "UPDATE registered_model_aliases SET version = ? WHERE alias = 'champion' AND ? > 0"
Harm = Callable[[Victim], AbstractContextManager[None]]
HARMS: dict[str, tuple[Harm, str | tuple[str, ...]]] = {
    **{
        f"{what}, {how}": (partial(changed_file, find, change), says)
        for what, (find, says) in FILES.items()
        for how, change in CHANGES.items()
    },
    "image in the remote, removed": (partial(changed_file, _image, lambda _: b""), "image "),
    "git object of the ledger, one byte flipped": (
        partial(changed_file, _git_object, CHANGES["one byte flipped"]), "git's objects",
    ),
    "dvc.lock, a new commit": (
        partial(rewritten, lambda v: f"run/{v.run.key}", _edit_lock), "dvc.lock",
    ),
    "journal, a record edited": (partial(rewritten, lambda _: BRANCH, _edit_record), "000001.json"),
    "journal, its tail cut": (partial(rewritten, lambda _: BRANCH, _cut_tail), "number of records"),
    **{
        f"chains beside the journal, {how}": (partial(_edited_chains, edit), FOUND)
        for how, edit in EDITS.items()
    },
    "tag in the registry": (
        partial(updated, _TAG, _TAG, lambda v: ("0" * 40, v.run.head)), "tag dvc.git_commit",
    ),
    "alias in the registry": (
        partial(updated, _ALIAS, _ALIAS, _another_version), "alias champion",
    ),
}  # fmt: skip


def named(harm: str, broken: Sequence[str]) -> bool:
    """Whether broken links name all that a harm changed."""
    _, says = HARMS[harm]
    wanted = (says,) if isinstance(says, str) else says
    return all(any(one in link for link in broken) for one in wanted)


def tamper(victim: Victim, registry: "Registry", harm: str) -> list[str]:
    """Make one change, verify everything, undo it; returns the broken links by name."""
    do, _ = HARMS[harm]
    with do(victim):
        found = verify(victim.ledger, registry, None, (), lambda *_: None)
    return [
        f"{chain.name}: {chain.broken.what}: {chain.broken.found}"
        for chain in found.chains
        if chain.broken
    ]


@dataclass(frozen=True)
class Tampered:
    """One change and what `verify` found.

    Attributes:
        harm: the change, in words.
        fine: whether a broken link names what was changed.
        broken: first broken links, by name.
    """

    harm: str
    fine: bool
    broken: tuple[str, ...]

    @property
    def words(self) -> str:
        """The name of this row."""
        return self.harm


def tamper_everywhere(
    project: Project, registry: "Registry", only: Callable[[str], bool] = lambda _: True
) -> Iterator[Tampered]:
    """Make and undo every change; `project` is a temporary one with two versions."""
    for harm in HARMS:
        if only(harm):
            broken = tamper(Victim(project), registry, harm)
            yield Tampered(harm, named(harm, broken), tuple(broken))
