import hashlib
import os
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.ingest.quarantine import read_quarantine
from pipeline.data.ingest.run import ingest
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.zone import Listing, scan
from pipeline.data.manifest import Row, read_manifest, write_batch
from pipeline.data.processed import SPLITS
from pipeline.synthetic.png import SYNTHETIC_MARK
from tests.support.pictures import (
    NAMES,
    IngestedFolder,
    between,
    encode,
    fill,
    picture,
    put,
    sibling,
)

SHARED = Path(__file__).parents[5] / "shared" / "data"


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    return IngestedFolder(tmp_path)


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Path -> modification time and content, for every file that is not a link or pipe."""
    return {
        str(file): (file.lstat().st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest())
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.is_symlink()
    }


def splits_by_group(rows: list[Row]) -> dict[str, set[str]]:
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        splits[row.group].add(row.split)
    return splits


def test_a_batch_holds_canonical_files_rows_and_thumbnails(project: IngestedFolder) -> None:
    fill(project.landing)
    report = project.ingest()
    rows = read_manifest(project.workspace)
    assert (report.seen, report.new, report.ingested, report.quarantined) == (12, 12, 12, 0)
    assert report.groups == {
        label: {"train": 1, "val": 1, "test": 1} for label in ("cyst", "stone")
    }
    assert report.images["stone"] == {"train": 2, "val": 2, "test": 2}
    assert all(len(splits) == 1 for splits in splits_by_group(rows).values())
    for row in rows:
        stored = (project.workspace / row.path).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == row.sha256
        with Image.open(project.workspace / row.path) as image:
            assert (image.mode, image.size) == ("L", (row.width, row.height))
    batch = project.workspace / "data/raw" / str(report.batch)
    assert sorted(f.name for f in batch.iterdir()) == sorted(
        [f"{row.id}.png" for row in rows] + ["thumbnails.npz"]
    )
    assert sorted(f.name for f in batch.parent.iterdir()) == [report.batch]


def test_the_same_landing_zone_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = IngestedFolder(tmp_path / name)
        fill(project.landing)
        project.ingest()
        contents.append(
            {
                str(file.relative_to(project.workspace)): file.read_bytes()
                for file in project.workspace.rglob("*")
                if file.is_file()
            }
        )
    assert contents[0] == contents[1]


def hostile(landing: Path, outside: Path) -> dict[str, str]:
    """Put one bad file of each kind into the landing zone; returns the expected reasons by path."""
    mark = PngInfo()
    mark.add_text("SyntheticData", SYNTHETIC_MARK["SyntheticData"])
    good = picture(50)
    files = {
        "cyst/truncated.jpg": (encode(good, "JPEG")[:-200], "truncated"),
        "cyst/zero.png": (b"", "empty"),
        "cyst/notes.png": (b"These are my notes.\n", "not-an-image"),
        "cyst/dot.png": (encode(np.full((1, 1), 9, np.uint8)), "too-small"),
        "cyst/black.png": (encode(np.zeros((64, 64), np.uint8)), "all-black"),
        "cyst/film.gif": (
            encode(good, "GIF", save_all=True, append_images=[Image.fromarray(good.T)]),
            "unsupported-format",
        ),
        "cyst/made.png": (encode(picture(51), pnginfo=mark), "synthetic"),
        "cyst/stripped.png": (encode(picture(52)), "synthetic"),
        "loose.png": (encode(picture(53)), "no-class"),
    }
    for path, (data, _) in files.items():
        put(landing / path, data)
    put(landing / "cyst/stripped.png.synthetic.json", b"{}")
    (landing / "cyst/link.png").symlink_to(put(outside, encode(picture(54))))
    os.mkfifo(landing / "cyst/pipe.png")
    reasons = {path: reason for path, (_, reason) in files.items()}
    return reasons | {"cyst/link.png": "symlink", "cyst/pipe.png": "special-file"}


def test_each_hostile_file_is_quarantined_and_the_landing_zone_untouched(
    project: IngestedFolder, tmp_path: Path
) -> None:
    fill(project.landing)
    expected = hostile(project.landing, tmp_path / "Jane Doe.png")
    before = snapshot(project.landing)
    report = project.ingest()
    assert project.reasons(report) == expected
    assert report.reasons == dict(sorted(Counter(expected.values()).items()))
    assert (report.new, report.seen, sum(report.passed_over.values())) == (
        12,
        12 + len(expected),
        1,
    )
    assert snapshot(project.landing) == before
    details = {path: entry.detail for path, entry in project.by_path(report).items()}
    assert "animated GIF" in details["cyst/film.gif"]
    assert "1x1" in details["cyst/dot.png"]


def test_odd_names_and_kinds_are_good(project: IngestedFolder) -> None:
    fill(project.landing)
    deep = picture(60).astype(np.uint16) * 200
    layered = np.dstack([*[picture(61)] * 3, np.full((48, 48), 255, np.uint8)])
    odd = {
        "my scan.png": encode(deep),
        'it\'s "x".png': encode(layered),
        "new\nline.jpg": encode(picture(62), "JPEG", "CMYK"),
        "Nierenzyste-ü.png": encode(picture(63)),
        os.fsdecode(b"\xff\xfe.png"): encode(picture(64)),
    }
    for name, data in odd.items():
        put(project.landing / "cyst" / name, data)
    report = project.ingest()
    assert (report.ingested, report.quarantined) == (17, 0)
    assert sum(row.bits == 16 for row in read_manifest(project.workspace)) == 1
    assert project.ingest().read == 0


def test_no_versioned_file_holds_a_source_name(project: IngestedFolder, tmp_path: Path) -> None:
    fill(project.landing)
    hostile(project.landing, tmp_path / "janedoe.png")
    put(project.landing / "janedoe" / "janedoe.png", b"text")
    put(project.landing / "cyst" / "x.janedoe", b"text")
    project.ingest()
    for file in project.workspace.rglob("*"):
        assert "janedoe" not in file.name
        assert file.is_dir() or b"janedoe" not in file.read_bytes()
    records = read_quarantine(project.workspace)
    assert len(records) == 13
    assert {r.label for r in records} == {"", "cyst"}
    assert {r.extension for r in records} == {"", ".png", ".jpg", ".gif"}


def test_the_same_pixels_in_another_container_are_a_duplicate(project: IngestedFolder) -> None:
    fill(project.landing)
    put(project.landing / "cyst" / "again.tiff", encode(sibling(picture(0), 0), "TIFF"))
    report = project.ingest()
    outcomes = {path: entry.outcome for path, entry in project.by_path(report).items()}
    assert outcomes["cyst/0-0.png"] == "ingested"
    assert outcomes["cyst/again.tiff"] == "duplicate"
    assert (report.new, report.duplicate) == (12, 1)


def test_new_pixels_under_two_classes_are_a_conflict_until_one_goes(
    project: IngestedFolder,
) -> None:
    fill(project.landing)
    put(project.landing / "cyst" / "both.png", encode(picture(70)))
    wrong = put(project.landing / "stone" / "both.png", encode(picture(70), "BMP"))
    report = project.ingest()
    assert project.reasons(report) == {"cyst/both.png": "conflict", "stone/both.png": "conflict"}
    assert "cyst and stone" in next(e.detail for e in report.entries if e.reason == "conflict")
    assert project.index.pending(project.landing).count == 0
    wrong.unlink()
    again = project.ingest()
    assert (again.new, again.quarantined) == (1, 0)


def test_known_pixels_under_another_class_leave_the_old_row_alone(project: IngestedFolder) -> None:
    fill(project.landing)
    project.ingest()
    before = read_manifest(project.workspace)
    put(project.landing / "stone" / "moved.png", encode(sibling(picture(0), 0)))
    report = project.ingest()
    assert project.reasons(report) == {"stone/moved.png": "conflict"}
    assert (report.batch, report.ingested) == (None, 12)
    assert read_manifest(project.workspace) == before


def test_a_second_batch_leaves_the_first_alone(project: IngestedFolder) -> None:
    fill(project.landing)
    first = project.ingest()
    before, files = read_manifest(project.workspace), snapshot(project.workspace)
    fill(project.landing, groups=5, each=4)
    second = project.ingest()
    rows = read_manifest(project.workspace)
    assert second.batch is not None
    assert second.batch.startswith("b0002-")
    assert second.batch != first.batch
    assert second.new == 2 * 5 * 4 - 12
    assert second.read == second.new
    assert [row for row in rows if row.batch == first.batch] == before
    kept = {f: state for f, state in snapshot(project.workspace).items() if f in files}
    written_again = ("quarantine.csv", "notices.json")
    assert {f: s for f, s in kept.items() if not f.endswith(written_again)} == {
        f: s for f, s in files.items() if not f.endswith(written_again)
    }
    assert all(len(splits) == 1 for splits in splits_by_group(rows).values())
    known = {row.group for row in before}
    joined = [row for row in rows if row.batch == second.batch and row.group in known]
    assert len(joined) == 2 * 3 * 2, "look-alikes of old images join their groups"
    assert second.groups["cyst"] == {"train": 3, "val": 1, "test": 1}


def test_a_bridge_is_quarantined_and_examined_again(project: IngestedFolder) -> None:
    fill(project.landing)
    *sides, middle = between(80)
    for n, side in enumerate(sides):
        for k in range(3):  # the largest groups come first, so the two get different splits
            put(project.landing / "cyst" / f"side-{n}-{k}.png", encode(sibling(side, k)))
    project.ingest()
    put(project.landing / "cyst" / "middle.png", encode(middle))
    report = project.ingest()
    assert project.reasons(report) == {"cyst/middle.png": "bridge"}
    assert report.batch is None
    assert project.index.pending(project.landing).count == 0
    assert project.ingest().read == 1


def test_patients_come_from_file_names(project: IngestedFolder) -> None:
    for number in range(12):
        label = ("cyst", "stone")[number % 2]
        for k in range(3):
            name = f"phantom-{number:04d}-{k}.png"
            put(project.landing / label / name, encode(picture(10 * number + k)))
    report = project.ingest()
    rows = read_manifest(project.workspace)
    assert all(row.group.startswith("patient-") for row in rows)
    assert set(Counter(row.group for row in rows).values()) == {3}
    assert report.groups["cyst"] == {"train": 4, "val": 1, "test": 1}
    put(project.landing / "cyst" / "phantom-0000-9.png", encode(picture(999)))
    project.ingest()
    added = [row for row in read_manifest(project.workspace) if row not in rows]
    old = {row.group: row.split for row in rows}
    assert [old[row.group] for row in added] == [added[0].split]


def test_a_lost_index_is_built_again_with_the_same_counts(
    project: IngestedFolder, tmp_path: Path
) -> None:
    fill(project.landing)
    hostile(project.landing, tmp_path / "x.png")
    put(project.landing / "cyst" / "again.tiff", encode(sibling(picture(0), 0), "TIFF"))
    put(project.landing / "cyst" / "a-copy.png", encode(sibling(picture(1), 1)))
    put(project.landing / "stone" / "moved.png", encode(sibling(picture(0), 1)))
    first = project.ingest()
    project.index.file.unlink()
    again = project.ingest()
    assert again.batch is None
    assert again.read == first.seen
    for name in ("seen", "ingested", "duplicate", "quarantined", "reasons", "images", "groups"):
        assert getattr(again, name) == getattr(first, name), name


def test_an_image_that_is_stored_keeps_its_file_whatever_packed_it(project: IngestedFolder) -> None:
    fill(project.landing)
    project.ingest()
    rows = read_manifest(project.workspace)
    old = [replace(row, sha256=repack(project.workspace / row.path)) for row in rows]
    write_batch(project.workspace, rows[0].batch, old)
    before = snapshot(project.workspace)
    project.index.file.unlink()
    for file in sorted(project.landing.rglob("*.png")):
        with Image.open(file) as image:
            pixels = np.asarray(image)
        file.unlink()
        put(file.with_suffix(".tiff"), encode(pixels, "TIFF"))
    again = project.ingest()
    assert (again.read, again.new, again.duplicate, again.batch) == (12, 0, 12, None)
    assert snapshot(project.workspace) == before


def repack(file: Path) -> str:
    """Write a PNG anew as another packer would; returns its sha256."""
    with Image.open(file) as image:
        pixels = np.asarray(image)
    data = encode(pixels)
    assert data != file.read_bytes()
    return hashlib.sha256(put(file, data).read_bytes()).hexdigest()


def test_known_bytes_are_not_decoded_again(
    project: IngestedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project.landing)
    first = project.ingest(record=False)
    monkeypatch.setattr("pipeline.data.reading.examine.decode", None)
    assert project.ingest().entries == first.entries


def test_a_kill_between_push_and_record_loses_nothing(project: IngestedFolder) -> None:
    fill(project.landing)
    first = project.ingest(record=False)
    again = project.ingest()
    assert (again.batch, again.new, again.ingested) == (None, 0, first.ingested)
    assert again.entries == first.entries


def test_unchanged_files_are_not_opened_and_new_rules_look_again(project: IngestedFolder) -> None:
    fill(project.landing)
    put(project.landing / "cyst" / "small.png", encode(picture(90, 30)))
    assert project.ingest().reasons == {"too-small": 1}
    assert project.ingest().read == 0
    relaxed = project.ingest(config=IngestConfig(min_side=30))
    assert (relaxed.read, relaxed.new, relaxed.quarantined) == (1, 1, 0)


def test_only_new_quarantine_is_no_new_revision(project: IngestedFolder) -> None:
    fill(project.landing)
    project.ingest()
    before = snapshot(project.workspace)
    put(project.landing / "cyst" / "bad.png", b"")
    report = project.ingest()
    assert (report.batch, report.quarantined) == (None, 1)
    assert snapshot(project.workspace) == before
    fill(project.landing, each=3)
    project.ingest()
    assert [record.reason for record in read_quarantine(project.workspace)] == ["empty"]


def test_a_growing_file_stays_pending(
    project: IngestedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project.landing)
    late = put(project.landing / "cyst" / "late.png", b"")

    def list_then_grow(landing: Path) -> Listing:
        listed = scan(landing)
        late.write_bytes(encode(picture(91)))
        return listed

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.data.ingest.run.scan", list_then_grow)
        report = project.ingest()
    assert project.reasons(report) == {"cyst/late.png": "growing"}
    assert project.index.pending(project.landing).count == 1
    assert read_quarantine(project.workspace) == []
    assert project.ingest().new == 1


def test_a_class_that_the_project_does_not_have(project: IngestedFolder) -> None:
    fill(project.landing)
    project.ingest()
    fill(project.landing, classes=("tumor",))
    report = project.ingest()
    assert report.reasons == {"unknown-class": 6}
    detail = next(e.detail for e in report.entries if e.reason == "unknown-class")
    assert "cyst, stone" in detail
    assert "ingest.add_classes" in detail
    assert "tumor" not in detail, "a folder may be called by a patient's name"
    report = project.ingest(config=IngestConfig(add_classes=("tumor",)))
    assert (report.reasons, report.new) == ({}, 6)
    assert set(report.images) == {"cyst", "stone", "tumor"}
    assert all(report.groups["tumor"].values()), "a group in every split"


def test_a_class_needs_a_group_in_every_split(project: IngestedFolder) -> None:
    fill(project.landing)
    fill(project.landing, classes=("normal", "tumor"), groups=2)
    put(project.landing / "tumor" / "third.png", b"")
    with pytest.raises(
        BadInputError, match=r"class normal has 2 .*allow_missing.*1 file is .*empty 1"
    ):
        project.ingest()
    assert not list(project.workspace.rglob("*.*")), "nothing is left behind"
    report = project.ingest(config=IngestConfig(allow_missing=True))
    assert sorted(report.groups["tumor"].values()) == [0, 1, 1]


def test_an_oversized_group_is_refused(project: IngestedFolder) -> None:
    fill(project.landing, groups=9, each=2)
    fill(project.landing, classes=("cyst",), groups=1, each=6)
    config = IngestConfig(group_share_from=20)
    with pytest.raises(BadInputError, match=r"holds 6 of 40 images, 15%.*group_correlation"):
        project.ingest(config=config)
    assert project.ingest(config=IngestConfig(group_share_from=41)).new == 40


def test_missing_thumbnails_say_what_to_pull(project: IngestedFolder) -> None:
    fill(project.landing)
    batch = project.ingest().batch
    (project.workspace / f"data/raw/{batch}/thumbnails.npz").unlink()
    fill(project.landing, groups=4)
    with pytest.raises(BadInputError, match=f"dvc pull data/raw/{batch}.dvc"):
        project.ingest()


def test_progress_is_reported_and_an_empty_landing_zone_is_no_error(
    project: IngestedFolder,
) -> None:
    told: list[tuple[int, int]] = []
    index, config = project.index, project.config
    report = ingest(project.landing, project.workspace, index, config)
    assert (report.batch, report.seen, report.images) == (None, 0, {})
    fill(project.landing)
    ingest(project.landing, project.workspace, index, config, on_progress=lambda *a: told.append(a))
    assert told == [(n, 12) for n in range(1, 13)]


@pytest.mark.parametrize("pattern", ["(", "phantom-(\\d+)"])
def test_a_patient_pattern_needs_its_group(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"regular expression|\?P<patient>"):
        IngestConfig(patient_pattern=pattern)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real images are not on this machine")
def test_kidney_ct_passes_by_default(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "index.sqlite", NAMES)
    report = ingest(SHARED / "kidney-ct", tmp_path, index, IngestConfig())
    assert (report.new, report.duplicate, report.quarantined) == (5374, 0, 0)
    groups = {label: sum(splits.values()) for label, splits in report.groups.items()}
    assert groups == {"cyst": 37, "normal": 27, "stone": 24, "tumor": 12}
    for label, splits in report.images.items():
        share = {split: splits[split] / sum(splits.values()) for split in SPLITS}
        assert 0.6 < share["train"] < 0.8, label
        assert min(share["val"], share["test"]) > 0.1, label
    rows = read_manifest(tmp_path)
    sizes = Counter(row.group for row in rows)
    assert max(sizes.values()) < 0.05 * len(rows)
    assert all(len(splits) == 1 for splits in splits_by_group(rows).values())
    assert len({replace(row, batch="") for row in rows}) == 5374
