"""--patient-from: patients are kept for every later ingest."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.arrive.feed import apply_plan
from pipeline.data.arrive.feed_plan import open_source, plan_feed
from pipeline.data.arrive.patient_from import PatientsFrom
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.lists import read_list
from pipeline.data.revise.revision import Revisions
from pipeline.flow import steps
from pipeline.ledger.ledger import Ledger
from tests.pipeline.cli.test_main import invoke
from tests.support.pictures import encode, picture, put

pytestmark = pytest.mark.usefixtures("dvc_in_process")

PATTERN = r"(?P<patient>HX\d+)/"


def scans(folder: Path, patients: range = range(4), images: range = range(2)) -> Path:
    """Two classes, each with a folder of dissimilar images per patient."""
    for number, label in enumerate(("cyst", "stone")):
        for patient in patients:
            for image in images:
                file = folder / label / f"HX{patient + 100 * number}" / f"{image}.png"
                put(file, encode(picture(1000 * number + 10 * patient + image)))
    return folder


def ingest(project: Project, *arguments: str) -> dict[str, Any]:
    return dict(json.loads(invoke(project, "ingest", *arguments, "--json")))


def groups(project: Project) -> dict[str, set[str]]:
    """Group -> ids of its images."""
    found = defaultdict(set)
    revisions = Revisions(Ledger(project))
    for row in revisions.rows(revisions.head):
        found[row.group].add(row.id)
    return dict(found)


def name(project: Project, patient: str) -> str:
    return LocalIndex.of(project).names.patient(patient)


def test_patients_by_pattern_are_kept_for_later_ingests(project: Project, tmp_path: Path) -> None:
    source = scans(tmp_path / "in")
    ingest(project, str(source), "--patient-from", PATTERN)
    first = groups(project)
    patients = [f"HX{number}" for number in (*range(4), *range(100, 104))]
    assert set(first) == {name(project, patient) for patient in patients}
    assert {len(images) for images in first.values()} == {2}

    assert steps.ingest(project).read == 0
    project.index_file.unlink()
    assert steps.ingest(project).new == 0
    assert groups(project) == first

    scans(source, images=range(3))
    more = ingest(project, str(source), "--patient-from", PATTERN)
    assert (more["copied"], more["new"], set(groups(project))) == (8, 8, set(first))
    assert all(first[group] < images for group, images in groups(project).items())


def test_a_csv_gives_class_and_patient_of_a_flat_folder(project: Project, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    rows = ["file,class,patient,view"]
    for number in range(6):
        put(flat / f"{number}.png", encode(picture(number)))
        rows.append(f"{number}.png,{('cyst', 'stone')[number % 2]},P {number // 2},axial")
    told = put(tmp_path / "told.csv", "\n".join([*rows, "typo.png,cyst,P 9,"]).encode())
    report = ingest(project, str(flat), "--patient-from", str(told), "--dry-run")
    assert {label: figures["new"] for label, figures in report["classes"].items()} == {
        "cyst": 3,
        "stone": 3,
    }
    plain = invoke(project, "ingest", str(flat), "--patient-from", str(told))
    assert "1 row(s) of --patient-from name no file" in plain
    assert set(groups(project)) == {name(project, f"P {number}") for number in range(3)}


def test_unmatched_files_are_refused_unless_allowed(project: Project, tmp_path: Path) -> None:
    source = scans(tmp_path / "in")
    put(source / "cyst" / "nobody.png", encode(picture(999)))
    put(source / "cyst" / "HX1" / "0.png.truth.json", b"{}")  # no image, and needs no patient
    with pytest.raises(BadInputError, match=r"1 of 17 files.*'cyst/nobody.png'.*--allow-unmatched"):
        ingest(project, str(source), "--patient-from", PATTERN)
    assert not project.landing.exists()
    taken = ingest(project, str(source), "--patient-from", PATTERN, "--allow-unmatched")
    assert taken["new"] == 17


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"HX\d+", "neither a file.csv nor a pattern"),
        ("(?P<patient>", "not a regular expression"),
        ("missing.csv", "missing.csv cannot be read"),
    ],
)
def test_invalid_patterns_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        PatientsFrom.parse(text)


def test_an_ingested_image_keeps_its_group(project: Project, tmp_path: Path) -> None:
    source = scans(tmp_path / "in")
    ingest(project, str(source))
    before = groups(project)
    lists = list(project.landing.rglob("medloom.csv"))
    with pytest.raises(
        BadInputError, match=r"16 file\(s\), such as .* were ingested before without this"
    ):
        ingest(project, str(source), "--patient-from", PATTERN)
    with pytest.raises(
        BadInputError, match=r"16 file\(s\), such as .* were ingested before without this"
    ):
        ingest(project, str(source), "--patient-from", PATTERN, "--dry-run")
    assert list(project.landing.rglob("medloom.csv")) == lists
    assert groups(project) == before


def test_equal_names_of_other_patients_are_copied_beside(project: Project, tmp_path: Path) -> None:
    first, second = scans(tmp_path / "1"), tmp_path / "2"
    for file in first.rglob("*.png"):
        other = int(file.stem) + int(file.parent.name[2:]) * 10 + 5000
        put(second / file.relative_to(first), encode(picture(other)))
    assert ingest(project, str(first), "--patient-from", PATTERN)["new"] == 16
    before = groups(project)
    told = put(
        tmp_path / "told.csv",
        "\n".join(
            ["file,patient"]
            + [f"{f.relative_to(second)},new {f.parent.name}" for f in second.rglob("*.png")]
        ).encode(),
    )
    assert ingest(project, str(second), "--patient-from", str(told))["new"] == 16
    after = groups(project)
    assert all(after[group] == images for group, images in before.items())
    assert len(after) == 16
    (cyst,) = [read_list(file) for file in project.landing.rglob("cyst/HX0/medloom.csv")]
    assert sorted(line["patient"] for line in cyst) == ["HX0", "HX0", "new HX0", "new HX0"]


def test_lists_of_a_source_are_merged_with_existing_ones(tmp_path: Path) -> None:
    source, landing = tmp_path / "in", tmp_path / "landing"
    put(source / "stone" / "a.png", encode(picture(1)))
    put(source / "medloom.csv", b"file,patient,view\nstone/a.png,HX1,axial\nstone/b.png,HX2,\n")
    put(landing / "stone" / "medloom.csv", b"file,patient\na.png,old\nz.png,HX9\n")
    for _ in range(2):
        apply_plan(plan_feed(open_source(str(source)), landing), landing)
    (a, z) = read_list(landing / "stone" / "medloom.csv")
    assert a == {
        "file": "a.png", "class": "", "patient": "HX1", "view": "axial", "findings": "",
        "pair": "", "modality": "",
    }  # fmt: skip
    assert (z["file"], z["patient"]) == ("z.png", "HX9")
    (later,) = read_list(landing / "medloom.csv")
    assert (later["file"], later["patient"]) == ("stone/b.png", "HX2")
    assert sorted(f.name for f in landing.rglob("*") if f.is_file()) == [
        "a.png",
        "medloom.csv",
        "medloom.csv",
    ]


def test_a_list_comes_before_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingest during the copy knows the patient of each file that is there."""
    source, landing = scans(tmp_path / "in"), tmp_path / "landing"
    seen = []

    def look(*_: int) -> None:
        for file in landing.rglob("*.png"):
            lines = read_list(file.parent / "medloom.csv")
            seen.append({line["file"]: line["patient"] for line in lines}[file.name])

    patients = PatientsFrom.parse(PATTERN)
    plan = plan_feed(open_source(str(source)), landing, patients=patients)
    apply_plan(plan, landing, on_progress=look)
    assert set(seen) == {f"HX{number}" for number in (*range(4), *range(100, 104))}


def test_a_label_wins_over_lists_and_names_that_no_list_can_hold_are_refused(
    tmp_path: Path,
) -> None:
    source, landing = tmp_path / "in", tmp_path / "landing"
    put(source / "a.png", b"1")
    put(source / "medloom.csv", b"file,class,patient\na.png,cyst,HX1\n")
    apply_plan(plan_feed(open_source(str(source)), landing, label="stone"), landing)
    (line,) = read_list(landing / "stone" / "medloom.csv")
    assert (line["class"], line["patient"]) == ("", "HX1")
    put(source / "HX1 .png ", b"1")
    with pytest.raises(BadInputError, match="begins or ends with a space"):
        plan_feed(
            open_source(str(source)), landing, label="stone",
            patients=PatientsFrom.parse("(?P<patient>HX1|a)"),
        )  # fmt: skip
