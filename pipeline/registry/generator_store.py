"""A local store of generators by the sha256 of their weights."""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.registry.bundle import GENERATOR, WEIGHTS

CHECKED = "checked.json"


@dataclass(frozen=True)
class GeneratorStore:
    """A folder of bundles named by the sha256 of their weights; a cache that may be lost any time.

    `checked.json` in a bundle has the hashes, sizes and times of its files. The files are hashed
    again only if their sizes or times change.
    """

    folder: Path

    def find(self, sha256: str) -> Path | None:
        """The bundle with these weights; None if it is missing, or its files were changed."""
        bundle = self.folder / sha256
        try:
            checked = json.loads((bundle / CHECKED).read_text())
        except (FileNotFoundError, ValueError):
            return None
        if checked["stamps"] == _stamps(bundle):
            return bundle
        again = _check(bundle)
        if again["sha256"] != checked["sha256"]:
            return None
        _mark(bundle, again)
        return bundle

    def add(self, sha256: str, fetch: Callable[[Path], Path]) -> Path:
        """The bundle with these weights, fetched unless another process has just done so.

        Args:
            sha256: sha256 of the weights.
            fetch: writes a bundle into the given empty folder and returns its path.

        Raises:
            BadInputError: the fetched weights have another sha256.
        """
        with self._alone():
            if found := self.find(sha256):
                return found
            new = self.folder / "new"  # may be left by a killed process
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            bundle = fetch(new)
            if (other := _sha256(bundle / GENERATOR / WEIGHTS)) != sha256:
                raise BadInputError(
                    f"the stored weights have sha256 {other[:12]}, expected is {sha256[:12]}: they "
                    "were changed. `medloom audit verify` explains what is affected"
                )
            _mark(bundle, _check(bundle))
            shutil.rmtree(self.folder / sha256, ignore_errors=True)
            bundle.rename(self.folder / sha256)
            shutil.rmtree(new, ignore_errors=True)
        return self.folder / sha256

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _mark(bundle: Path, checked: dict[str, Any]) -> None:
    write_atomically(bundle / CHECKED, json.dumps(checked, indent=2) + "\n")


def _check(bundle: Path) -> dict[str, Any]:
    # Stamps first, so that a file that changes while it is hashed will be hashed again.
    stamps = _stamps(bundle)
    return {
        "stamps": stamps,
        "sha256": {name: _sha256(file) for name, file in _files(bundle).items()},
    }


def _stamps(bundle: Path) -> dict[str, list[int]]:
    """File name -> size in bytes and modification time in ns."""
    stats = {name: file.stat() for name, file in _files(bundle).items()}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _files(bundle: Path) -> dict[str, Path]:
    """A bundle's files, without bytecode and `checked.json`."""
    found = sorted(file for file in bundle.rglob("*") if file.is_file())
    names = {str(file.relative_to(bundle)): file for file in found if file.suffix != ".pyc"}
    return {name: file for name, file in names.items() if CHECKED not in name}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
