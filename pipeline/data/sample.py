"""Sample images for a page: by hash, spread over groups, and reproducible."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from pipeline.data.manifest import Row


def spread(rows: Iterable[Row], most: int) -> list[Row]:
    """At most `most` images: one of each group, then a second of each, and so on.

    The order is by hash within and between groups, so the same rows give the same choice.
    """
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: _draw(row.id)):
        groups[row.group].append(row)
    order = sorted(groups, key=_draw)
    return [row for row, _ in zip(_in_turn(groups, order), range(most), strict=False)]


def _in_turn(groups: dict[str, list[Row]], order: list[str]) -> Iterator[Row]:
    for place in range(max(map(len, groups.values()), default=0)):
        yield from (groups[name][place] for name in order if place < len(groups[name]))


def _draw(name: str) -> str:
    return hashlib.sha256(f"shown {name}".encode()).hexdigest()
