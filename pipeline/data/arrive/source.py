"""Sources of images: a local folder or file, or a store behind a URL."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

OnBytes = Callable[[int], None]
"""Called with the number of bytes read since the last call."""


class UnsteadyError(Exception):
    """A file changed or vanished while it was read; the bytes read so far are void."""


@dataclass(frozen=True)
class Item:
    """One file of a source.

    Attributes:
        path: below the source, with "/" between its parts. It may be a patient's name.
        size: in bytes; -1 when unknown.
        version: changes with the content; "" when the source has no versions.
        key: the source's own name of it; it may hold a password.
    """

    path: str = field(repr=False)
    size: int
    version: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


class Source(Protocol):
    """Files to copy into the landing zone; they are only read.

    Raises (any method):
        BadInputError: nothing exists there, or it may not be read.
        TransientError: the store is down.
    """

    @property
    def shown(self) -> str:
        """Its name in messages, without password or query."""

    @property
    def at_once(self) -> int:
        """How many files may be fetched in parallel."""

    def items(self) -> list[Item]:
        """All files, sorted by path, whether their names are valid or not."""

    def read(self, item: Item, most: int) -> bytes:
        """The first bytes of a file, `most` at most."""

    def same(self, item: Item, file: Path) -> bool | None:
        """Whether `file` has the same content; None when only fetching it can on_bytes."""

    def fetch(self, item: Item, to: Path, on_bytes: OnBytes) -> None:
        """Copy a file over `to`, which exists and is empty.

        Raises:
            UnsteadyError: it changed or vanished meanwhile.
            OSError: `to` cannot be written.
        """

    def place(self, item: Item) -> Path | None:
        """Its local path; None when it must be fetched."""
