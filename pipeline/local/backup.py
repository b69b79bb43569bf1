"""`medloom backup` and `medloom restore`: a project as one tar file.

The ledger is copied first and the data afterwards. The pipeline writes data before it commits
references to them, so a backup of a running project contains all that its ledger refers to. A
backup lists what it leaves out: the journal's key, data at URLs, and what can be rebuilt (caches,
workspaces, logs).
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.ledger.git import Git
from pipeline.ledger.remote_files import FOLDER

OnProgress = Callable[[int, int], None]
_MANIFEST, _FORMAT, _BUNDLE = "manifest.json", 1, "ledger.bundle"
_DATABASES = ("mlflow/mlflow.db", "airflow/airflow.db", "landing-index.sqlite")
_FOLDERS = ("mlflow/artifacts",)
_TRIES = 3


@dataclass(frozen=True)
class Backup:
    """The manifest of a backup.

    Attributes:
        project, model: names.
        files: member of the archive -> sha256.
        left: descriptions of what the backup does not contain.
        format: format of the archive.
    """

    project: str
    model: str
    files: dict[str, str]
    left: tuple[str, ...]
    format: int = _FORMAT


def backup(project: Project, file: Path, on_progress: OnProgress) -> Backup:
    """Write a project to a tar file, atomically.

    Raises:
        BadInputError: the file exists.
        TransientError: the project changed during every attempt.
    """
    if file.exists():
        raise BadInputError(f"{file} exists and is not overwritten; choose another file")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as place:
        copies = Path(place) / "copies"
        _copy_ledger_and_databases(project, copies)
        members = dict(_members(project, copies))
        half = Path(place) / "half.tar"
        with tarfile.open(half, "w") as tar:
            files: dict[str, str] = {}
            for done, (name, source) in enumerate(sorted(members.items()), 1):
                files[name] = _add(tar, name, source)
                on_progress(done, len(members))
            made = Backup(project.name, project.model, files, tuple(_left_out(project)))
            text = json.dumps(vars(made), indent=1, sort_keys=True).encode()
            info = tarfile.TarInfo(_MANIFEST)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
        with half.open("rb") as stream:
            os.fsync(stream.fileno())
        half.replace(file)
    return made


def _copy_ledger_and_databases(project: Project, folder: Path) -> None:
    """Copy both while no branch of the ledger moves."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        git = Git(folder)
        git.run("clone", "--quiet", "--mirror", project.ledger, "ledger.git")
        for name in _DATABASES:
            _copy_database(project.state / name, folder / name)
        if git.run("ls-remote", project.ledger) == git.run("ls-remote", "ledger.git"):
            if git.run("ls-remote", "ledger.git"):
                bundle = str(folder / _BUNDLE)
                Git(folder / "ledger.git").run("bundle", "create", "--quiet", bundle, "--all")
            shutil.rmtree(folder / "ledger.git")
            return
    raise TransientError(
        "the project changed while it was copied; stop it with `medloom down`, then try again"
    )


def _copy_database(source: Path, target: Path) -> None:
    """Copy with SQLite's online backup, which is consistent while others write."""
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(source, timeout=30)) as one,
            closing(sqlite3.connect(target)) as two,
        ):
            one.backup(two)


def _members(project: Project, copies: Path) -> Iterator[tuple[str, Path]]:
    """Name in the archive -> file."""
    folders = {"": copies} | {name: project.state / name for name in _FOLDERS}
    if "://" not in project.remote:
        folders["remote"] = Path(project.remote)
    exchanged = Path(project.remote, FOLDER)  # files between hosts, which may be lost
    for name, folder in folders.items():
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_relative_to(exchanged):
                yield str(PurePosixPath(name, file.relative_to(folder).as_posix())), file


