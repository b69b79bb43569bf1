"""medloom.csv: classes, patients and views by list."""

from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.landing.lists import list_text, parse_list
from pipeline.data.manifest import read_manifest
from tests.support.pictures import NAMES, IngestedFolder, encode, picture, put


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    return IngestedFolder(tmp_path, IngestConfig(allow_missing=True))


def test_a_list_gives_class_patient_and_view(project: IngestedFolder) -> None:
    for number in range(4):
        put(project.landing / "export" / f"{number}.png", encode(picture(number)))
    rows = "0.png,stone,HX 1,axial\n1.png,stone,HX 1,\n2.png,Cyst,HX 2,coronal\n"
    text = f"\ufefffile,Class,patient,view\n{rows}"
    put(project.landing / "export" / "medloom.csv", text.encode())
    put(project.landing / "loose.png", encode(picture(9)))
    put(project.landing / "medloom.csv", b"file,class\nloose.png,cyst\n")
    report = project.ingest()
    found = {row.source_sha256: row for row in read_manifest(project.workspace)}
    assert report.new == 5
    assert report.passed_over == {"list": 2}
    assert sorted(row.label for row in found.values()) == [
        "cyst",
        "cyst",
        "export",
        "stone",
        "stone",
    ]
    assert sorted(row.view for row in found.values()) == ["axial", "coronal"] + ["unknown"] * 3
    groups = [row.group for row in found.values() if row.group.startswith("patient-")]
    assert sorted(groups) == sorted([NAMES.patient("HX 1")] * 2 + [NAMES.patient("HX 2")])


def test_a_changed_class_in_the_list_is_examined_again(project: IngestedFolder) -> None:
    put(project.landing / "export" / "0.png", encode(picture(0)))
    put(project.landing / "export" / "medloom.csv", b"file,class\n0.png,stone\n")
    project.ingest()
    put(project.landing / "export" / "medloom.csv", b"file,class\n0.png,cyst\n")
    report = project.ingest()
    assert (report.read, report.quarantined) == (1, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,class\n", "file is required"),
        ("file,klass\na,b\n", "allowed are file, class, patient, view"),
        ("file,class\n../a.png,stone\n", "line 2 .* must be a path below"),
        ("file,class\na.png,Jane Doe!\n", "line 2 .*kidney-stone"),
        ("file,view\na.png,top\n", "line 2 .*axial"),
        ("file,modality\na.png,C T\n", "line 2 .*a modality may hold"),
        ("", "columns"),
    ],
)
def test_an_invalid_list_says_what_is_allowed_without_names(
    project: IngestedFolder, text: str, words: str
) -> None:
    put(project.landing / "Jane" / "a.png", encode(picture(0)))
    put(project.landing / "Jane" / "medloom.csv", text.encode())
    with pytest.raises(BadInputError, match=words) as caught:
        project.ingest()
    assert "Jane" not in str(caught.value)


def test_columns_of_pairs_are_read_and_written_where_a_row_fills_them() -> None:
    before = "file,class,patient,view,findings\na.png,cyst,HX-1,,\n"
    assert list_text(parse_list(before.encode())) == before
    (row,) = parse_list(b"file,pair,modality\na.png,HX-1 7,mr\n")
    assert (row["pair"], row["modality"]) == ("HX-1 7", "MR")
    head = "file,class,patient,view,findings,pair,modality"
    assert list_text([row]) == f"{head}\na.png,,,,,HX-1 7,MR\n"
