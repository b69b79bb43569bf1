"""`medloom ingest` on data sets as they are published: layouts, lists, and the account."""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.manifest import Row
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.ledger import Ledger
from tests.pipeline.cli.test_main import invoke
from tests.support.pictures import encode, picture, put

pytestmark = pytest.mark.usefixtures("dvc_in_process")

CLASSES = ("cyst", "normal", "stone")


def fill(folder: Path, *, names: Callable[[str], str] = str, patients: int = 4) -> Path:
    """Two images of each patient in each class."""
    for number, label in enumerate(CLASSES):
        for patient in range(patients):
            for image in "ab":
                seed = 1000 * number + 10 * patient + ord(image)
                put(folder / names(label) / f"{patient}{image}.png", encode(picture(seed)))
    return folder


def ingest(project: Project, *arguments: str) -> dict[str, Any]:
    return dict(json.loads(invoke(project, "ingest", *arguments, "--json")))


def rows(project: Project) -> list[Row]:
    revisions = Revisions(Ledger(project))
    return revisions.rows(revisions.head)


def notices(facts: dict[str, Any]) -> dict[str, int]:
    return {notice["name"]: notice["count"] for notice in facts["notices"]}


def test_a_wrapping_folder_is_no_class(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "in" / "SET" / "SET", names=str.capitalize)
    put(tmp_path / "in" / "list.csv", b"image,Class\n1,Cyst\n")
    facts = ingest(project, str(tmp_path / "in"))
    assert {row.label for row in rows(project)} == set(CLASSES)
    assert facts["new"] == 24
    assert (project.landing / "Cyst" / "0a.png").is_file()
    put(source / "Cyst" / "more.png", encode(picture(77)))  # the classes are known now
    assert ingest(project, str(tmp_path / "in"))["new"] == 1


def test_names_of_splits_are_no_classes(project: Project, tmp_path: Path) -> None:
    source = tmp_path / "in"
    for split, number in (("train", 4), ("valid", 2), ("test", 2)):
        for index, label in enumerate(CLASSES):
            for image in range(number):
                seed = 1000 * index + 100 * len(split) + 10 * ord(split[1]) + image
                put(source / split / label / f"{image}.png", encode(picture(seed)))
    with pytest.raises(BadInputError, match=r"names of splits.*'cyst'.*--class-folder 2"):
        invoke(project, "ingest", str(source))
    assert not project.landing.exists()
    facts = ingest(project, str(source), "--class-folder", "2")
    assert facts["new"] == 24
    assert {row.label for row in rows(project)} == set(CLASSES)
    assert (project.landing / "stone" / "test" / "0.png").is_file()


def test_a_landing_zone_filled_by_hand_is_read_alike(project: Project) -> None:
    fill(project.landing / "SET")
    facts = ingest(project)
    assert {row.label for row in rows(project)} == set(CLASSES)
    assert notices(facts)["class-below-first-folder"] == 24


def test_an_ambiguous_landing_zone_is_refused_without_names(project: Project) -> None:
    for patient in range(3):
        put(project.landing / "stone" / f"Jane{patient}" / "a.png", encode(picture(patient)))
    with pytest.raises(BadInputError, match=r"3 folder.*ingest.class_folder: 2") as caught:
        invoke(project, "ingest")
    assert "Jane" not in str(caught.value)


def test_thumbnails_and_bins_are_passed_over_and_counted(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    for file in sorted(source.rglob("*.png")):
        put(file.parent / "@eaDir" / file.name / "SYNOPHOTO_THUMB_M.jpg", file.read_bytes())
    put(source / "stone" / "#recycle" / "deleted.png", encode(picture(5)))
    dry = ingest(project, str(source), "--dry-run")
    facts = ingest(project, str(source))
    assert facts["new"] == 24
    assert facts["passed_over"] == {"thumbnails": 24, "bin": 1}
    assert notices(facts)["passed-over"] == notices(dry)["passed-over"] == 25
    put(project.landing / "stone" / "@eaDir" / "x.jpg", encode(picture(6)))
    assert ingest(project)["passed_over"] == {"thumbnails": 1}


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "backslash": lambda path: path.replace("/", "\\"),
    "dot-slash": lambda path: f"./{path}",
    "case": lambda path: path.replace(".png", ".PNG"),
    "nfd": lambda path: unicodedata.normalize("NFD", path),
}


