"""Ingest new files of the landing zone as a batch of a data revision.

`ingest` changes only the workspace. Its caller adds the batch to DVC, commits, pushes, and then
records the report's entries in the index: a kill in between loses nothing, as the next ingest finds
the images in the manifest.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.decisions import read_decisions, read_rejected, read_released
from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import Thumbnail, read_thumbnails, write_thumbnails
from pipeline.data.ingest.account import (
    Notice,
    group_notices,
    listing_notices,
    passed_over_notice,
    write_notices,
)
from pipeline.data.ingest.annotations import annotate, lists_notices, with_findings
from pipeline.data.ingest.arrange import check_groups, group_new, place_splits, require_thumbnails
from pipeline.data.ingest.checks import CheckFinding, refused_by_checks, run_checks
from pipeline.data.ingest.conflicts import Fetch, under_two_classes
from pipeline.data.ingest.everybody import one_for_all
from pipeline.data.ingest.grouping import Grouping
from pipeline.data.ingest.mixture import mixture_notices
from pipeline.data.ingest.pairs import beside_bridges, broken_pairs, pairs_too_late, without
from pipeline.data.ingest.quarantine import quarantine_records, write_quarantine
from pipeline.data.ingest.report import IngestReport, make_report
from pipeline.data.ingest.resolve import (
    NewImage,
    no_consent,
    quarantine,
    quarantined,
    resolve,
    reusable,
)
from pipeline.data.ingest.studies import unify_studies
from pipeline.data.landing.index import Entry, LocalIndex
from pipeline.data.landing.lists import apply_rows, read_lists
from pipeline.data.landing.patient_pattern import patient_in_name
from pipeline.data.landing.zone import LandedFile, Listing, laid_out, scan
from pipeline.data.layout import AmbiguousClassesError, Layout, advice_on, find_layout
from pipeline.data.manifest import (
    PHANTOM_FILE,
    RAW_FOLDER,
    Row,
    read_manifest,
    warnings_text,
    write_batch,
)
from pipeline.data.marks.lists import with_lists
from pipeline.data.names import Pseudonyms, check_key, write_key_id
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.readers import Progress, examine_all
from pipeline.data.refusal import Refused


def ingest(
    landing: Path,
    workspace: Path,
    index: LocalIndex,
    config: IngestConfig,
    *,
    workers: int = 0,
    on_progress: Progress | None = None,
    listed: Listing | None = None,
    class_folder: int = 0,
    fetch: Fetch | None = None,
    watermark: bytes = b"",
) -> IngestReport:
    """Ingest the new files of the landing zone as one batch in the workspace.

    Args:
        landing: `<landing>/<class>/**/<file>`; it is read and never changed.
        workspace: holds data/manifest and, of every earlier batch, data/raw/<batch>/thumbnails.npz;
            also the lists of `pipeline.data.decisions`.
        index: the known outcomes; read here, and not written.
        config: thresholds.
        workers: processes to decode in; 0: this one, where a decoder that crashes ends ingest.
        on_progress: called as (done, total), as by `examine_all`.
        listed: used in place of `scan`, with files that are elsewhere; of the landing zone only
            the lists are read then.
        class_folder: number of the class folder in each path; 0: `config.class_folder`.
        fetch: brings stored images of earlier batches into the workspace, by their paths in it;
            a few, to be compared with new ones. Without it those that lack are not compared.
        watermark: key of the watermark of the project's generated images, which are refused; b"":
            there is none.

    Raises:
        BadInputError: no landing zone, another key of the patients' pseudonyms, missing
            thumbnails, nothing says which folder is the class, an oversized group, or a split
            without a class. Nothing is written then.
    """
    names = index.names
    rows = read_manifest(workspace)
    known = {row.id: row for row in rows}
    withdrawn, corrections = read_decisions(workspace)
    released, rejected = read_released(workspace), read_rejected(workspace)
    check_key(workspace, names)
    classes = frozenset({row.label for row in rows} | (set(config.add_classes) if rows else set()))
    folder = class_folder or config.class_folder
    all_files, passed_over = listed or scan(landing)
    named, notices = _described(landing, all_files, classes, folder, config)
    files = [_consented(file, withdrawn.groups, names, config) for file in named]
    remembered = reusable(index.entries(), files, known, config.rules, names, released, rejected)
    changed = [file for file in files if file.path not in remembered]
    kept = [entry for entries in remembered.values() for entry in entries]
    with TemporaryDirectory(dir=workspace, prefix=".incoming-") as store:
        examiner = Examiner(
            landing, config, names, Path(store), _sources(rows), released, classes, watermark
        )
        looks = examine_all(
            examiner, changed, workers=workers, on_progress=on_progress, passed_over=passed_over
        )
        looks, told = unify_studies(looks, rows, names, withdrawn.groups)
        notices += told
        entries, new = resolve(
            looks,
            kept,
            known,
            config.rules,
            names,
            withdrawn=withdrawn,
            corrections=corrections,
            add_classes=config.add_classes,
            rejected=rejected,
        )
        grouping = Grouping({}, {}, {}, ())
        odd: dict[str, tuple[CheckFinding, ...]] = {}
        if new:
            thumbnails = read_thumbnails(workspace, {row.batch for row in rows})
            require_thumbnails(rows, thumbnails)
            refused, told = under_two_classes(new, rows, thumbnails, workspace, Path(store), fetch)
            notices += told
            odd = run_checks(new, rows, thumbnails, config.checks)
            entries = quarantine(
                entries, new, refused | refused_by_checks(odd, config.checks, released)
            )
            entries, grouping = _grouped(entries, new, rows, thumbnails, Path(store), config)
        annotations = annotate(looks, entries, known, new)
        notices += annotations.notices
        added = _rows(annotations.new, grouping, rows, odd, config)
        if added:
            _check(rows + added, entries, config)
            if not (workspace / PHANTOM_FILE).exists():
                write_key_id(workspace, names, (row.group for row in added))
            _store(workspace, Path(store), added, new)
            notices += mixture_notices(added, _stored(workspace, added))
        _write_gained(workspace, rows, annotations.gained)
    paths = {entry.image_id: look.found.path for look, entry in zip(looks, entries, strict=True)}
    notices += [
        *passed_over_notice(passed_over),
        *pairs_too_late(files, [*entries, *kept], known, names),
        *group_notices(added, paths),
        *(one_for_all(rows + added) if added else ()),
        *(Notice("groups-joined", 1, note) for note in grouping.notes),
    ]
    batches = {row.id: row.batch for row in rows + added}
    entries = [_finish(entry, grouping, batches) for entry in entries] + kept
    entries.sort(key=lambda entry: entry.key)
    if added or annotations.gained:
        write_quarantine(
            workspace, quarantine_records(entries, {row.label for row in rows + added})
        )
        write_notices(workspace, notices)
    return make_report(
        entries,
        added,
        rows + added,
        files=len(files),
        passed_over=dict(passed_over),
        read=len(changed),
        notices=notices,
        annotated=len(annotations.gained),
    )


def _described(
    landing: Path,
    files: Sequence[LandedFile],
    classes: frozenset[str],
    class_folder: int,
    config: IngestConfig,
) -> tuple[list[LandedFile], list[Notice]]:
    """Files with their class, patient, view and findings by folders and lists."""
    matched = read_lists(landing, files)
    unlisted = [path for file in files if not matched.class_of(path := file.path)]
    plain = laid_out(files, _layout(unlisted, classes, class_folder))
    named = apply_rows(plain, matched.rows)
    notices = listing_notices(plain, named, matched)
    listed = with_lists(landing, named, config)
    return listed.files, notices + lists_notices(listed)


def _layout(paths: Iterable[str], classes: Collection[str], folder: int) -> Layout:
    """Which folder of the landing zone's paths is the class; the message holds no names."""
    try:
        return find_layout(paths, classes, folder)
    except AmbiguousClassesError as error:
        raise BadInputError(
            f"the landing zone: {error.what}; {advice_on(error, option=False)}"
        ) from None


