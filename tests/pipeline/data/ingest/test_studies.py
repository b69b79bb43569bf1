"""One study is one patient, whatever its files name."""

import unicodedata
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.decisions import WITHDRAWN_FILE, Withdrawn
from pipeline.data.ingest.report import IngestReport
from pipeline.data.manifest import Row, read_manifest, write_batch
from tests.support.dicoms import ct_values, slice_of, to_bytes
from tests.support.pictures import NAMES, IngestedFolder, encode, picture, put

CLASSES = ("cyst", "normal", "stone")


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    return IngestedFolder(tmp_path, IngestConfig(allow_missing=True))


class Files:
    """DICOM files, each of its own pixels."""

    def __init__(self, project: IngestedFolder) -> None:
        self.landing = project.landing
        self.count = 0

    def add(self, study: str, patient: str = "", label: str = "cyst", **attributes: str) -> str:
        self.count += 1
        dataset = slice_of(
            ct_values(picture(1000 + self.count)),
            PatientID=patient, StudyInstanceUID=study, **attributes,
        )  # fmt: skip
        name = f"{label}/{self.count:04d}.dcm"
        put(self.landing / name, to_bytes(dataset))
        return name


def told(report: IngestReport) -> str:
    return " ".join(notice.text for notice in report.notices)


def rows_of(project: IngestedFolder) -> list[Row]:
    return read_manifest(project.workspace)


def groups_by_study(project: IngestedFolder) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(project):
        groups[row.study].add(row.group)
    return groups


def three_classes(project: IngestedFolder, patient: str, studies: int = 4) -> IngestReport:
    """Two files of each study, all of them naming one patient."""
    files = Files(project)
    for label in CLASSES:
        for _ in range(studies):
            study = generate_uid()
            for _ in range(2):
                files.add(study, patient, label)
    return project.ingest(config=IngestConfig())


def test_a_fresh_id_in_each_file_makes_the_study_the_group(project: IngestedFolder) -> None:
    files = Files(project)
    for study in ("1.1", "1.2"):
        for number in range(3):
            files.add(study, f"{study}-{number}")
    report = project.ingest()
    studies = groups_by_study(project)
    assert sorted(studies) == sorted(NAMES.study(study) for study in ("1.1", "1.2"))
    assert all(len(groups) == 1 for groups in studies.values())
    assert all(row.group.startswith("pixels-") for row in rows_of(project))
    assert "6 images of 2 studies do not agree" in told(report)


def test_the_id_of_most_files_wins_and_a_stray_one_stays_another_s(project: IngestedFolder) -> None:
    files = Files(project)
    for patient in ("HX-1", "HX-1", "HX-1", "HX-2", "ANONYMOUS", ""):
        files.add("1.1", patient)
    for _ in range(2):
        files.add("1.2", "HX-2")
    project.ingest()
    studies = groups_by_study(project)
    assert studies == {
        NAMES.study("1.1"): {NAMES.patient("HX-1")}, NAMES.study("1.2"): {NAMES.patient("HX-2")},
    }  # fmt: skip


def test_two_ids_of_several_files_each_are_one_patient_everywhere(project: IngestedFolder) -> None:
    files = Files(project)
    for patient in ("HX-1", "HX-1", "HX-2", "HX-2"):
        files.add("1.1", patient)
    files.add("1.2", "HX-2")
    project.ingest()
    assert len({row.group for row in rows_of(project)}) == 1
    files.add("1.3", "HX-1")
    files.add("1.4", "HX-2")
    project.ingest()
    assert len({row.group for row in rows_of(project)}) == 1, "also in a later ingest"


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("issued_first", [True, False])
def test_an_issuer_in_some_files_divides_no_patient(
    project: IngestedFolder, together: bool, issued_first: bool
) -> None:
    files = Files(project)
    issuers = ("SITE-A", "") if issued_first else ("", "SITE-A")
    for issuer in issuers:
        files.add("1.1", "HX-1", IssuerOfPatientID=issuer)
        if not together:
            project.ingest()
    for issuer in issuers:
        files.add(generate_uid(), "HX-1", IssuerOfPatientID=issuer)
        if not together:
            project.ingest()
    files.add("1.9", "HX-1", IssuerOfPatientID="SITE-B")
    project.ingest()
    found = groups_by_study(project)
    elsewhere = found.pop(NAMES.study("1.9"))
    assert len(set().union(*found.values())) == 1
    assert elsewhere == {NAMES.patient("HX-1", "SITE-B")}, "another hospital's HX-1"


