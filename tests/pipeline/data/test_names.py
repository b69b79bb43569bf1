"""Pseudonyms, their key, and the project's record of it."""

import hmac
import os
import stat
import unicodedata
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.manifest import read_manifest
from pipeline.data.names import KEY_ID_FILE, Pseudonyms, phantom_group
from tests.support.dicoms import ct_values, slice_of, to_bytes
from tests.support.pictures import NAMES, IngestedFolder, encode, picture, put

OTHER = Pseudonyms(b"another key, also of the tests alone")


def test_a_name_is_one_group_under_one_key() -> None:
    assert NAMES.patient("HX 1093") == NAMES.patient(" hx  1093\0")
    names = {
        NAMES.patient("HX 1093"), OTHER.patient("HX 1093"), NAMES.patient("HX 1094"),
        NAMES.patient("HX 1093", "a hospital"), NAMES.patient("HX 1093", "another"),
    }  # fmt: skip
    assert len(names) == 5
    assert all(name.startswith("patient-") for name in names)
    assert NAMES.study("1.2") != NAMES.patient("1.2")
    assert NAMES.file("a") != OTHER.file("a")


@pytest.mark.parametrize("nobody", ["", "  ", "Anonymous", "ANON", "n/a", "\0"])
def test_placeholders_identify_no_patient(nobody: str) -> None:
    assert NAMES.patient(nobody) == ""


def test_a_name_is_one_however_its_accents_are_encoded() -> None:
    for name in ("Jäger 7", "Núñez", "각하", "Ångström"):
        composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
        assert composed != decomposed
        assert NAMES.patient(composed) == NAMES.patient(decomposed)
        assert NAMES.patient("1", composed) == NAMES.patient("1", decomposed)


def test_what_earlier_versions_called_a_patient_is_known() -> None:
    """The earlier rule, as it was: casefold, and HMAC of the text as it came."""

    def then(name: str) -> str:
        text = f"patient\0{name.casefold()}".encode()
        key = b"a key of the tests, and of nothing else"
        return "patient-" + hmac.new(key, text, "sha256").hexdigest()[:12]

    composed, decomposed = (unicodedata.normalize(form, "Jäger") for form in ("NFC", "NFD"))
    assert NAMES.patient(composed) == then(composed)
    for name in (composed, decomposed):
        assert set(NAMES.ever(name)) == {then(composed), then(decomposed)}
        assert NAMES.ever(name)[0] == NAMES.patient(name)
    assert NAMES.ever("HX-1") == (then("HX-1"),)
    assert NAMES.ever("000000") == (then("000000"),)
    assert NAMES.ever(" ") == ()


def test_phantom_pseudonyms_need_no_key() -> None:
    assert NAMES.patient("phantom-0007") == OTHER.patient("phantom-0007")
    assert NAMES.patient("phantom-0007") == phantom_group("phantom-0007")
    assert phantom_group("HX 1093") == ""


def test_the_key_is_created_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "patient.key"
    with pytest.raises(BadInputError, match="MEDLOOM_PATIENT_KEY_FILE"):
        Pseudonyms.load(file)
    made = Pseudonyms.load(file, make=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Pseudonyms.load(file, make=True) == made
    assert os.listdir(file.parent) == ["patient.key"]  # noqa: PTH208
    secret = file.read_text().strip()
    assert secret not in repr(made) + made.key_id
    file.write_text("short\n")
    with pytest.raises(BadInputError, match="at least 32"):
        Pseudonyms.load(file)


def test_the_key_may_not_be_inside_the_state(tmp_path: Path) -> None:
    state = tmp_path / "state" / "tiny"
    environ = {"MEDLOOM_STATE": str(state), "MEDLOOM_PATIENT_KEY_FILE": str(state / "patient.key")}
    with pytest.raises(BadInputError, match="file outside it"):
        Project.load(environ)


def test_a_project_of_patients_refuses_another_key(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path)
    for number in range(6):
        data = to_bytes(slice_of(ct_values(picture(number)), PatientID=f"p{number}"))
        put(project.landing / ("cyst", "stone")[number % 2] / f"{number}.dcm", data)
    project.ingest()
    assert (project.workspace / KEY_ID_FILE).read_text().strip() == NAMES.key_id
    project.index.names = OTHER
    with pytest.raises(BadInputError, match=f"{NAMES.key_id}.*{OTHER.key_id}"):
        project.ingest()


def test_without_patients_any_key_is_accepted(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path)
    for number in range(3):
        put(project.landing / "cyst" / f"{number}.png", encode(picture(number)))
    project.ingest()
    project.index.names = OTHER
    assert project.ingest().ingested == 3
    assert {row.group[:7] for row in read_manifest(project.workspace)} == {"pixels-"}
