"""Values that identify nobody, and those that may."""

import pytest

from pipeline.data.placeholders import identifies_nobody, is_vague

NOBODY = [
    "", " ", "\0", "-", "--", "...", "^", "???", "***", "0", "000000", "000-00-0000", "XXXX",
    "xx^xx", "ANONYMOUS", "Anonymous^Patient", "anonymized patient", "Anonymised", "ANONYMISIERT",
    "Anonimo", "anónimo", "ANON", "Anon^Anon", "DE-IDENTIFIED", "deidentified^name", "REDACTED",
    "hidden", "masked", "removed", "deleted", "PatientID", "Patient ID", "PATIENT NAME",
    "patient", "NOID", "no id", "No Name", "NO PATIENT ID", "n/a", "N.N.", "none", "NULL",
    "unknown", "Unbekannt", "not available", "pseudonymized", "test", "TEST^PATIENT", "匿名",
    "ＡＮＯＮ", "name", "ID",
]  # fmt: skip
SOMEBODY = [
    "HX-1093", "1", "10", "001", "1000", "A", "X", "X1", "Nona", "Nana", "Pat", "Anonymous-A",
    "anon7", "patient 3", "subject01", "phantom-00001", "Nullmeyer", "Testa", "Ida", "Naomi",
    "TCGA-CV-5973", "Idna", "Noel", "1.2.840.113619", "0A", "Jäger", "李", "a" * 5000,
    "anon" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("value", NOBODY)
def test_what_software_writes_in_place_of_a_patient_identifies_nobody(value: str) -> None:
    assert identifies_nobody(value)
    assert not is_vague(value)


@pytest.mark.parametrize("value", SOMEBODY)
def test_what_may_be_a_patient_s_is_no_placeholder(value: str) -> None:
    assert not identifies_nobody(value)


def test_a_project_adds_values_of_its_own() -> None:
    assert identifies_nobody("st. mary's", ["ST MARYS"])
    assert not identifies_nobody("st. mary's 2", ["ST MARYS"])


def test_a_placeholder_with_a_number_is_vague() -> None:
    vague = ["Anon1", "ANONYMOUS-0007", "DEID12", "anonymized 3"]
    assert [is_vague(value) for value in vague] == [True] * 4
    assert not any(map(is_vague, ["HX-1", "patient1", "000", "7", ""]))
