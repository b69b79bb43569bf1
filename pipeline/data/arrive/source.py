"""Where images come from: a folder or a file of this machine, or a store behind a URL."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

Tell = Callable[[int], None]
"""Called with the number of bytes read since the last call."""


class UnsteadyError(Exception):
    """A file changed, or went away, while it was read: what was read of it does not count."""


@dataclass(frozen=True)
class Item:
    """One file of a source.

    Attributes:
        path: below the source, with "/" between its parts. It may be a patient's name.
        size: in bytes; -1 when the source does not tell.
        version: changes when the content does; "" when the source has no such thing.
        key: what the source itself calls it; it may hold a password.
    """

    path: str = field(repr=False)
    size: int
    version: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


class Source(Protocol):
    """Files that may be brought into the landing zone; they are only ever read.

    Raises (any method):
        BadInputError: there is nothing, or it may not be read.
        TransientError: the store is down.
    """

    @property
    def shown(self) -> str:
        """What a person calls it, without password or query."""

    @property
    def at_once(self) -> int:
        """How many files may be fetched at the same time."""

    def items(self) -> list[Item]:
        """All files, sorted by path, whatever their names are."""

    def read(self, item: Item, most: int) -> bytes:
        """The first bytes of a file, `most` at most."""

    def same(self, item: Item, file: Path) -> bool | None:
        """Whether `file` holds the same; None when only fetching it would tell."""

    def fetch(self, item: Item, to: Path, tell: Tell) -> None:
        """Copy a file over `to`, which exists and is empty.

        Raises:
            UnsteadyError: it changed or went away meanwhile.
            OSError: `to` cannot be written.
        """

    def place(self, item: Item) -> Path | None:
        """Where on this machine it lies; None when it must be fetched."""
