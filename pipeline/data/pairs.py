"""Pairs of the manifest: two registered images of one place, in the order of the training."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from pipeline.data.manifest import Row

MODALITY = re.compile("[A-Z0-9][A-Z0-9_-]{0,15}")
"""As DICOM writes CT and MR; lists and parameters may use lower case."""


class PairedRows(NamedTuple):
    """The pairs of some rows.

    Attributes:
        pairs: two rows each, in the order of the modalities; sorted as the first rows were.
        left_out: rows that are in none of them, and why, in two or three words.
    """

    pairs: list[tuple[Row, Row]]
    left_out: list[tuple[Row, str]]


def of_views(rows: Sequence[Row], views: Collection[str]) -> list[Row]:
    """The rows of some views; all where none is named.

    An image of a pair is of the views of both: registered images show one view, which often only
    one of two files tells.
    """
    if not views:
        return list(rows)
    pairs = {row.pair for row in rows if row.view in views} - {""}
    return [row for row in rows if row.view in views or row.pair in pairs]


def with_partners(rows: Iterable[Row], among: Iterable[Row]) -> tuple[Row, ...]:
    """The rows, and behind them those of `among` that are a pair with one of them."""
    rows = tuple(rows)
    ids, pairs = {row.id for row in rows}, {row.pair for row in rows} - {""}
    return rows + tuple(row for row in among if row.pair in pairs and row.id not in ids)


def pair_up(rows: Sequence[Row], modalities: Sequence[str]) -> PairedRows:
    """Find the pairs of two modalities.

    Args:
        rows: images.
        modalities: `preprocess.modalities`, two.
    """
    members: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row.pair and row.modality in modalities:
            members[row.pair][row.modality] = row
    whole = {pair for pair, found in members.items() if len(found) == len(modalities)}
    first, second = modalities
    pairs = [
        (row, members[row.pair][second])
        for row in rows
        if row.pair in whole and row.modality == first
    ]
    left_out = [
        (row, _why(row, modalities))
        for row in rows
        if row.pair not in whole or row.modality not in modalities
    ]
    return PairedRows(pairs, left_out)


def modalities_in_words(rows: Iterable[Row]) -> str:
    """What pairs there are, such as "CT and MR (120 pairs)"; "no pair" without any."""
    members: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.pair:
            members[row.pair].add(row.modality)
    counts = Counter(" and ".join(sorted(found)) for found in members.values())
    listed = (f"{names} ({count} pairs)" for names, count in sorted(counts.items()))
    return ", ".join(listed) or "no pair"


def _why(row: Row, modalities: Sequence[str]) -> str:
    if not row.pair:
        return "no pair"
    return "no partner" if row.modality in modalities else "other modality"
