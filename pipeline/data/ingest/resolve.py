"""Decide the outcome of each examined image: new, known, duplicate or quarantined."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from pipeline.data.decisions import Corrections, Rejected, Withdrawn
from pipeline.data.landing.index import Entry
from pipeline.data.landing.zone import LandedFile
from pipeline.data.manifest import Row
from pipeline.data.names import Pseudonyms
from pipeline.data.reading.results import Image, Look
from pipeline.data.refusal import CLASS_CHECKS, RELATIVE, Refused

_NONE_WITHDRAWN, _NONE_CORRECTED, _NONE_REJECTED = Withdrawn(), Corrections({}), Rejected()
_EXTENSION = re.compile(r"\.[a-z0-9]{1,5}")


@dataclass(frozen=True)
class NewImage:
    """An image that is not in the manifest, from the first file that holds it.

    Attributes:
        image: as decoded.
        label: its class.
        group: of its patient, or of its scan, when known; or "".
        source_sha256: of the file, or of the archive's member.
        study, patient: as in the manifest's `Row`.
        findings: as in the manifest's `Row`, of the first file that says something of them.
        pair: as in the manifest's `Row`.
        items: number of images of its file, also of those that are refused.
    """

    image: Image
    label: str
    group: str
    source_sha256: str
    study: str = ""
    patient: str = ""
    findings: str = ""
    pair: str = ""
    items: int = 1


def reusable(
    entries: Iterable[Entry],
    files: Iterable[LandedFile],
    known: Mapping[str, Row],
    rules: str,
    names: Pseudonyms,
    released: Collection[str] = (),
    rejected: Rejected = _NONE_REJECTED,
) -> dict[str, list[Entry]]:
    """Entries by path of the files that need not be opened: all their entries still hold.

    Args:
        entries: of the index.
        files: as currently listed.
        known: manifest rows by image id.
        rules: hash of the configuration.
        names: pseudonyms of the entries.
        released: ids of images that a person released.
        rejected: images and files that stay out under any configuration.
    """
    by_file: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_file[entry.file].append(entry)
    kept = {}
    for found in files:
        remembered = by_file.get(names.file(found.path))
        if remembered and all(
            _still_holds(entry, found, known, rules, released, rejected) for entry in remembered
        ):
            kept[found.path] = remembered
    return kept


def _still_holds(
    entry: Entry,
    found: LandedFile,
    known: Mapping[str, Row],
    rules: str,
    released: Collection[str],
    rejected: Rejected,
) -> bool:
    if (entry.size, entry.mtime_ns, entry.beside) != (
        found.size, found.mtime_ns, found.said_digest
    ):  # fmt: skip
        return False
    if entry.outcome == "quarantined" and rejected.holds(entry.image_id, entry.source_sha256):
        return True
    if entry.outcome == "quarantined":
        open_again = entry.reason in RELATIVE or entry.image_id in released
        open_again = open_again or entry.image_id in known
        return entry.rules == rules and not open_again
    return entry.image_id in known and found.label in ("", entry.label)


def resolve(
    looks: Sequence[Look],
    remembered: Collection[Entry],
    known: Mapping[str, Row],
    rules: str,
    names: Pseudonyms,
    *,
    withdrawn: Withdrawn = _NONE_WITHDRAWN,
    corrections: Corrections = _NONE_CORRECTED,
    add_classes: Collection[str] = (),
    rejected: Rejected = _NONE_REJECTED,
) -> tuple[list[Entry], dict[str, NewImage]]:
    """Decide the outcome of every look, in order of path and item.

    Two files with the same pixels are one image: the first is ingested, the others are duplicates.
    In folders of two classes they are a conflict, since one label must be wrong; an image in the
    manifest keeps its row. Of such files one that names a pair comes first. A known image counts as
    ingested by the file whose bytes its row records, so that a lost index is rebuilt with the same
    counts.

    Args:
        looks: of new or changed files, sorted by path.
        remembered: entries of the unchanged files.
        known: manifest rows by image id.
        rules: hash of the configuration.
        names: pseudonyms for the entries.
        withdrawn: images and patients that are never ingested again.
        corrections: an image in the folder of a class that it was corrected from counts as in its
            current class.
        add_classes: new classes that the project accepts.
        rejected: images and files that a person keeps out.

    Returns:
        An entry for each look, without its batch, and the new images by id.
    """
    describe = partial(_entry, names=names, rules=rules)
    classes = {row.label for row in known.values()}
    allowed = classes | set(add_classes) if classes else classes
    looks = [_in_class(_corrected(look, known, corrections), allowed) for look in looks]
    labels = _labels(looks)
    for entry in remembered:  # an image quarantined by a check still conflicts
        if entry.reason in CLASS_CHECKS:
            labels[entry.image_id].add(entry.label)
    paired = {
        look.result.id
        for look in looks
        if look.found.pair
        and not isinstance(look.result, Refused)
        and not _is_withdrawn(look, withdrawn)
        and not rejected.holds(look.result.id, look.source_sha256)
    }
    items = Counter(look.found.path for look in looks)
    claimed = {entry.image_id for entry in remembered if entry.outcome == "ingested"}
    new: dict[str, NewImage] = {}
    entries = []
    for look in looks:
        image, entry = look.result, describe(look)
        if _is_withdrawn(look, withdrawn):
            entries.append(quarantined(replace(entry, image_id=""), no_consent()))
            continue
        if isinstance(image, Refused):
            entries.append(quarantined(entry, image))
            continue
        row = known.get(image.id)
        if row is None and rejected.holds(image.id, look.source_sha256):
            detail = "a person reviewed it and keeps it out"
            entries.append(quarantined(entry, Refused("rejected", detail)))
            continue
        under = {row.label, look.label} if row else labels[image.id]
        if len(under) > 1:
            entries.append(quarantined(entry, _conflict(under, row)))
        elif (
            image.id in claimed
            or (row and row.source_sha256 != look.source_sha256)
            or (row is None and image.id in paired and not look.found.pair)
        ):
            entries.append(replace(entry, outcome="duplicate"))
        else:
            claimed.add(image.id)
            entries.append(entry)
            if row is None and isinstance(image, Image):
                new[image.id] = _new_image(image, look, names, items)
    return entries, new


def _new_image(image: Image, look: Look, names: Pseudonyms, items: Mapping[str, int]) -> NewImage:
    return NewImage(
        image,
        look.label,
        look.group,
        look.source_sha256,
        look.identity.study,
        look.alias,
        pair=names.pair(look.found.pair, look.item),
        items=items[look.found.path],
    )


def no_consent() -> Refused:
    """The refusal of an image whose consent was withdrawn."""
    detail = "consent was withdrawn: the image is never ingested again; delete the file"
    return Refused("withdrawn", detail)


def quarantined(entry: Entry, refused: Refused) -> Entry:
    """The entry, quarantined."""
    return replace(entry, outcome="quarantined", reason=refused.reason, detail=refused.detail)


def quarantine(
    entries: Iterable[Entry], new: dict[str, NewImage], refused: Mapping[str, Refused]
) -> list[Entry]:
    """The entries, with refused images quarantined and removed from `new`."""
    for id_ in refused:
        new.pop(id_, None)
    return [
        quarantined(entry, refused[entry.image_id])
        if entry.image_id in refused and entry.outcome != "quarantined"
        else entry
        for entry in entries
    ]


def _is_withdrawn(look: Look, withdrawn: Withdrawn) -> bool:
    if not withdrawn.groups.isdisjoint(look.called):
        return True
    if isinstance(look.result, Refused):
        return False
    # One image of a file of several may be withdrawn: the file's hash says nothing of the others.
    by_source = not look.item and look.source_sha256 in withdrawn.sources
    return by_source or look.result.id in withdrawn.images


def _entry(look: Look, names: Pseudonyms, rules: str) -> Entry:
    found = look.found
    extension = PurePosixPath(found.path).suffix.lower()
    return Entry(
        file=names.file(found.path),
        item=look.item,
        size=found.size,
        mtime_ns=found.mtime_ns,
        outcome="ingested",
        label=found.label or look.label,
        extension=extension if _EXTENSION.fullmatch(extension) else "",
        source_sha256=look.source_sha256,
        image_id=look.result.image_id if isinstance(look.result, Refused) else look.result.id,
        rules=rules,
        beside=found.said_digest,
    )


def _corrected(look: Look, known: Mapping[str, Row], corrections: Corrections) -> Look:
    """The look, with the image's current class when its folder has an earlier one."""
    if isinstance(look.result, Refused) or (row := known.get(look.result.id)) is None:
        return look
    if look.label not in corrections.earlier.get(row.id, ()):
        return look
    return replace(look, label=row.label)


def _in_class(look: Look, allowed: Collection[str]) -> Look:
    """The look, refused when its class is not one of the project's; a new project has none yet."""
    if isinstance(look.result, Refused) or not allowed or look.label in allowed:
        return look
    detail = (
        f"the folder is none of this project's classes: {', '.join(sorted(allowed))}. To add it as "
        "a new class, name it in `ingest.add_classes: [...]` of params.yaml; for unrelated classes "
        "start another project (MEDLOOM_STATE)"
    )
    return replace(look, result=Refused("unknown-class", detail))


def _labels(looks: Iterable[Look]) -> dict[str, set[str]]:
    """Image id -> every class it was found under."""
    labels: dict[str, set[str]] = defaultdict(set)
    for look in looks:
        if not isinstance(look.result, Refused):
            labels[look.result.id].add(look.label)
    return labels


def _conflict(labels: Collection[str], row: Row | None) -> Refused:
    known = f" (it is ingested as {row.label}, which stays)" if row else ""
    return Refused(
        "conflict",
        f"the same pixels are in {' and '.join(sorted(labels))}{known}; one label must be wrong: "
        "keep the file in one class folder only",
    )
