"""A local folder or file as a source."""

import filecmp
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.data.arrive.source import Item, OnBytes, UnsteadyError

_CHUNK = 4 << 20


class LocalSource:
    """Files below a folder, or one file. Links are not followed; pipes and devices are skipped."""

    at_once = 1

    def __init__(self, path: Path) -> None:
        """Resolve the path.

        Raises:
            BadInputError: it does not exist.
        """
        path = path.expanduser()
        if not path.exists():
            raise BadInputError(f"{path} does not exist; give a folder, a file or a URL of images")
        self.path = path.resolve()
        self.shown = str(path)
        self.folder = self.path if self.path.is_dir() else self.path.parent

    def items(self) -> list[Item]:
        """See `Source`."""
        files = _files(self.path) if self.path.is_dir() else [self.path]
        return [_item(file, self.folder) for file in files]

    def read(self, item: Item, most: int) -> bytes:
        """See `Source`."""
        try:
            with self._file(item).open("rb") as stream:
                return stream.read(most)
        except OSError as error:
            raise _unreadable(self._file(item), error) from error

    def same(self, item: Item, file: Path) -> bool:
        """See `Source`. Files of equal size and time count as equal, unread."""
        mine = self._file(item)
        if mine.is_symlink() or file.is_symlink():
            return mine.is_symlink() and file.is_symlink() and mine.readlink() == file.readlink()
        if not file.is_file():
            return False
        try:
            one, two = mine.stat(), file.stat()
            if (one.st_size, one.st_mtime_ns) == (two.st_size, two.st_mtime_ns):
                return True
            return one.st_size == two.st_size and filecmp.cmp(mine, file, shallow=False)
        except OSError as error:
            raise _unreadable(mine, error) from error

    def fetch(self, item: Item, to: Path, on_bytes: OnBytes) -> None:
        """See `Source`. The copy keeps the modification time of the original."""
        file = self._file(item)
        if file.is_symlink():
            to.unlink()
            to.symlink_to(file.readlink())
            return
        try:
            source = os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)
        except FileNotFoundError:
            raise UnsteadyError from None
        except OSError as error:
            raise _unreadable(file, error) from error
        with source, to.open("wb", buffering=0) as target:
            before = os.fstat(source.fileno())
            left = before.st_size
            while chunk := source.read(_CHUNK):
                if (left := left - len(chunk)) < 0:  # another process appends as fast as this reads
                    raise UnsteadyError
                view = memoryview(chunk)
                while view:
                    view = view[target.write(view) :]
                on_bytes(len(chunk))
            after = os.fstat(source.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UnsteadyError
        shutil.copystat(file, to)

    def place(self, item: Item) -> Path:
        """See `Source`."""
        return self._file(item)

    def _file(self, item: Item) -> Path:
        return self.folder / item.path


def _item(file: Path, folder: Path) -> Item:
    return Item(str(file.relative_to(folder)), file.lstat().st_size)


def _files(folder: Path) -> Iterator[Path]:
    """Files and links below `folder`, sorted; links to folders are not entered."""

    def stop(error: OSError) -> None:
        raise _unreadable(Path(error.filename), error) from error

    for here, folders, names in os.walk(folder, onerror=stop):
        folders.sort()
        links = [name for name in folders if (Path(here) / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(here) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and not os.access(path, os.R_OK):
                raise _unreadable(path, PermissionError(13, "Permission denied"))
            if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                yield path


def _unreadable(path: Path, error: OSError) -> BadInputError:
    return BadInputError(
        f"{path} cannot be read: {error.strerror}; make it readable (chmod u+r, and u+x for a "
        "folder), or leave it out. No partial file was copied"
    )
