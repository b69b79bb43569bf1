"""From what was seen in each file to what becomes of it: new, known, duplicate or quarantined."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.ingest.decisions import Corrections, Withdrawn
from pipeline.ingest.examine import Image, Look
from pipeline.ingest.index import Entry
from pipeline.ingest.landing import Found
from pipeline.ingest.manifest import Row
from pipeline.ingest.refusal import RELATIVE, Refused

_NOBODY, _NONE = Withdrawn(), Corrections({})


@dataclass(frozen=True)
class NewImage:
    """An image that the manifest does not have, and the first file that holds it."""

    image: Image
    found: Found
    source_sha256: str


def reusable(
    entries: Mapping[str, Entry], files: Iterable[Found], known: Mapping[str, Row], rules: str
) -> dict[str, Entry]:
    """Entries of the index that still hold, so that their files need not be opened."""
    kept = {}
    for found in files:
        entry = entries.get(found.path)
        if entry and (entry.size, entry.mtime_ns) == (found.size, found.mtime_ns):
            if entry.outcome == "quarantined":
                holds = entry.rules == rules and entry.reason not in RELATIVE
            else:
                holds = entry.image_id in known
            if holds:
                kept[found.path] = entry
    return kept


def resolve(
    looks: Sequence[Look],
    remembered: Collection[Entry],
    known: Mapping[str, Row],
    rules: str,
    *,
    withdrawn: Withdrawn = _NOBODY,
    corrections: Corrections = _NONE,
) -> tuple[list[Entry], dict[str, NewImage]]:
    """Decide on every file looked at, in order of path.

    Two files with the same pixels are one image: the first is ingested, others are duplicates. In
    folders of two classes they are a conflict, since one label must be wrong, and an image that is
    known already keeps its row. A known image counts as ingested by a file with the bytes that
    its row records, so that a lost index is built again with the same counts.

    Args:
        looks: of new or changed files, sorted by path.
        remembered: entries of the unchanged files.
        known: manifest rows by image id.
        rules: hash of the configuration.
        withdrawn: images that never come back.
        corrections: an image in the folder of a class that it was corrected from counts as in its
            class of today.

    Returns:
        An entry for each look, without its batch, and the new images by id.
    """
    looks = [_in_class(_corrected(look, known, corrections), known) for look in looks]
    labels = _labels(looks)
    claimed = {entry.image_id for entry in remembered if entry.outcome == "ingested"}
    new: dict[str, NewImage] = {}
    entries = []
    for look in looks:
        found, image = look.found, look.result
        if isinstance(image, Refused):
            entries.append(quarantined(_entry(look, rules), image))
            continue
        if image.id in withdrawn.images or look.source_sha256 in withdrawn.sources:
            entries.append(quarantined(_entry(look, rules), no_consent()))
            continue
        row = known.get(image.id)
        under = {row.label, found.label} if row else labels[image.id]
        if len(under) > 1:
            entries.append(quarantined(_entry(look, rules), _conflict(under, row)))
        elif image.id in claimed or (row and row.source_sha256 != look.source_sha256):
            entries.append(replace(_entry(look, rules), outcome="duplicate"))
        else:
            claimed.add(image.id)
            entries.append(_entry(look, rules))
            if row is None and isinstance(image, Image):
                new[image.id] = NewImage(image, found, look.source_sha256)
    return entries, new


def no_consent() -> Refused:
    """Why an image does not come back whose consent was withdrawn."""
    detail = "consent was withdrawn: the image never comes back; take the file away"
    return Refused("withdrawn", detail)


def quarantined(entry: Entry, refused: Refused) -> Entry:
    """The same entry, refused."""
    return replace(entry, outcome="quarantined", reason=refused.reason, detail=refused.detail)


def _entry(look: Look, rules: str) -> Entry:
    found = look.found
    return Entry(
        path=found.path,
        size=found.size,
        mtime_ns=found.mtime_ns,
        outcome="ingested",
        label=found.label,
        source_sha256=look.source_sha256,
        image_id="" if isinstance(look.result, Refused) else look.result.id,
        rules=rules,
    )


def _corrected(look: Look, known: Mapping[str, Row], corrections: Corrections) -> Look:
    """The look, in its image's class of today when its folder is one that a person corrected."""
    if isinstance(look.result, Refused) or (row := known.get(look.result.id)) is None:
        return look
    if look.found.label not in corrections.earlier.get(row.id, ()):
        return look
    return replace(look, found=replace(look.found, label=row.label))


def _in_class(look: Look, known: Mapping[str, Row]) -> Look:
    """The look, refused when its folder is none of the classes that the project has."""
    classes = sorted({row.label for row in known.values()})
    if isinstance(look.result, Refused) or not classes or look.found.label in classes:
        return look
    detail = (
        f"the folder is none of this project's classes: {', '.join(classes)}; a new class needs a "
        "new project (MEDLOOM_STATE)"
    )
    return replace(look, result=Refused("unknown-class", detail))


def _labels(looks: Iterable[Look]) -> dict[str, set[str]]:
    """Image id -> every class it was found under."""
    labels: dict[str, set[str]] = defaultdict(set)
    for look in looks:
        if not isinstance(look.result, Refused):
            labels[look.result.id].add(look.found.label)
    return labels


def _conflict(labels: Collection[str], row: Row | None) -> Refused:
    known = f" (it is known as {row.label}, which stays)" if row else ""
    return Refused(
        "conflict",
        f"the same pixels lie under {' and '.join(sorted(labels))}{known}; one label must be "
        "wrong: leave the file in one class folder only",
    )
