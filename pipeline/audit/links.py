"""What a check finds: chains of links, each holding up to its first broken one.

A chain is a generator of links. Whoever walks it stops at the first broken link, so that what
comes after a `yield` may rely on everything before it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.ledger.git import GitError


class Link(NamedTuple):
    """One fact that two stores must tell alike.

    Attributes:
        what: the two, in words.
        holds: whether they do.
        found: what is there instead.
        implies: what follows from that, and what to do.
        note: what to say of a link that holds.
    """

    what: str
    holds: bool = True
    found: str = ""
    implies: str = ""
    note: str = ""


@dataclass(frozen=True)
class Chain:
    """One chain as it was walked: how many links held, the first that did not, and remarks."""

    name: str
    held: int
    broken: Link | None
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """The same for machines."""
        broken = self.broken and {
            "link": self.broken.what, "found": self.broken.found, "implies": self.broken.implies
        }  # fmt: skip
        return {"chain": self.name, "held": self.held, "broken": broken, "notes": list(self.notes)}


def walk(name: str, links: Iterable[Link]) -> Chain:
    """Follow the links up to the first broken one."""
    held, notes = 0, Counter[str]()
    broken = None
    try:
        for link in links:
            if not link.holds:
                broken = link
                break
            held += 1
            notes.update([link.note] if link.note else [])
    except GitError as error:
        broken = Link(
            "what the ledger holds", False, str(error), "an object is missing or damaged there"
        )
    said = (f"{note} ({count} times)" if count > 1 else note for note, count in notes.items())
    return Chain(name, held, broken, tuple(said))


def equal(what: str, found: object, expected: object, implies: str) -> Link:
    """A link between two values."""
    return Link(what, found == expected, f"{found}, but should be {expected}", implies)