def _consented(
    found: LandedFile, groups: Collection[str], names: Pseudonyms, config: IngestConfig
) -> LandedFile:
    """The file, refused unopened when its name or a list gives a patient who withdrew consent."""
    if not groups:
        return found
    patient = found.patient or patient_in_name(found.path, config)
    withdrawn = not set(groups).isdisjoint(names.ever(patient))
    return replace(found, refused=no_consent()) if withdrawn else found


def _sources(rows: Iterable[Row]) -> dict[str, str]:
    """sha256 of a source file -> image id, for files that became exactly one image."""
    counts = Counter(row.source_sha256 for row in rows)
    return {row.source_sha256: row.id for row in rows if counts[row.source_sha256] == 1}


def _grouped(
    entries: Iterable[Entry],
    new: dict[str, NewImage],
    rows: Sequence[Row],
    thumbnails: Mapping[str, Thumbnail],
    store: Path,
    config: IngestConfig,
) -> tuple[list[Entry], Grouping]:
    """The entries with broken pairs quarantined, and the groups of the images that stay."""
    broken = broken_pairs(new, rows, _pixels(lambda id_: store / f"{id_}.png"))
    entries = quarantine(entries, new, broken)
    grouping = group_new(new, rows, thumbnails, config)
    broken = beside_bridges(grouping, new)
    return quarantine(entries, new, broken), without(grouping, broken)


