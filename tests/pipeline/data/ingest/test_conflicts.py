"""One slice under two classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.config import IngestConfig
from pipeline.data.formats.canonical import shrink, thumbnail
from pipeline.data.ingest.conflicts import candidates, copies
from pipeline.data.ingest.report import IngestReport
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.ingest.run import ingest
from pipeline.data.manifest import read_manifest
from pipeline.data.reading.results import Image as Seen
from tests.support.pictures import Grey, IngestedFolder, encode, put
from tests.support.slices import NARROW, as_jpeg, body, resized, shown

SHARED = Path(__file__).parents[5] / "shared" / "data"
CLASSES = ("cyst", "stone")


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    project = IngestedFolder(tmp_path)
    for number, label in enumerate(CLASSES):
        for patient in range(4):
            grey = shown(body(10 * number + patient))
            put(project.landing / label / f"{patient}.png", encode(grey))
    return project


def jpeg(pixels: Grey, quality: int = 85) -> bytes:
    return encode(pixels, "JPEG", quality=quality)


def of(patient: int, window: tuple[float, float] = (-160, 240)) -> Grey:
    """The slice of a cyst patient of the project."""
    return shown(body(patient), window)


def test_new_copies_under_two_classes_are_a_conflict_until_one_goes(
    project: IngestedFolder,
) -> None:
    again = [
        put(project.landing / "stone" / "a.jpg", jpeg(of(0))),
        put(project.landing / "stone" / "b.png", encode(resized(of(1), 0.9))),
        put(project.landing / "stone" / "c.png", encode(of(2, NARROW))),
    ]
    report = project.ingest(config=IngestConfig(allow_missing=True))
    names = ("cyst/0.png", "cyst/1.png", "cyst/2.png", "stone/a.jpg", "stone/b.png", "stone/c.png")
    assert project.reasons(report) == dict.fromkeys(names, "conflict")
    assert (report.new, report.quarantined) == (5, 6)
    detail = next(entry.detail for entry in report.entries if entry.reason == "conflict")
    assert "same slice, saved again, is in cyst and stone; one label must be wrong" in detail
    assert project.index.pending(project.landing).count == 0
    for file in again:
        file.unlink()
    report = project.ingest()
    assert (report.new, report.quarantined) == (3, 0)


def test_a_copy_of_an_ingested_slice_is_refused_and_the_row_stays(
    project: IngestedFolder,
) -> None:
    project.ingest()
    before = read_manifest(project.workspace)
    put(project.landing / "stone" / "again.jpg", jpeg(of(0)))
    report = project.ingest()
    assert project.reasons(report) == {"stone/again.jpg": "conflict"}
    assert "(it is ingested as cyst, which stays)" in next(
        entry.detail for entry in report.entries if entry.reason == "conflict"
    )
    assert read_manifest(project.workspace) == before


def test_images_of_earlier_batches_are_fetched_only_where_they_are_needed(
    project: IngestedFolder, tmp_path: Path
) -> None:
    project.ingest()
    rows = read_manifest(project.workspace)
    kept = {row.path: (project.workspace / row.path).read_bytes() for row in rows}
    asked: list[Path] = []

    def fetch(files: Sequence[Path]) -> None:
        asked.extend(files)
        for file in files:
            (project.workspace / file).write_bytes(kept[file])

    def run(fetching: bool) -> IngestReport:
        for path in kept:
            (project.workspace / path).unlink(missing_ok=True)
        return ingest(
            project.landing, project.workspace, project.index, project.config,
            fetch=fetch if fetching else None,
        )  # fmt: skip

    put(project.landing / "stone" / "other.png", encode(shown(body(30))))
    assert (run(fetching=True).new, asked) == (1, [])
    put(project.landing / "stone" / "again.jpg", jpeg(of(0)))
    report = run(fetching=True)
    assert report.reasons == {"conflict": 1}
    assert [next(row.label for row in rows if row.path == path) for path in asked] == ["cyst"]
    assert "not-compared" not in {notice.name for notice in report.notices}
    (told,) = (n for n in run(fetching=False).notices if n.name == "not-compared")
    assert told.count == 1


def test_neighbours_with_different_findings_are_no_conflict(project: IngestedFolder) -> None:
    for patient in range(4):
        grey = shown(body(patient, level=0.05, noise=1, lesion="stone"))
        put(project.landing / "stone" / f"next-{patient}.png", encode(grey))
    report = project.ingest()
    assert (report.new, report.quarantined) == (12, 0)


def test_copies_within_a_class_are_one_group_and_no_conflict(project: IngestedFolder) -> None:
    before = project.ingest()
    put(project.landing / "cyst" / "again.jpg", jpeg(of(0)))
    report = project.ingest()
    assert (report.new, report.quarantined, report.groups) == (1, 0, before.groups)


def test_a_third_class_is_named_too(project: IngestedFolder) -> None:
    for label in ("stone", "normal"):
        put(project.landing / label / "again.jpg", jpeg(of(0), 80 if label == "stone" else 90))
    report = project.ingest(config=IngestConfig(allow_missing=True))
    details = {path: entry.detail for path, entry in project.by_path(report).items()}
    assert report.reasons == {"conflict": 3}
    assert "cyst and normal and stone" in details["cyst/0.png"]


# -- on real slices --------------------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real images are not on this machine")
def test_real_slices_are_found_again_and_neighbours_let_be() -> None:
    files = sorted((SHARED / "kidney-ct" / "cyst").glob("*.png"))[:200]
    pixels = [np.asarray(Image.open(file).convert("L")) for file in files]
    new = {
        f"{label}{n:03d}": NewImage(_seen(grey), label, "", "")
        for n, grey in enumerate(pixels)
        for label, grey in (("cyst", grey), ("stone", as_jpeg(grey, 75)))
    }
    stored = {
        id_: pixels[int(id_[-3:])] if id_[0] == "c" else as_jpeg(pixels[int(id_[-3:])], 75)
        for id_ in new
    }
    pairs = candidates(new, [], {})
    found = copies(pairs, stored.__getitem__)
    right = {(f"cyst{n:03d}", f"stone{n:03d}") for n in range(len(files))}
    assert right <= set(found)
    assert len(set(found) - right) <= 0.01 * len(pairs), "neighbours less than a millimetre away"


def _seen(grey: Grey) -> Seen:
    height, width = grey.shape
    return Seen("", "", thumbnail(shrink(grey)), width, height, 8, 0.5, 4.0)
