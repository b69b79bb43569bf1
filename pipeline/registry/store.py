"""Generators kept on this machine by the sha256 of their weights, each hashed once."""

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
    """A folder of bundles, `<sha256 of the weights>/` each; a cache that may be lost at any time.

    `checked.json` beside a bundle's files says what they hashed to, and their sizes and times when
    they did. While those stay, nothing is read again; when they change, the files are hashed anew.
    """

    folder: Path

    def find(self, sha256: str) -> Path | None:
        """The bundle with these weights; None when it is not here, or its files were changed."""
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
        """The bundle with these weights, fetched unless somebody else has just done it.

        Args:
            sha256: of the weights.
            fetch: given an empty folder on the same disk, puts a bundle into it and returns where.

        Raises:
            BadInputError: what was fetched holds other weights.
        """
        with self._alone():
            if found := self.find(sha256):
                return found
            new = self.folder / "new"  # a kill may have left one
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            bundle = fetch(new)
            if (other := _sha256(bundle / GENERATOR / WEIGHTS)) != sha256:
                raise BadInputError(
                    f"the stored weights have sha256 {other[:12]}, expected is {sha256[:12]}: they "
                    "were changed; `medloom audit verify` says what it implies"
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
    # The stamps first: a file that changes while it is hashed is hashed again.
    stamps = _stamps(bundle)
    return {
        "stamps": stamps,
        "sha256": {name: _sha256(file) for name, file in _files(bundle).items()},
    }


def _stamps(bundle: Path) -> dict[str, list[int]]:
    """Size in bytes and time of the last change in ns of each file."""
    stats = {name: file.stat() for name, file in _files(bundle).items()}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _files(bundle: Path) -> dict[str, Path]:
    """A bundle's own files, without what Python and `_mark` leave beside them."""
    found = sorted(file for file in bundle.rglob("*") if file.is_file())
    names = {str(file.relative_to(bundle)): file for file in found if file.suffix != ".pyc"}
    return {name: file for name, file in names.items() if CHECKED not in name}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
