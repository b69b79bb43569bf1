"""Give new images, and those of the manifest that have none, the findings that lie beside files."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.data.findings import findings_text
from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.landing.beside import looks_like_one
from pipeline.data.landing.index import Entry
from pipeline.data.manifest import Row
from pipeline.data.marks.lists import Listed
from pipeline.data.reading.results import Look

_WRONG = {
    "outside": "a box or an outline leaves the image",
    "empty": "a box, an outline or a coded mask holds no pixel",
    "other-size": "a mask, or the size that a list gives, is not the image's size or place",
    "unknown-kind": "a number or a name of a kind has no meaning. Put classes.txt, data.yaml or "
    "dataset.json beside the files, or set ingest.finding_kinds",
    "unreadable": "the file beside the image cannot be read as what its name says, or is too long",
    "synthetic": "the file beside the image is marked as that of generated images, so it says "
    "nothing of a real one; take it away",
}


@dataclass(frozen=True)
class Annotations:
    """Findings of an ingest.

    Attributes:
        new: the new images, with their findings.
        gained: id -> findings of images of the manifest that had none.
        notices: what could not be used.
    """

    new: dict[str, NewImage]
    gained: dict[str, str]
    notices: list[Notice]


def annotate(
    looks: Sequence[Look],
    entries: Sequence[Entry],
    known: Mapping[str, Row],
    new: Mapping[str, NewImage],
) -> Annotations:
    """Take over the findings of images that are in the data, or come into it.

    The first findings of an image stay; others are a conflict, which is told.

    Args:
        looks: at the files that were read.
        entries: of the looks, in their order.
        known: manifest rows by image id.
        new: the images that come into the data, by id.
    """
    found = dict(new)
    gained: dict[str, str] = {}
    told: Counter[str] = Counter()
    for look, entry in zip(looks, entries, strict=True):
        id_ = entry.image_id
        if entry.outcome == "quarantined" or not (id_ in known or id_ in found):
            continue
        told.update(_wrong(look))
        if not (text := findings_text(look.annotated.findings)):
            continue
        had = found[id_].findings if id_ in found else gained.get(id_) or known[id_].findings
        if had:
            told["conflict"] += had != text
        elif id_ in found:
            found[id_] = replace(found[id_], findings=text)
        else:
            gained[id_] = text
    return Annotations(found, gained, list(_notices(told)))


def lists_notices(listed: Listed) -> list[Notice]:
    """Notices about lists of findings, and about masks and YOLO files without an image."""
    alone = sum(looks_like_one(found.path) for found in listed.files)
    found = [
        Notice(
            "findings-without-image",
            listed.unplaced + alone,
            f"{_entries(listed.unplaced)} of lists of findings that name no image, or several, and "
            f"{_files(alone)} that look like masks or YOLO files without an image",
        ),
        Notice(
            "findings-list-unreadable",
            listed.unreadable,
            f"{_files(listed.unreadable)} named like lists of findings (COCO's JSON, boxes.csv) "
            "that are none",
        ),
        Notice(
            "findings-several-lists",
            listed.several,
            f"{_images(listed.several)} that several lists of findings name: a medloom.csv, else "
            "the nearest list, is used",
        ),
    ]
    return [notice for notice in found if notice.count]


def with_findings(rows: Iterable[Row], gained: Mapping[str, str]) -> list[Row]:
    """Rows with the findings that they gained."""
    return [replace(row, findings=gained.get(row.id, row.findings)) for row in rows]


def _wrong(look: Look) -> Iterator[str]:
    if look.annotated.wrong:
        yield look.annotated.wrong
    if look.annotated.others:
        yield "several"


def _notices(told: Mapping[str, int]) -> Iterator[Notice]:
    for wrong, why in _WRONG.items():
        if count := told[wrong]:
            text = f"{_images(count)} without their findings, since {why}"
            yield Notice(f"findings-{wrong}", count, text)
    if count := told["several"]:
        text = (
            f"{_images(count)} with findings from several places (a list, masks, a YOLO file, a "
            "truth): only the first of these is used"
        )
        yield Notice("findings-several", count, text)
    if count := told["conflict"]:
        text = (
            f"{_images(count)} came again with other findings than the data has: the first ones "
            "stay"
        )
        yield Notice("findings-conflict", count, text)


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
