"""List quarantined files and duplicates, and read quarantined images again.

Pixels are read from the landing zone as ingest reads them. If they may show text, the picture is a
mosaic of 24 squares a side, in which nothing can be read.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.data.config import IngestConfig
from pipeline.data.decisions import Withdrawn
from pipeline.data.formats import Pixels
from pipeline.data.ingest.quarantine import QuarantineRecord, record_of
from pipeline.data.landing.index import Entry, LocalIndex
from pipeline.data.landing.lists import apply_rows, read_lists
from pipeline.data.landing.patient_pattern import patient_in_name
from pipeline.data.landing.zone import LandedFile, scan
from pipeline.data.reading.burnt_in import find_strokes
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.readers import examine_all
from pipeline.data.reading.results import Image as Good
from pipeline.data.refusal import RELEASABLE, TRANSIENT
from pipeline.reports.data.data_facts import Duplicate

MOST_LOOKED_AT = 60
"""Most quarantined images that are drawn."""
_DECODED = RELEASABLE | {"bridge", "conflict"}
_UNSURE = ("burnt-in", "low-contrast")
"""Reasons where text was found, or may be too faint to be found."""
_FEW_GLYPHS = 3
"""Letter-like shapes in a row from which any quarantined image is drawn as a mosaic."""


def refused(entries: Sequence[Entry], classes: set[str]) -> list[tuple[QuarantineRecord, Entry]]:
    """Quarantined files in the local index; folders outside `classes` are not named."""
    found = [
        (record_of(entry, classes), entry)
        for entry in entries
        if entry.outcome == "quarantined" and entry.reason not in TRANSIENT
    ]
    return sorted(found, key=lambda one: (one[0].reason, one[0].label, one[0].record, one[1].item))


def duplicates(entries: Sequence[Entry]) -> tuple[Duplicate, ...]:
    """Files with the same pixels as an earlier image."""
    found = [
        Duplicate(
            record=(entry.source_sha256 or entry.file)[:12],
            label=entry.label,
            image=entry.image_id,
        )
        for entry in entries
        if entry.outcome == "duplicate"
    ]
    return tuple(sorted(found, key=lambda one: (one.label, one.image, one.record)))


def can_be_read_again(entry: Entry) -> bool:
    """Whether a quarantined image was decoded, so that it can be shown."""
    return entry.reason in _DECODED and bool(entry.image_id)


def read_again(
    landing: Path,
    index: LocalIndex,
    entries: Sequence[Entry],
    config: IngestConfig,
    withdrawn: Withdrawn,
    store: Path,
    *,
    workers: int,
    on_progress: Callable[[int, int], None],
) -> dict[str, Path]:
    """Read quarantined images again; returns PNG files by image id, for those that could be read.

    Images of withdrawn patients and files that changed since their ingest are skipped.

    Args:
        landing: folder of the files.
        index: the index with the entries.
        entries: quarantined ones, in the order to show them.
        config: of ingest.
        withdrawn: withdrawals of the newest revision.
        store: folder for the files.
        workers: processes to read in; 0: this one.
        on_progress: called as (done, total), as by `examine_all`.
    """
    wanted = [entry for entry in entries if can_be_read_again(entry)][:MOST_LOOKED_AT]
    wanted = [entry for entry in wanted if entry.image_id not in withdrawn.images]
    if not wanted or not landing.is_dir():
        return {}
    known = {(entry.file, entry.size, entry.mtime_ns) for entry in wanted}
    files = [
        found
        for found in _listed(landing)
        if (index.names.file(found.path), found.size, found.mtime_ns) in known
        and withdrawn.groups.isdisjoint(
            index.names.ever(found.patient or patient_in_name(found.path, config))
        )
    ]
    store.mkdir(parents=True, exist_ok=True)
    # As if a person had released them: images that fail a quality check are then stored too.
    released = frozenset(entry.image_id for entry in wanted)
    examiner = Examiner(landing, config, index.names, store, released=released)
    looks = examine_all(examiner, files, workers=workers, on_progress=on_progress)
    good = [(look.result, look.called) for look in looks if isinstance(look.result, Good)]
    excluded = {image.id for image, called in good if called & withdrawn.groups}
    stored = {id_: store / f"{id_}.png" for id_ in released - excluded}
    return {id_: file for id_, file in stored.items() if file.exists()}


def shows_text(pixels: Pixels, reason: str) -> bool:
    """Whether a quarantined image may show text; most were never checked for it."""
    if reason in _UNSURE:
        return True
    strokes = find_strokes(pixels)
    return strokes.glyphs >= _FEW_GLYPHS or bool(strokes.places)


def _listed(landing: Path) -> list[LandedFile]:
    """The files of the landing zone, with what the lists say."""
    files, _ = scan(landing)
    return apply_rows(files, read_lists(landing, files).rows)
