"""The objects of the DVC remote, folder or URL, read and hashed by their own bytes.

They are read through DVC's file systems in this process: a `dvc` command takes a second, and
believes the names of objects in a folder, which is just what must not be believed here.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple

from pipeline.audit.links import Link
from pipeline.ledger.journal import Record

OnProgress = Callable[[int, int], None]
_CHUNK, _AT_ONCE = 1 << 20, 4  # bytes; reads in flight, which hide a network's latency


class Digests(NamedTuple):
    """Hashes of an object's bytes, hex."""

    md5: str
    sha256: str


class CheckedObjects:
    """The remote's objects by name (md5, with `.dir` of a listing); each is hashed once.

    Args:
        remote: folder or URL.
        purged: name -> number of the journal's record that says it was removed on purpose.
    """

    def __init__(self, remote: str, purged: Mapping[str, int] | None = None) -> None:
        from dvc.fs import parse_external_url

        self._fs, self._root = parse_external_url(remote)
        self.purged = purged or {}
        self._known: dict[str, Digests | None] = {}

    def digests(self, name: str) -> Digests | None:
        """What the object's bytes hash to; None when it is not there."""
        if name not in self._known:
            self._known[name] = self._hash(name)
        return self._known[name]

    def hash_all(self, names: Iterable[str], on_progress: OnProgress) -> None:
        """Hash objects several at a time, for `digests` to find."""
        todo = sorted(set(names) - set(self._known))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done, (name, found) in enumerate(
                zip(todo, pool.map(self._hash, todo), strict=True)
            ):
                self._known[name] = found
                on_progress(done + 1, len(todo))

    def listing(self, name: str) -> dict[str, str]:
        """Path -> object name of a `.dir` object; empty when it is missing or no listing."""
        try:
            with self._open(name) as stream:
                return {entry["relpath"]: entry["md5"] for entry in json.load(stream)}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {}

    def link(self, name: str, what: str, sha256: str = "") -> Link:
        """That an object is there and is what its name, and a sha256 from elsewhere, say."""
        found = self.digests(name)
        record = self.purged.get(name)
        if found is None and record:
            return Link(what, note=f"an object was purged, as record {record} says")
        if found is None:
            return Link(
                what, False, f"object {name} is missing from the remote",
                "it was deleted, and no record says so; `dvc push` from a cache that has it, or a "
                "backup, brings it back",
            )  # fmt: skip
        if found.md5 != name.removesuffix(".dir"):
            return Link(
                what, False, f"object {name} has md5 {found.md5}",
                "its bytes were changed in the remote; `dvc pull` refuses it; put it back from a "
                "cache or a backup",
            )  # fmt: skip
        if sha256 and found.sha256 != sha256:
            return Link(
                what, False, f"object {name} has sha256 {found.sha256}, recorded is {sha256}",
                "its md5 fits and its sha256 does not: either the record was changed, or somebody "
                "made a second file of the same md5",
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
    return hashlib.md5(json.dumps(rows).encode(), usedforsecurity=False).hexdigest() + ".dir"


def named_in(records: Sequence[Record], kind: str) -> dict[str, int]:
    """What `purged` records name under details[kind], each with its record's number."""
    return {
        str(name): record.sequence
        for record in records
        if record.action == "purged"
        for name in record.details.get(kind, ())
    }