@pytest.mark.parametrize(
    ("place", "how"),
    [*(("landing", how) for how in SPELLINGS), ("source", "backslash"), ("source", "nfd"),
     ("option", "backslash"), ("option", "case")],
)  # fmt: skip
def test_a_list_of_another_machine_gives_the_patients(
    project: Project, tmp_path: Path, how: str, place: str
) -> None:
    source = project.landing if place == "landing" else tmp_path / "in"
    fill(source, names=lambda label: f"{label}-x" if label == "cyst" else label)
    files = [str(file.relative_to(source)) for file in sorted(source.rglob("*.png"))]
    if how == "nfd":  # a name with an accent, composed in the file system
        put(source / "stone" / "Jäger.png", encode(picture(99)))
        files.append("stone/Jäger.png")
    lines = [f"{SPELLINGS[how](file)},{file.split('/')[0]}-{file[-6:-5]}" for file in files]
    name = tmp_path / "patients.csv" if place == "option" else source / "medloom.csv"
    put(name, "\n".join(["file,patient", *lines]).encode())
    arguments = [] if place == "landing" else [str(source)]
    arguments += ["--patient-from", str(name)] if place == "option" else []
    facts = ingest(project, *arguments)
    groups = defaultdict(set)
    for row in rows(project):
        groups[row.group].add(row.split)
    assert all(name.startswith("patient-") for name in groups)
    assert len(groups) == 12 + (how == "nfd")
    assert all(len(splits) == 1 for splits in groups.values())
    found = notices(facts)
    assert "rows-without-file" not in found
    if place != "option":
        assert found.get("rows-respelled", 0) == {"plain": 0, "nfd": 1}.get(how, len(files))


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "utf-8"), ("\t", "utf-16"), (",", "utf-8-sig")]
)
def test_a_list_of_a_spreadsheet_is_read(project: Project, delimiter: str, encoding: str) -> None:
    fill(project.landing)
    files = [str(f.relative_to(project.landing)) for f in sorted(project.landing.rglob("*.png"))]
    lines = [delimiter.join((file, file[:-5])) for file in files]
    text = "\n".join([delimiter.join(("file", "patient")), *lines])
    put(project.landing / "medloom.csv", text.encode(encoding))
    ingest(project)
    assert len({row.group for row in rows(project)}) == 12


def test_rows_without_file_and_files_without_row_are_told(project: Project, tmp_path: Path) -> None:
    fill(project.landing)
    some = [f"cyst/{patient}a.png,P{patient}" for patient in range(4)]
    lost = ["cyst/9a.png,P9", "elsewhere/0a.png,P0"]
    put(project.landing / "medloom.csv", "\n".join(["file,patient", *some, *lost]).encode())
    dry, facts = ingest(project, "--dry-run"), ingest(project)
    found = notices(facts)
    assert notices(dry) == found
    assert (found["rows-without-file"], found["files-without-row"]) == (2, 20)
    (said,) = [n["text"] for n in facts["notices"] if n["name"] == "rows-without-file"]
    assert "2 (row 5, 6)" in said
    assert "elsewhere" not in said
    revisions = Revisions(Ledger(project))
    stored = json.loads(Ledger(project).read(str(revisions.head), "data/notices.json") or "")
    assert stored == facts["notices"]


def test_a_class_of_a_list_against_the_folder_is_told(project: Project) -> None:
    fill(project.landing)
    put(project.landing / "medloom.csv", b"file,class\ncyst/0a.png,stone\nstone/0a.png,stone\n")
    assert notices(ingest(project))["class-by-list"] == 1


def test_strict_refuses_before_anything_is_copied(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    with pytest.raises(BadInputError, match=r"(?s)--strict.*name no patient"):
        invoke(project, "ingest", str(source), "--strict")
    assert not project.landing.exists()
    put(source / "cyst" / "9c.png", b"")
    pattern = r"(?P<patient>\w+/\d)"
    with pytest.raises(BadInputError, match=r"(?s)--strict.*1 quarantined: empty"):
        invoke(project, "ingest", str(source), "--strict", "--patient-from", pattern)
    (source / "cyst" / "9c.png").unlink()
    assert ingest(project, str(source), "--strict", "--patient-from", pattern)["new"] == 24


def test_names_that_look_like_patients_are_told(project: Project, tmp_path: Path) -> None:
    for number, label in enumerate(("bacteria", "normal", "virus")):
        for patient in range(4):
            for image in range(2):
                name = f"person{number * 37 + patient * 5 + 1}_{label}_{image + 11}.png"
                seed = 1000 * number + 10 * patient + image
                put(tmp_path / "in" / label / name, encode(picture(seed)))
    source = str(tmp_path / "in")
    dry = ingest(project, source, "--dry-run")
    (told,) = (n["text"] for n in dry["notices"] if n["name"] == "patients-in-names")
    assert "12 patients" in told
    assert "person1_" not in told
    ingest(project, source, "--patient-from", told.split("'")[1])
    assert len({row.group for row in rows(project)}) == 12


def test_the_terminal_shows_the_account(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    put(source / "stone" / "#recycle" / "deleted.png", encode(picture(5)))
    said = invoke(project, "ingest", str(source))
    assert "passed over" in said
    assert "24 of 24 new images name no patient" in " ".join(said.split())
