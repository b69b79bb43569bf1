"""Which runs went on from which: the descent of a run, by what the runs' branches say.

A run that began from a version's networks has learned from all that this version learned from, and
so have those that began from it in turn.
"""

from collections.abc import Collection, Mapping

from pipeline.base.start import ORIGIN_FILE, Start
from pipeline.ledger.git import Git
from pipeline.ledger.ledger import Ledger

_RUN = "refs/heads/run/"


def run_heads(ledger: Ledger) -> dict[str, str]:
    """Run key -> head commit of every run of the ledger, fetched into the mirror."""
    listed = ledger.mirror.run("ls-remote", ledger.url, f"{_RUN}*").splitlines()
    heads = {name.removeprefix(_RUN): head for head, name in (line.split("\t") for line in listed)}
    if heads:
        names = "".join(f"{_RUN}{key}\n" for key in heads)
        ledger.mirror.run("fetch", "--quiet", "--no-tags", "--stdin", ledger.url, stdin=names)
    return heads


def starts_of(git: Git, heads: Mapping[str, str]) -> dict[str, Start]:
    """What each run began from, in one call of git.

    Args:
        git: a repository that has the runs.
        heads: run key -> head commit.

    Raises:
        BadInputError: a run's origin.json cannot be read.
    """
    texts = git.contents(f"{head}:{ORIGIN_FILE}" for head in heads.values())
    return {
        key: Start.parse(None if text is None else text.decode())
        for key, text in zip(heads, texts, strict=True)
    }


def ancestors(key: str, starts: Mapping[str, Start]) -> tuple[str, ...]:
    """The keys of the runs that a run goes on from, the nearest first; () if it began fresh."""
    found: list[str] = []
    while (start := starts.get(key)) and start.run_key and start.run_key not in found:
        key = start.run_key
        found.append(key)
    return tuple(found)


def with_descendants(keys: Collection[str], starts: Mapping[str, Start]) -> set[str]:
    """These runs, and every run that goes on from one of them, directly or not."""
    chosen = set(keys)
    return chosen | {key for key in starts if chosen.intersection(ancestors(key, starts))}
