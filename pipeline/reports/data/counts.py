"""Facts from manifest and thumbnails: counts, groups, and the similarity of the splits."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.ingest.leak import Leak, Pair, leaks
from pipeline.data.manifest import Row, parse_warnings
from pipeline.data.names import PATIENT_PREFIX
from pipeline.data.processed import SPLITS
from pipeline.reports.data.data_facts import (
    ClassLeak,
    Groups,
    LargeGroup,
    LeakPair,
    OddImage,
    Tally,
)
from pipeline.reports.run_facts import SplitCount

LARGEST = 5
"""Largest groups that the page shows images of."""
PAIRS = 4
"""Pairs shown per class, each of two different groups."""


def split_counts(rows: Sequence[Row]) -> tuple[SplitCount, ...]:
    """Images and groups of every class in every split."""
    images = Counter((row.label, row.split) for row in rows)
    groups = Counter((at, split) for at, split, _ in {(r.label, r.split, r.group) for r in rows})
    return tuple(
        SplitCount(
            label=label, split=split, images=images[label, split], groups=groups[label, split]
        )
        for label in sorted({row.label for row in rows})
        for split in SPLITS
    )


def tallies(rows: Iterable[Row], name_of: Callable[[Row], str]) -> tuple[Tally, ...]:
    """Count images by a common property, most images first."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[name_of(row)].append(row)
    made = [
        Tally(
            name=name,
            images=len(mine),
            groups=len({row.group for row in mine}),
            by_class=_by_class(mine),
        )
        for name, mine in found.items()
    ]
    return tuple(sorted(made, key=lambda tally: (-tally.images, tally.name)))


def odd_facts(rows: Iterable[Row]) -> tuple[OddImage, ...]:
    """Images with warnings, by class."""
    return tuple(
        OddImage(id=row.id, label=row.label, warnings=parse_warnings(row.warnings))
        for row in sorted(rows, key=lambda row: (row.label, row.id))
        if row.warnings
    )


def group_facts(rows: Iterable[Row]) -> Groups:
    """Sizes of groups, and the largest ones."""
    members: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        members[row.group].append(row)
    ordered = sorted(members, key=lambda group: (-len(members[group]), group))
    return Groups(
        count=len(members),
        patients=sum(group.startswith(PATIENT_PREFIX) for group in members),
        alone=sum(len(mine) == 1 for mine in members.values()),
        in_two_classes=sum(len({row.label for row in mine}) > 1 for mine in members.values()),
        sizes=dict(sorted(Counter(map(len, members.values())).items())),
        largest=tuple(
            LargeGroup(
                group=group,
                split=members[group][0].split,
                by_class=_by_class(members[group]),
                images=len(members[group]),
            )
            for group in ordered[:LARGEST]
            if len(members[group]) > 1
        ),
    )


def leak_facts(
    rows: Sequence[Row], thumbnails: Mapping[str, Thumbnail], threshold: float
) -> tuple[ClassLeak, ...]:
    """Similarity of test and training images, for each class that has both."""
    groups = {row.id: row.group for row in rows}
    return tuple(
        _class_leak(leak, threshold, groups) for leak in leaks(rows, thumbnails, shown=len(rows))
    )


def _class_leak(leak: Leak, threshold: float, groups: Mapping[str, str]) -> ClassLeak:
    nearest: dict[
        tuple[str, str], Pair
    ] = {}  # one per two groups, else one pair of scans would fill the page
    for pair in leak.pairs:
        nearest.setdefault((groups[pair.held_out], groups[pair.trained]), pair)
    return ClassLeak(
        label=leak.label,
        tested=len(leak.nearest),
        median=median(leak.nearest.tolist()),
        highest=float(leak.nearest.max()),
        median_by_image=median(leak.nearest_by_image.tolist()),
        highest_by_image=float(leak.nearest_by_image.max()),
        neighbours=int((leak.nearest > threshold).sum()),
        neighbours_by_image=int((leak.nearest_by_image > threshold).sum()),
        pairs=tuple(
            LeakPair(correlation=pair.correlation, tested=pair.held_out, trained=pair.trained)
            for pair in list(nearest.values())[:PAIRS]
        ),
    )


def _by_class(rows: Iterable[Row]) -> dict[str, int]:
    return dict(sorted(Counter(row.label for row in rows).items()))