def test_the_group_of_an_earlier_ingest_wins(project: IngestedFolder) -> None:
    files = Files(project)
    files.add("1.1")
    project.ingest()
    (before,) = rows_of(project)
    for _ in range(3):
        files.add("1.1", "HX-1")
    files.add("1.2", "HX-1")
    project.ingest()
    assert {row.group for row in rows_of(project)} == {before.group}
    assert {row.split for row in rows_of(project)} == {before.split}
    files.add("1.3", "HX-1")
    project.ingest()
    assert {row.group for row in rows_of(project)} == {before.group}


def test_rows_of_before_the_column_group_as_they_did(project: IngestedFolder) -> None:
    files = Files(project)
    files.add("1.1")
    project.ingest()
    (before,) = rows_of(project)
    write_batch(project.workspace, before.batch, [replace(before, study="")])
    files.add("1.1")
    project.ingest()
    assert {row.group for row in rows_of(project)} == {before.group}


def test_a_study_number_that_many_patients_share_identifies_nobody(
    project: IngestedFolder,
) -> None:
    files = Files(project)
    for patient in range(6):
        for _ in range(2):
            files.add("1.1", f"HX-{patient}")
    report = project.ingest()
    assert {row.group for row in rows_of(project)} == {NAMES.patient(f"HX-{n}") for n in range(6)}
    assert "12 images carry a study number that more than 5 patients share" in told(report)
    for _ in range(2):
        files.add("1.1", "HX-7")
    files.add("1.1", "HX-1")
    project.ingest()
    groups = [row.group for row in rows_of(project)]
    assert (groups.count(NAMES.patient("HX-7")), groups.count(NAMES.patient("HX-1"))) == (2, 3)


# -- placeholders ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["ANONYMOUS", "000000", "XXXX", "-", "NOID", "Anon1", "DEID-01"])
def test_a_placeholder_of_all_leaves_each_study_a_group(
    project: IngestedFolder, value: str
) -> None:
    report = three_classes(project, value)
    assert len({row.group for row in rows_of(project)}) == 12
    assert all(len(groups) == 1 for groups in groups_by_study(project).values())
    assert "24 images" in told(report)
    assert "placeholder" in told(report)
    assert value not in told(report).replace("ANONYMOUS", "")


def test_a_number_0_beside_a_number_1_is_a_patient(project: IngestedFolder) -> None:
    files = Files(project)
    for patient in ("000", "001", "002", "000"):
        files.add(generate_uid(), patient)
    project.ingest()
    groups = [row.group for row in rows_of(project)]
    assert groups.count(NAMES.ever("000")[0]) == 2


def test_anon1_beside_anon2_is_a_patient(project: IngestedFolder) -> None:
    files = Files(project)
    for patient in ("Anon1", "Anon1", "Anon1", "Anon2"):
        files.add(generate_uid(), patient)
    project.ingest()
    groups = [row.group for row in rows_of(project)]
    assert groups.count(NAMES.patient("Anon1")) == 3


def test_one_name_for_all_is_told_with_what_to_do(project: IngestedFolder) -> None:
    with pytest.raises(BadInputError) as caught:
        three_classes(project, "St. Elsewhere")
    said = str(caught.value)
    assert "1 of the 3 groups" in said
    assert "all 24 images, of 12 studies, name one patient" in said
    for advice in ("ingest.no_patient", "--patient-from", "allow_missing"):
        assert advice in said
    assert "Elsewhere" not in said
    config = IngestConfig(no_patient=("st elsewhere",))
    report = project.ingest(config=config)
    assert len({row.group for row in rows_of(project)}) == 12
    assert report.new == 24


