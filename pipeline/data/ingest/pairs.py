"""Keep both images of a pair, or neither.

A list may give two files one `pair`: two registered images of one place, of two modalities, for a
generator that fuses them. Half a pair is of no use to it, so that an image whose partner is
refused, quarantined, withdrawn or a duplicate is quarantined too. The next ingest tries it again.
Of two files of several images, such as volumes, the images of one number are a pair; the two hold
equally many, since the numbers of others would not be those of one place.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from model.tasks.fuse.registered import registration
from pipeline.data.formats import Pixels
from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.grouping import Grouping
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.landing.index import Entry
from pipeline.data.landing.zone import LandedFile
from pipeline.data.manifest import Row
from pipeline.data.names import PATIENT_PREFIX, Pseudonyms
from pipeline.data.refusal import Refused
from pipeline.data.square import PreprocessConfig, grey_levels

REASON = "pair"
_CONFIG = PreprocessConfig()
_ALONE = (
    "no other image of its pair was taken: it lacks, was refused, or is known already. A pair is "
    "kept whole or not at all"
)


def broken_pairs(
    new: Mapping[str, NewImage], rows: Sequence[Row], read: Callable[[str], Pixels]
) -> dict[str, Refused]:
    """The refusals, by image id, of new images whose pair is not two images that belong together.

    Args:
        new: images that are not in the manifest and were not refused yet.
        rows: of the manifest.
        read: the pixels of a new image, by id.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for id_ in sorted(new):
        if new[id_].pair:
            members[new[id_].pair].append(id_)
    known = {row.pair for row in rows if row.pair}
    refused: dict[str, Refused] = {}
    for pair in sorted(members):
        ids = members[pair]
        if pair in known:
            why = "two other images were ingested as its pair; give it another name"
        else:
            why = _flaw([new[id_] for id_ in ids]) or _unregistered([read(id_) for id_ in ids])
        if why:
            refused |= {id_: Refused(REASON, why, id_) for id_ in ids}
    return refused


def pairs_too_late(
    files: Iterable[LandedFile],
    entries: Iterable[Entry],
    known: Mapping[str, Row],
    names: Pseudonyms,
) -> list[Notice]:
    """A notice of images of the manifest for which a list names another pair than it has, or one.

    Args:
        files: of the landing zone, as listed.
        entries: of these files.
        known: rows of the manifest by id, before this ingest.
        names: pseudonyms of the pairs.
    """
    named = {names.file(found.path): found.pair for found in files if found.pair}
    late = {
        entry.image_id
        for entry in entries
        if entry.file in named
        and entry.outcome != "quarantined"
        and entry.image_id in known
        and known[entry.image_id].pair != names.pair(named[entry.file], entry.item)
    }
    text = (
        f"{len(late)} images were ingested before without the pair that a medloom.csv names now. "
        "They keep what they came in with: give the list before its images, or with them"
    )
    return [Notice("pairs-too-late", len(late), text)] if late else []


def beside_bridges(grouping: Grouping, new: Mapping[str, NewImage]) -> dict[str, Refused]:
    """The refusals of images that have a group, and whose partner is a bridge."""
    torn = {new[id_].pair for id_ in grouping.bridges} - {""}
    return {
        id_: Refused(REASON, _ALONE, id_)
        for id_ in sorted(grouping.groups)
        if new[id_].pair in torn
    }


def without(grouping: Grouping, ids: Mapping[str, Refused]) -> Grouping:
    """The grouping of the other images."""
    groups, components = (
        {id_: name for id_, name in one.items() if id_ not in ids}
        for one in (grouping.groups, grouping.components)
    )
    return replace(grouping, groups=groups, components=components)


def _flaw(images: Sequence[NewImage]) -> str:
    """Why images that name one pair are none, as far as it is known without pixels; or ""."""
    if len(images) == 1:
        return _ALONE
    if len(images) > 2:
        return f"{len(images)} images name one pair; a pair has two: give each pair its own name"
    return next(_flaws(*images), "")


def _flaws(one: NewImage, other: NewImage) -> Iterator[str]:
    modalities = sorted(found.image.modality or "unknown" for found in (one, other))
    sizes = sorted(f"{found.image.width}x{found.image.height}" for found in (one, other))
    if one.label != other.label:
        labels = " and ".join(sorted((one.label, other.label)))
        yield f"the images of its pair are of two classes, {labels}"
    known = any(found.group.startswith(PATIENT_PREFIX) for found in (one, other))
    if known and one.group != other.group:
        yield (
            "the images of its pair are of two groups: give both files one patient, by the column "
            "patient of the medloom.csv"
        )
    if one.items != other.items:
        counts = " and ".join(map(str, sorted((one.items, other.items))))
        yield (
            f"the files of its pair hold {counts} images, and the images of one number are a pair: "
            "cut both files to the same slices"
        )
    if "unknown" in modalities or modalities[0] == modalities[1]:
        yield (
            f"the modalities of its pair are {' and '.join(modalities)}; give two that differ, by "
            "the column modality of the medloom.csv"
        )
    if sizes[0] != sizes[1]:
        yield (
            f"the images of its pair are {' and '.join(sizes)} pixels: registered images have one "
            "size"
        )


def _unregistered(pixels: Sequence[Pixels]) -> str:
    """What was measured of two images that are not registered; "" if they are."""
    found = registration(*(grey_levels(one, _CONFIG) for one in pixels))
    if found.holds:
        return ""
    return f"the images of its pair are not registered: {found}. Register them first"