def _left_out(project: Project) -> Iterator[str]:
    yield "the journal's key (MEDLOOM_JOURNAL_KEY): keep a copy apart from the ledger"
    if project.marks.exists():
        yield f"the keys of the marks of generated images ({project.marks}): keep a copy of them"
    for variable, place in (
        ("MEDLOOM_REMOTE", project.remote), ("MEDLOOM_MLFLOW_URI", project.mlflow_uri)
    ):  # fmt: skip
        if "://" in place:
            yield f"the data at {variable}={_without_password(place)}: back it up there"
    yield "the landing zone, caches, checkpoints of unfinished runs, logs and report pages"
    yield "the counts of drawn images"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class _Hashing:
    """A file whose content is hashed while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; all if negative."""
        content = self._stream.read(size)
        self.digest.update(content)
        return content


def _add(tar: tarfile.TarFile, name: str, source: Path) -> str:
    info = tarfile.TarInfo(name)
    with source.open("rb") as stream:
        info.size = os.fstat(stream.fileno()).st_size
        hashing: Any = _Hashing(stream)
        tar.addfile(info, hashing)
    return str(hashing.digest.hexdigest())


# -- restore ---------------------------------------------------------------------------------------


def restore(file: Path, project: Project, on_progress: OnProgress) -> Backup:
    """Create a project from a backup, atomically, after checking the sha256 of every file.

    Files need no rewriting: MLflow stores artifact locations relative to its server.

    Raises:
        BadInputError: the project exists, the file is not a backup or is damaged, or the settings
            place the ledger or the remote outside the project's folder.
    """
    _require_room(project)
    project.state.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".restoring-{project.name}-"
    with tempfile.TemporaryDirectory(dir=project.state.parent, prefix=prefix) as place:
        folder = Path(place) / "state"
        folder.mkdir()
        try:
            with tarfile.open(file, "r:") as tar:
                made = _unpack(tar, folder, on_progress)
        except (tarfile.TarError, OSError, ValueError, TypeError, EOFError) as error:
            raise BadInputError(f"{file} is not a complete backup of medloom: {error}") from error
        if (bundle := folder / _BUNDLE).exists():
            Git(folder).run("clone", "--quiet", "--mirror", _BUNDLE, "ledger.git")
            Git(folder / "ledger.git").run("remote", "remove", "origin")
            bundle.unlink()
        folder.replace(project.state)
    return made


def _require_room(project: Project) -> None:
    state = project.state
    if state.exists():
        raise BadInputError(
            f"the project {state} exists and is not overwritten; choose another with --to"
        )
    for variable, place, usual in (
        ("MEDLOOM_LEDGER", project.ledger, state / "ledger.git"),
        ("MEDLOOM_REMOTE", project.remote, state / "remote"),
    ):
        if place != str(usual) and "://" not in place:
            raise BadInputError(
                f"{variable} is {place}, but a backup is restored to {usual}; unset it, and move "
                "the folder afterwards if needed"
            )


def _unpack(tar: tarfile.TarFile, folder: Path, on_progress: OnProgress) -> Backup:
    found: dict[str, str] = {}
    members = tar.getmembers()
    for done, member in enumerate(members, 1):
        found[member.name] = _extract(tar, member, folder)
        on_progress(done, len(members))
    manifest = folder / _MANIFEST
    if found.pop(_MANIFEST, None) is None:
        raise ValueError(f"it has no {_MANIFEST}")
    facts = json.loads(manifest.read_text())
    manifest.unlink()
    made = Backup(**{**facts, "left": tuple(facts["left"])})
    if made.format != _FORMAT:
        raise ValueError(f"its format is {made.format}; this version of medloom reads {_FORMAT}")
    damaged = {name for name in {*found, *made.files} if found.get(name) != made.files.get(name)}
    if damaged:
        raise ValueError(f"{min(damaged)} differs from the manifest ({len(damaged)} such files)")
    return made


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Extract one file into the folder; returns its sha256."""
    path, stream = PurePosixPath(member.name), tar.extractfile(member)
    if stream is None or not member.isfile() or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{member.name!r} is not a file inside the project")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    hashing = _Hashing(stream)
    with target.open("xb") as out:
        while content := hashing.read(1 << 20):
            out.write(content)
    return hashing.digest.hexdigest()