def test_one_real_patient_is_accepted_and_told(project: IngestedFolder) -> None:
    files = Files(project)
    for _ in range(4):
        files.add(generate_uid(), "HX-1")
    report = project.ingest()
    assert {row.group for row in rows_of(project)} == {NAMES.patient("HX-1")}
    assert "all 4 images, of 4 studies, name one patient" in told(report)


def test_no_value_is_written(project: IngestedFolder) -> None:
    files = Files(project)
    for patient in ("Quixote", "Quixote", "Anon1", "Sancho"):
        files.add("1.2.77.1", patient, IssuerOfPatientID="Mancha")
    project.ingest()
    for file in project.workspace.rglob("*"):
        text = file.read_bytes().lower() if file.is_file() else b""
        for value in (b"quixote", b"sancho", b"anon1", b"mancha", b"1.2.77.1"):
            assert value not in text


# -- names of earlier versions ---------------------------------------------------------------------


def test_a_name_from_a_mac_and_from_windows_is_one_patient(project: IngestedFolder) -> None:
    config = IngestConfig(patient_pattern=r"^(?P<patient>[^_]+)_", allow_missing=True)
    for number, form in enumerate(("NFC", "NFD", "NFC", "NFD")):
        name = unicodedata.normalize(form, "Jäger")  # type: ignore[arg-type]
        put(project.landing / "cyst" / f"{name}_{number}.png", encode(picture(number)))
    project.ingest(config=config)
    assert {row.group for row in rows_of(project)} == {NAMES.patient("Jäger")}


def earlier_group(project: IngestedFolder) -> str:
    """A project whose patient was named by an earlier version, from a Mac."""
    composed, decomposed = NAMES.ever("Jäger")
    put(project.landing / "cyst" / "1.png", encode(picture(1)))
    project.ingest()
    (row,) = rows_of(project)
    assert row.group not in {composed, decomposed}
    write_batch(project.workspace, row.batch, [replace(row, group=decomposed)])
    return decomposed


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_image_joins_the_group_of_the_earlier_name(project: IngestedFolder, form: str) -> None:
    group = earlier_group(project)
    name = unicodedata.normalize(form, "Jäger")  # type: ignore[arg-type]
    config = IngestConfig(patient_pattern=r"^(?P<patient>[^_]+)_", allow_missing=True)
    put(project.landing / "cyst" / f"{name}_2.png", encode(picture(2)))
    project.ingest(config=config)
    assert {row.group for row in rows_of(project)} == {group}


def withdraw(project: IngestedFolder, *groups: str) -> None:
    file = project.workspace / WITHDRAWN_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(Withdrawn(groups=frozenset(groups)).text)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_withdrawal_under_the_earlier_name_holds(project: IngestedFolder, form: str) -> None:
    _, decomposed = NAMES.ever("Jäger")
    withdraw(project, decomposed)
    name = unicodedata.normalize(form, "Jäger")  # type: ignore[arg-type]
    config = IngestConfig(patient_pattern=r"^(?P<patient>[^_]+)_", allow_missing=True)
    put(project.landing / "cyst" / f"{name}_2.png", encode(picture(2)))
    Files(project).add("1.1", name, SpecificCharacterSet="ISO_IR 192")
    assert project.ingest(config=config).reasons == {"withdrawn": 2}


def test_nothing_of_a_withdrawn_patient_s_study_slips_past(project: IngestedFolder) -> None:
    withdraw(project, NAMES.patient("HX-1"), NAMES.ever("000000")[0])
    files = Files(project)
    for patient in ("HX-1", "HX-2", "HX-2", "HX-2", "HX-1", ""):
        files.add("1.1", patient)
    files.add("1.2", "HX-1", IssuerOfPatientID="SITE-A")
    files.add("1.3", "000000")
    report = project.ingest()
    assert report.reasons == {"withdrawn": 7}
    (left,) = rows_of(project)
    assert left.study == NAMES.study("1.2"), "another hospital's HX-1"
