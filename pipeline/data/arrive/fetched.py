"""Record what was fetched from stores, so that no byte is fetched twice.

A line of the file says that one version of an object (by URL, size and ETag or similar) is in the
landing zone, with the size and time of the file there. It holds only pseudonyms. The file may be
lost at any time: objects are then fetched once more and found to be the same.
"""

import json
import os
import threading
from pathlib import Path, PurePosixPath

from pipeline.data.arrive.source import Item, Source
from pipeline.data.names import Pseudonyms


class FetchLog:
    """The records of the file; the last line of an object counts."""

    def __init__(self, file: Path, names: Pseudonyms) -> None:
        self._file, self._names = file, names
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, int, int]] = {}
        for line in file.read_bytes().splitlines() if file.exists() else ():
            try:
                key, mark, size, mtime_ns = json.loads(line)
            except ValueError:  # the last line of a process that was killed
                continue
            self._known[key] = mark, size, mtime_ns

    def find(self, source: Source, item: Item, landing: Path, path: str) -> str | None:
        """The mark under which this version of an item is there, unchanged; None without one.

        Args:
            source: of the item.
            item: as currently listed.
            landing: the landing zone.
            path: the item's path there; the file may have a marked name beside it.
        """
        mark, *facts = self._known.get(self._key(source, item, path), ("", -1, -1))
        try:
            status = (landing / marked(path, mark)).lstat()
        except OSError:
            return None
        return mark if [status.st_size, status.st_mtime_ns] == facts else None

    def remember(self, source: Source, item: Item, landing: Path, path: str, mark: str) -> None:
        """Record that this version of the item is at the path with the mark."""
        if not item.version:
            return
        status = (landing / marked(path, mark)).lstat()
        key, facts = self._key(source, item, path), (mark, status.st_size, status.st_mtime_ns)
        with self._lock:
            self._known[key] = facts
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # One write per line, so that a kill costs one line at most. The line feed comes first,
            # so that a partial line of an earlier kill does not corrupt this one.
            handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, f"\n{json.dumps([key, *facts])}".encode())
            finally:
                os.close(handle)

    def _key(self, source: Source, item: Item, path: str) -> str:
        facts = (source.shown, item.path, str(item.size), item.version, path)
        return self._names.file("fetched\0" + "\0".join(facts))


def marked(path: str, mark: str) -> str:
    """The path with a mark at the end of its name, before the extension; "" is no mark."""
    pure = PurePosixPath(path)
    return str(pure.with_name(f"{pure.stem}{mark}{pure.suffix}")) if mark else path
