"""`medloom backup` and `medloom restore`: a project in one file, and back.

The ledger is taken first and everything it names afterwards: the pipeline writes bytes before it
names them, so that a backup of a working project holds all that its ledger speaks of. What a
backup leaves out is said: the journal's key, places that are URLs, and what can be made anew
(caches, workspaces, logs).
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
from pipeline.base.settings import Settings
from pipeline.ledger.git import Git
from pipeline.ledger.remote_files import FOLDER

OnProgress = Callable[[int, int], None]
_MANIFEST, _FORMAT, _BUNDLE = "manifest.json", 1, "ledger.bundle"
_DATABASES = ("mlflow/mlflow.db", "airflow/airflow.db", "landing-index.sqlite")
_FOLDERS = ("mlflow/artifacts",)
_TRIES = 3


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Attributes:
        project, model: names.
        files: member -> sha256.
        left: what is not in it and must be kept or set otherwise, in words.
        format: of the file.
    """

    project: str
    model: str
    files: dict[str, str]
    left: tuple[str, ...]
    format: int = _FORMAT


def backup(settings: Settings, file: Path, on_progress: OnProgress) -> Backup:
    """Write a project to a tar file, which appears when it is complete.

    Raises:
        BadInputError: the file exists.
        TransientError: the project was written to all the time.
    """
    if file.exists():
        raise BadInputError(f"{file} exists, and no backup is overwritten; name another file")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as place:
        snapshot = Path(place) / "snapshot"
        _take_snapshot(settings, snapshot)
        members = dict(_members(settings, snapshot))
        half = Path(place) / "half.tar"
        with tarfile.open(half, "w") as tar:
            files: dict[str, str] = {}
            for done, (name, source) in enumerate(sorted(members.items()), 1):
                files[name] = _add(tar, name, source)
                on_progress(done, len(members))
            made = Backup(settings.project, settings.model, files, tuple(_left_out(settings)))
            text = json.dumps(vars(made), indent=1, sort_keys=True).encode()
            info = tarfile.TarInfo(_MANIFEST)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
        with half.open("rb") as stream:
            os.fsync(stream.fileno())
        half.replace(file)
    return made


def _take_snapshot(settings: Settings, folder: Path) -> None:
    """The ledger and the databases, of one moment in which no branch moved."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        git = Git(folder)
        git.run("clone", "--quiet", "--mirror", settings.ledger, "ledger.git")
        for name in _DATABASES:
            _copy_database(settings.state / name, folder / name)
        if git.run("ls-remote", settings.ledger) == git.run("ls-remote", "ledger.git"):
            if git.run("ls-remote", "ledger.git"):
                bundle = str(folder / _BUNDLE)
                Git(folder / "ledger.git").run("bundle", "create", "--quiet", bundle, "--all")
            shutil.rmtree(folder / "ledger.git")
            return
    raise TransientError(
        "the project was written to while it was copied; `medloom down` stops it, then try again"
    )


def _copy_database(source: Path, target: Path) -> None:
    """SQLite's own online backup: a whole database although others write to it."""
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(source, timeout=30)) as one,
            closing(sqlite3.connect(target)) as two,
        ):
            one.backup(two)


def _members(settings: Settings, snapshot: Path) -> Iterator[tuple[str, Path]]:
    """Name in the archive -> file."""
    folders = {"": snapshot} | {name: settings.state / name for name in _FOLDERS}
    if "://" not in settings.remote:
        folders["remote"] = Path(settings.remote)
    beside = Path(settings.remote, FOLDER)  # hosts hand that to each other, and may lose it
    for name, folder in folders.items():
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_relative_to(beside):
                yield str(PurePosixPath(name, file.relative_to(folder).as_posix())), file


def _left_out(settings: Settings) -> Iterator[str]:
    yield "the journal's key (MEDLOOM_JOURNAL_KEY): keep it apart, where no ledger is"
    for variable, place in (
        ("MEDLOOM_REMOTE", settings.remote), ("MEDLOOM_MLFLOW_URI", settings.mlflow_uri)
    ):  # fmt: skip
        if "://" in place:
            yield f"what lies at {variable}={_without_password(place)}: back it up there"
    yield "the landing zone, caches, checkpoints of unfinished runs, logs and report pages"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class _Hashing:
    """A file that hashes what is read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
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


# -- back ------------------------------------------------------------------------------------------


def restore(file: Path, settings: Settings, on_progress: OnProgress) -> Backup:
    """Make a project out of a backup; it appears when every file has its sha256.

    Nothing in it is rewritten: MLflow's server names its artifacts relative to itself.

    Raises:
        BadInputError: the project exists, the file is no backup or is damaged, or the settings
            point elsewhere than into the project's folder.
    """
    _require_room(settings)
    settings.state.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".restoring-{settings.project}-"
    with tempfile.TemporaryDirectory(dir=settings.state.parent, prefix=prefix) as place:
        folder = Path(place) / "state"
        folder.mkdir()
        try:
            with tarfile.open(file, "r:") as tar:
                made = _unpack(tar, folder, on_progress)
        except (tarfile.TarError, OSError, ValueError, TypeError, EOFError) as error:
            raise BadInputError(f"{file} is no whole backup of medloom: {error}") from error
        if (bundle := folder / _BUNDLE).exists():
            Git(folder).run("clone", "--quiet", "--mirror", _BUNDLE, "ledger.git")
            Git(folder / "ledger.git").run("remote", "remove", "origin")
            bundle.unlink()
        folder.replace(settings.state)
    return made


def _require_room(settings: Settings) -> None:
    state = settings.state
    if state.exists():
        raise BadInputError(
            f"there is a project {state}, and no project is overwritten; name another with --to"
        )
    for variable, place, usual in (
        ("MEDLOOM_LEDGER", settings.ledger, state / "ledger.git"),
        ("MEDLOOM_REMOTE", settings.remote, state / "remote"),
    ):
        if place != str(usual) and "://" not in place:
            raise BadInputError(
                f"{variable} is {place}, and a backup is restored to {usual}; unset it, and move "
                "the folder afterwards if it shall lie elsewhere"
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
        raise ValueError(f"its format is {made.format}, and this medloom reads {_FORMAT}")
    damaged = {name for name in {*found, *made.files} if found.get(name) != made.files.get(name)}
    if damaged:
        raise ValueError(f"{min(damaged)} is not as its manifest says ({len(damaged)} such files)")
    return made


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Write one file below the folder; returns its sha256."""
    path, stream = PurePosixPath(member.name), tar.extractfile(member)
    if stream is None or not member.isfile() or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{member.name!r} is no file below the project")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    hashing = _Hashing(stream)
    with target.open("xb") as out:
        while content := hashing.read(1 << 20):
            out.write(content)
    return hashing.digest.hexdigest()
