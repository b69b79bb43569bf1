"""Findings of an ingest: into new rows, into rows that had none, and what is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.findings import parse_findings
from pipeline.data.manifest import Row, read_manifest, write_batch
from pipeline.phantoms.phantom import write_phantom
from pipeline.phantoms.phantom_study import PhantomConfig
from tests.support.pictures import IngestedFolder, encode, fill, put

BOX = "0 0.5 0.5 0.25 0.25\n"
OTHER = "0 0.25 0.25 0.25 0.25\n"


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    return IngestedFolder(tmp_path)


def by_id(project: IngestedFolder) -> dict[str, Row]:
    return {row.id: row for row in read_manifest(project.workspace)}


def annotated(project: IngestedFolder) -> list[Row]:
    return [row for row in read_manifest(project.workspace) if row.findings]


def test_phantoms_come_in_with_their_truth(project: IngestedFolder) -> None:
    write_phantom(project.landing, 3, 0, config=PhantomConfig(size=64, slices=1))
    report = project.ingest()
    assert (report.new, report.notices, report.passed_over) == (12, (), {"sidecar": 12})
    for row in annotated(project):
        truth = next(
            json.loads(file.read_text())
            for file in (project.landing / row.label).glob("*.truth.json")
            if row.source_sha256 == _sha256(file.with_name(file.name.replace("truth.json", "png")))
        )
        found = parse_findings(row.findings) or ()
        assert sorted(one.kind for one in found) == sorted(
            lesion["kind"] for lesion in truth["lesions"]
        )
        assert row.spacing == f"{truth['pixel_mm']:.6g}x{truth['pixel_mm']:.6g}"
        for one in found:
            mm = one.diameter * truth["pixel_mm"]
            assert any(abs(mm - lesion["diameter_mm"]) < 0.02 for lesion in truth["lesions"])
    assert len(annotated(project)) == 12
    assert {row.label for row in annotated(project) if row.findings == "[]"} == {"normal"}


def _sha256(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_an_image_in_the_data_gains_findings_that_come_later(project: IngestedFolder) -> None:
    fill(project.landing)
    project.ingest()
    before = by_id(project)
    put(project.landing / "stone" / "0-0.txt", BOX.encode())
    assert project.index.pending(project.landing).count == 1
    report = project.ingest()
    assert (report.batch, report.new, report.annotated, report.read) == (None, 0, 1, 1)
    (row,) = annotated(project)
    assert replace(row, findings="") == before[row.id]
    assert row.findings == '[{"kind":"stone","box":[18,18,30,30]}]'
    assert project.index.pending(project.landing).count == 0
    again = project.ingest()
    assert (again.read, again.annotated, again.notices) == (0, 0, ())


def test_a_lost_index_costs_reading_and_changes_nothing(project: IngestedFolder) -> None:
    fill(project.landing)
    put(project.landing / "stone" / "0-0.txt", BOX.encode())
    project.ingest()
    before = by_id(project)
    project.index.file.unlink()
    report = project.ingest()
    assert (report.read, report.annotated, report.notices) == (12, 0, ())
    assert by_id(project) == before


def test_other_findings_of_an_image_are_a_conflict_and_the_first_stay(
    project: IngestedFolder,
) -> None:
    fill(project.landing)
    put(project.landing / "stone" / "0-0.txt", BOX.encode())
    project.ingest()
    put(project.landing / "stone" / "0-0.txt", OTHER.encode())
    report = project.ingest()
    (notice,) = report.notices
    assert (notice.name, notice.count, report.annotated) == ("findings-conflict", 1, 0)
    (row,) = annotated(project)
    assert '"box":[18,18,30,30]' in row.findings


def test_a_copy_of_an_image_may_bring_its_findings(project: IngestedFolder) -> None:
    fill(project.landing)
    first = (project.landing / "stone" / "0-0.png").read_bytes()
    put(project.landing / "stone" / "later.png", first)
    put(project.landing / "stone" / "later.txt", BOX.encode())
    report = project.ingest()
    assert (report.new, report.duplicate, len(annotated(project))) == (12, 1, 1)


def test_what_is_wrong_is_told_by_name_and_the_image_comes_in(project: IngestedFolder) -> None:
    fill(project.landing)
    landing = project.landing / "stone"
    put(landing / "0-0.txt", b"0 .99 .5 .2 .1")
    put(landing / "0-1_mask.png", encode(np.zeros((9, 9), np.uint8)))
    put(landing / "1-0.txt", b"7 .5 .5 .1 .1")
    put(landing / "1-1.txt", b"0 .5 .5 0 .1")
    put(landing / "2-0.txt", b"see the report")
    put(landing / "labels" / "9-9.txt", BOX.encode())
    put(landing / "annotations.json", b"{}")
    report = project.ingest()
    told = {notice.name: notice.count for notice in report.notices}
    assert told == {
        "findings-outside": 1, "findings-other-size": 1, "findings-unknown-kind": 1,
        "findings-empty": 1, "findings-unreadable": 1, "findings-without-image": 1,
        "findings-list-unreadable": 1, "patients-guessed": 12,
    }  # fmt: skip
    assert (report.new, annotated(project)) == (12, [])
    assert report.reasons == {"not-an-image": 1}


def test_a_mask_beside_its_image_is_no_refused_image(project: IngestedFolder) -> None:
    fill(project.landing)
    mask = np.zeros((48, 48), np.uint8)
    mask[4:9, 7:11] = 255
    put(project.landing / "stone" / "masks" / "0-0.png", encode(mask))
    report = project.ingest()
    assert (report.new, report.quarantined, report.passed_over["sidecar"]) == (12, 0, 1)
    (row,) = annotated(project)
    assert (row.label, [one.box for one in parse_findings(row.findings) or ()]) == (
        "stone", [(7.0, 4.0, 11.0, 9.0)],
    )  # fmt: skip


def test_a_batch_that_is_written_again_keeps_its_findings(project: IngestedFolder) -> None:
    """As a relabelling and a withdrawal do: they write rows again, or leave them out."""
    fill(project.landing)
    put(project.landing / "stone" / "0-0.txt", BOX.encode())
    put(project.landing / "stone" / "0-1.txt", BOX.encode())
    project.ingest()
    rows = read_manifest(project.workspace)
    one, two = annotated(project)
    changed = [replace(row, label="cyst") if row.id == one.id else row for row in rows]
    write_batch(project.workspace, one.batch, [row for row in changed if row.id != two.id])
    (kept,) = annotated(project)
    assert (kept.id, kept.label, kept.findings) == (one.id, "cyst", one.findings)
    # Masks and boxes are in the row alone: no other file of the data has them.
    files = [file for file in project.workspace.rglob("*") if file.is_file()]
    holding = {file.name for file in files if b"18,18,30,30" in file.read_bytes()}
    assert holding == {f"{one.batch}.csv"}


def test_annotated_groups_are_spread_over_the_splits(project: IngestedFolder) -> None:
    chosen, other = _in_training_alone(project)
    for file in chosen:
        put(file.with_suffix(".txt"), BOX.encode())
    other.ingest()
    assert sorted(row.split for row in annotated(other)) == ["test", "train", "val"]


def test_groups_of_a_view_are_spread_over_the_splits(project: IngestedFolder) -> None:
    chosen, other = _in_training_alone(project)
    lines = [f"{file.relative_to(other.landing)},coronal" for file in chosen]
    put(other.landing / "medloom.csv", "\n".join(["file,view", *lines]).encode())
    other.ingest()
    rows = [row for row in read_manifest(other.workspace) if row.view == "coronal"]
    assert sorted(row.split for row in rows) == ["test", "train", "val"]


def _in_training_alone(project: IngestedFolder) -> tuple[list[Path], IngestedFolder]:
    """A landing zone as the project's, and three groups' files, which training images would be."""
    fill(project.landing, groups=12)
    project.ingest()
    splits = {row.source_sha256: row.split for row in read_manifest(project.workspace)}
    (folder := project.landing.parent / "other").mkdir()
    other = IngestedFolder(folder)
    fill(other.landing, groups=12)
    files = sorted((other.landing / "stone").glob("*-0.png"))
    chosen = [file for file in files if splits[_sha256(file)] == "train"][:3]
    assert len(chosen) == 3
    return chosen, other
