"""What was fetched from stores: a small file of the state, so that no byte is fetched twice.

A line says that one version of one object (by URL, size and ETag or the like) lies in the landing
zone, and how the file there looked. It holds pseudonyms alone. The file may be lost at any time:
then objects are fetched once more, compared, and found to be the same.
"""

import json
import os
import threading
from pathlib import Path, PurePosixPath

from pipeline.data.arrive.source import Item, Source
from pipeline.data.names import Pseudonyms


class Fetched:
    """The lines of the file; the last one of an object counts."""

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
        """The mark under which this version of an item lies unchanged; None when it does not.

        Args:
            source: of the item.
            item: as listed now.
            landing: the landing zone.
            path: where the item belongs there; it may lie under a marked name beside it.
        """
        mark, *facts = self._known.get(self._key(source, item, path), ("", -1, -1))
        try:
            status = (landing / marked(path, mark)).lstat()
        except OSError:
            return None
        return mark if [status.st_size, status.st_mtime_ns] == facts else None

    def remember(self, source: Source, item: Item, landing: Path, path: str, mark: str) -> None:
        """This version of the item lies at the path with the mark."""
        if not item.version:
            return
        status = (landing / marked(path, mark)).lstat()
        key, facts = self._key(source, item, path), (mark, status.st_size, status.st_mtime_ns)
        with self._lock:
            self._known[key] = facts
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # One write each, so that a kill costs one line at most. The line feed comes first, so
            # that half a line of an earlier kill does not spoil this one.
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