def _rows(
    new: Mapping[str, NewImage],
    grouping: Grouping,
    rows: Sequence[Row],
    odd: Mapping[str, Sequence[CheckFinding]],
    config: IngestConfig,
) -> list[Row]:
    """Manifest rows of the new images that have a group; bridges have none."""
    splits = place_splits(grouping, new, rows, config)
    earlier = len({row.batch for row in rows})
    content = hashlib.sha256("\n".join(sorted(splits)).encode()).hexdigest()
    return [
        Row(
            id=id_,
            sha256=new[id_].image.sha256,
            source_sha256=new[id_].source_sha256,
            batch=f"b{earlier + 1:04d}-{content[:8]}",
            label=new[id_].label,
            group=grouping.groups[id_],
            split=splits[id_],
            view=new[id_].image.view,
            width=new[id_].image.width,
            height=new[id_].image.height,
            bits=new[id_].image.bits,
            modality=new[id_].image.modality,
            spacing=new[id_].image.spacing,
            window=new[id_].image.window,
            brightness=f"{new[id_].image.brightness:.3f}",
            warnings=warnings_text((one.check, one.value) for one in odd.get(id_, ())),
            study=new[id_].study,
            patient=new[id_].patient,
            findings=new[id_].findings,
            pair=new[id_].pair,
        )
        for id_ in sorted(splits)
    ]


def _check(rows: Sequence[Row], entries: Iterable[Entry], config: IngestConfig) -> None:
    """Run `check_groups`; its error also counts the quarantined files, by reason."""
    try:
        check_groups(rows, config)
    except BadInputError as error:
        reasons = Counter(entry.reason for entry in entries if entry.outcome == "quarantined")
        if not reasons:
            raise
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        files = "1 file is" if reasons.total() == 1 else f"{reasons.total()} files are"
        raise BadInputError(f"{error}. {files} quarantined: {counts}") from None


def _store(workspace: Path, store: Path, added: Sequence[Row], new: Mapping[str, NewImage]) -> None:
    """Move the new images to their batch's folder, then write the manifest."""
    batch = added[0].batch
    folder = workspace / RAW_FOLDER / batch
    folder.mkdir(parents=True, exist_ok=True)
    for row in added:
        (store / f"{row.id}.png").rename(workspace / row.path)
    write_thumbnails(folder, {row.id: new[row.id].image.thumbnail for row in added})
    write_batch(workspace, batch, list(added))


def _write_gained(workspace: Path, rows: Sequence[Row], gained: Mapping[str, str]) -> None:
    """Write the batches again in which images gained findings."""
    for batch in sorted({row.batch for row in rows if row.id in gained}):
        mine = [row for row in rows if row.batch == batch]
        write_batch(workspace, batch, with_findings(mine, gained))


def _stored(workspace: Path, added: Iterable[Row]) -> Callable[[str], Pixels]:
    """Reads the pixels of an added image by its id."""
    places = {row.id: workspace / row.path for row in added}
    return _pixels(places.__getitem__)


def _pixels(place: Callable[[str], Path]) -> Callable[[str], Pixels]:
    """Reads the pixels of an image by its id."""

    def read(id_: str) -> Pixels:
        with Image.open(place(id_), formats=["PNG"]) as image:
            return np.asarray(image)

    return read


def _finish(entry: Entry, grouping: Grouping, batches: Mapping[str, str]) -> Entry:
    """The entry with its batch, or quarantined when its image turned out to be a bridge."""
    if entry.outcome == "quarantined":
        return entry
    if groups := grouping.bridges.get(entry.image_id):
        detail = (
            f"the image resembles images of {' and '.join(groups)}, which are in different splits; "
            "either split would leak into the other"
        )
        return quarantined(entry, Refused("bridge", detail))
    return replace(entry, batch=batches[entry.image_id])
