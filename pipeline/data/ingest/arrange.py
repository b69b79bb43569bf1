"""Give new images their group and split, and check that the data set is fit for training."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.ingest.everybody import one_for_all
from pipeline.data.ingest.grouping import (
    PATIENT_PREFIX,
    PIXELS_PREFIX,
    Grouping,
    Member,
    group_images,
)
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.ingest.splits import SplitBook
from pipeline.data.manifest import Row
from pipeline.data.names import group_of_pair


def require_thumbnails(rows: Iterable[Row], thumbnails: Mapping[str, Thumbnail]) -> None:
    """Check that every row has a thumbnail.

    Raises:
        BadInputError: some have none.
    """
    if missing := sorted(row.batch for row in rows if row.id not in thumbnails):
        raise BadInputError(
            f"{len(missing)} images have no thumbnail in data/raw/{missing[0]}, which was changed "
            f"or damaged: `dvc pull --force data/raw/{missing[0]}.dvc` restores it"
        )


def group_new(
    new: Mapping[str, NewImage],
    rows: Iterable[Row],
    thumbnails: Mapping[str, Thumbnail],
    config: IngestConfig,
) -> Grouping:
    """Group new images with each other and with the manifest's rows; all need thumbnails.

    The scans of a pair whose patient is unknown are joined: both show one place of one person.
    """
    rows = list(rows)
    old = [Member(row.id, row.label, thumbnails[row.id], row.group) for row in rows]
    fresh = [
        Member(id_, one.label, one.image.thumbnail, one.group, _beside(one))
        for id_, one in new.items()
    ]
    splits = {row.group: row.split for row in rows}
    return group_images(fresh, old, splits, config.group_correlation)


def _beside(image: NewImage) -> str:
    return "" if image.group.startswith(PATIENT_PREFIX) else group_of_pair(image.pair)


def place_splits(
    grouping: Grouping, new: Mapping[str, NewImage], rows: Sequence[Row], config: IngestConfig
) -> dict[str, str]:
    """The split of each grouped new image; components without an existing group are placed.

    The largest are placed first, so that every split gets large and small groups. Annotated groups
    of a class are spread over the splits as its groups are: what findings are drawn as can only be
    learned, and judged, where all splits have some. So are those of each view, as preprocess may
    learn from one view alone.
    """
    splits = {row.group: row.split for row in rows}
    book = _book(rows, config)
    sizes = Counter(grouping.components.values())
    strata: dict[str, set[str]] = defaultdict(set)
    for id_, component in grouping.components.items():
        strata[component] |= _strata(new[id_])
    for component in sorted(sizes, key=lambda name: (-sizes[name], _hash(name))):
        if component not in splits:
            splits[component] = book.place(component, strata[component])
    return {id_: splits[component] for id_, component in grouping.components.items()}


_ANNOTATED = "/annotated"  # no folder has such a name
_LACKING = (
    "Add images of other patients, remove the class's folder, or set ingest.allow_missing: true"
)


def check_groups(rows: Sequence[Row], config: IngestConfig) -> None:
    """Check that no pixel group is too large and that every split has every class.

    Raises:
        BadInputError: an oversized group, or a split without a class.
    """
    sizes = Counter(row.group for row in rows if row.group.startswith(PIXELS_PREFIX))
    for group, size in sizes.most_common(1):
        if len(rows) >= config.group_share_from and size > config.max_group_share * len(rows):
            raise BadInputError(
                f"group {group} holds {size} of {len(rows)} images, {size / len(rows):.0%}; "
                f"allowed are {config.max_group_share:.0%} (ingest.max_group_share). With "
                f"ingest.group_correlation = {config.group_correlation:g} images of different "
                "patients share a group. Raise it towards 1, or set ingest.patient_pattern so that "
                "file names give the patients"
            )
    book = _book(rows, config)
    lacking = book.lacking({row.label for row in rows})
    if lacking and not config.allow_missing:
        label, split = lacking[0]
        raise BadInputError(
            f"class {label} has {book.groups(label)} of the 3 groups (patients, or sets of similar "
            f"images) that a class needs, one each for train, val and test: {split} has none. "
            + (next((notice.text for notice in one_for_all(rows)), _LACKING))
        )


def _book(rows: Iterable[Row], config: IngestConfig) -> SplitBook:
    book = SplitBook(config.shares)
    strata: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        strata[row.group, row.split] |= _strata(row)
    for (_, split), names in strata.items():
        book.add(names, split)
    return book


def _strata(image: NewImage | Row) -> set[str]:
    """What an image's group is counted as: its class, that in its view, each with findings told."""
    view = image.view if isinstance(image, Row) else image.image.view
    names = {image.label} | (set() if view == "unknown" else {f"{image.label}/{view}"})
    return names | ({f"{name}{_ANNOTATED}" for name in names} if image.findings else set())


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
