"""Read and hash the objects of the DVC remote, a folder or a URL.

They are read through DVC's file systems in this process. A `dvc` command takes a second, and it
trusts the names of objects in a folder, which are exactly what is checked here.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple

from pipeline.audit.links import Link
from pipeline.ledger.journal import Record

OnProgress = Callable[[int, int], None]
_CHUNK, _AT_ONCE = 1 << 20, 4  # bytes; parallel reads, which hide network latency


class Digests(NamedTuple):
    """Hashes of an object's bytes, hex."""

    md5: str
    sha256: str


class CheckedObjects:
    """The remote's objects by name (md5, with `.dir` of a listing); each is hashed once.

    Args:
        remote: folder or URL.
        purged: name -> number of the journal record that purged it.
    """

    def __init__(self, remote: str, purged: Mapping[str, int] | None = None) -> None:
        from dvc.fs import parse_external_url

        self._fs, self._root = parse_external_url(remote)
        self.purged = purged or {}
        self._known: dict[str, Digests | None] = {}

    def digests(self, name: str) -> Digests | None:
        """The hashes of the object's bytes; None if it is missing."""
        if name not in self._known:
            self._known[name] = self._hash(name)
        return self._known[name]

    def hash_all(self, names: Iterable[str], on_progress: OnProgress) -> None:
        """Hash objects, several at a time, and keep the result for `digests`."""
        todo = sorted(set(names) - set(self._known))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done, (name, found) in enumerate(
                zip(todo, pool.map(self._hash, todo), strict=True)
            ):
                self._known[name] = found
                on_progress(done + 1, len(todo))

    def listing(self, name: str) -> dict[str, str]:
        """Path -> object name of a `.dir` object; empty if it is missing or not a listing."""
        try:
            with self._open(name) as stream:
                return {entry["relpath"]: entry["md5"] for entry in json.load(stream)}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {}

    def link(self, name: str, what: str, sha256: str = "") -> Link:
        """Check that an object exists and has the md5 of its name, and this sha256 if given."""
        found = self.digests(name)
        record = self.purged.get(name)
        if found is None and record:
            return Link(what, note=f"an object was purged, as record {record} says")
        if found is None:
            return Link(
                what, False, f"object {name} is missing from the remote",
                "it was deleted without a record; restore it by `dvc push` from a cache that has "
                "it, or from a backup",
            )  # fmt: skip
        if found.md5 != name.removesuffix(".dir"):
            return Link(
                what, False, f"object {name} has md5 {found.md5}",
                "its bytes were changed in the remote, and `dvc pull` refuses it; restore it from "
                "a cache or a backup",
            )  # fmt: skip
        if sha256 and found.sha256 != sha256:
            return Link(
                what, False, f"object {name} has sha256 {found.sha256}, but {sha256} is recorded",
                "its md5 matches and its sha256 does not: the record was changed, or the file was "
                "replaced by another with the same md5",
            )  # fmt: skip
        return Link(what, note=f"purged by record {record}, but still there" if record else "")

    def _open(self, name: str) -> IO[Any]:
        path = self._fs.join(self._root, "files", "md5", name[:2], name[2:])
        stream: IO[Any] = self._fs.open(path, "rb")
        return stream

    def _hash(self, name: str) -> Digests | None:
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        try:
            with self._open(name) as stream:
                while chunk := stream.read(_CHUNK):
                    md5.update(chunk)
                    sha256.update(chunk)
        except FileNotFoundError:
            return None
        return Digests(md5.hexdigest(), sha256.hexdigest())


def listing_md5(entries: Mapping[str, str]) -> str:
    """The name that DVC gives a folder of these files (path -> md5)."""
    rows = [{"md5": md5, "relpath": path} for path, md5 in sorted(entries.items())]
    return md5_of(json.dumps(rows).encode()) + ".dir"


def md5_of(content: bytes) -> str:
    """The hex md5 of some bytes, as DVC names files."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def named_in(records: Sequence[Record], kind: str) -> dict[str, int]:
    """Name -> record number, for all names under details[kind] of `purged` records."""
    return {
        str(name): record.sequence
        for record in records
        if record.action == "purged"
        for name in record.details.get(kind, ())
    }
