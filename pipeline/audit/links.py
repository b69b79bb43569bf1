"""Chains of checks, called links, each followed up to its first broken link.

A chain is a generator of links. `walk` stops at the first broken link, so code after a `yield` may
rely on every check before it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.ledger.git import GitError


class Link(NamedTuple):
    """One check, usually that two stores agree.

    Attributes:
        what: what is compared, in words.
        holds: whether the check passed.
        found: what was found instead.
        implies: what that means, and what to do.
        note: a remark on a link that holds.
    """

    what: str
    holds: bool = True
    found: str = ""
    implies: str = ""
    note: str = ""


@dataclass(frozen=True)
class Chain:
    """The result of one chain: the number of links that hold, the broken one, and remarks."""

    name: str
    held: int
    broken: Link | None
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """As JSON."""
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
            "what the ledger holds", False, str(error), "an object of it is missing or damaged"
        )
    said = (f"{note} ({count} times)" if count > 1 else note for note, count in notes.items())
    return Chain(name, held, broken, tuple(said))


def equal(what: str, found: object, expected: object, implies: str) -> Link:
    """A link that holds if two values are equal."""
    return Link(what, found == expected, f"{found}, but should be {expected}", implies)
