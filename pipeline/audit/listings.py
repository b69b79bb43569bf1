"""Search every manifest in the ledger in one pass.

A listing is the manifest of one commit: a git tree with one blob per batch. Most listings share
most of their batches, so a thousand runs cost little more than the rows of the newest revision.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from pipeline.audit.history import History
from pipeline.base.errors import BadInputError

_LATER = ("patient", "findings")  # columns that early listings lack
_FEW = 50  # up to this many names, searching for each is faster than parsing every row


class Image(NamedTuple):
    """One row of a listing, with some columns of `pipeline.data.manifest.Row`.

    `patient` and `findings` are "" in listings of before these columns; `findings` is "yes" where
    the image has any statement about them.
    """

    id: str
    sha256: str
    source_sha256: str
    label: str
    group: str
    split: str
    patient: str = ""
    findings: str = ""


class Listings:
    """The listings of some commits."""

    def __init__(self, history: History, commits: Iterable[str]) -> None:
        commits = sorted(set(commits))
        found = zip(commits, history.manifests(commits), strict=True)
        self._of = {commit: tree for commit, tree in found if tree}
        trees = sorted(set(self._of.values()))
        self._batches = dict(zip(trees, history.batches(trees), strict=True))
        blobs = sorted({blob for batches in self._batches.values() for blob in batches})
        self._contents = dict(zip(blobs, history.git.contents(blobs), strict=True))

    def search(self, names: Collection[str], fits: Callable[[Image], bool]) -> Iterator[Image]:
        """Every matching row of any listing.

        Args:
            names: strings, one of which every matching row contains.
            fits: whether a row matches.

        Raises:
            BadInputError: a listing cannot be parsed.
        """
        for blob in self._contents:
            yield from self._rows(blob, names, fits)

    def holding(self, images: Collection[str]) -> dict[str, set[Image]]:
        """Commit -> the rows of these ids in its listing; commits without any are left out.

        Raises:
            BadInputError: a listing cannot be parsed.
        """
        held = {
            blob: set(self._rows(blob, images, lambda row: row.id in images))
            for blob in self._contents
        }
        trees = {
            tree: set[Image]().union(*(held[blob] for blob in blobs))
            for tree, blobs in self._batches.items()
        }
        return {commit: trees[tree] for commit, tree in self._of.items() if trees[tree]}

    def __contains__(self, commit: str) -> bool:
        """Whether a commit exists and has a listing."""
        return commit in self._of

    def _rows(
        self, blob: str, names: Collection[str], fits: Callable[[Image], bool]
    ) -> Iterator[Image]:
        content = self._contents[blob] or b""
        if len(names) > _FEW or any(name.encode() in content for name in names):
            yield from (row for row in _parse(blob, content) if fits(row))


def _parse(blob: str, content: bytes) -> Iterator[Image]:
    try:
        lines = csv.reader(io.StringIO(content.decode(), newline=""))
        header = next(lines)
        given = [name for name in Image._fields if name in header or name not in _LATER]
        at = [header.index(name) for name in given]
        for line in lines:
            cells = dict(zip(given, (line[column] for column in at), strict=True))
            if cells.get("findings"):
                cells["findings"] = "yes"
            yield Image(**cells)
    except (ValueError, IndexError, StopIteration) as error:
        raise BadInputError(
            f"the ledger's object {blob} is not the manifest of a batch: {error}; "
            "`medloom audit verify` shows the revision it belongs to"
        ) from error
