"""The images and pseudonyms that a person's words stand for."""

from dataclasses import replace
from typing import cast

from pipeline.data.config import IngestConfig
from pipeline.data.manifest import Row
from pipeline.data.revise.revision import Revisions, find_subject
from tests.support.pictures import NAMES


class _Ever:
    """A history of these rows."""

    def __init__(self, *rows: Row) -> None:
        self._rows = rows

    def ever(self) -> dict[str, Row]:
        return {row.id: row for row in self._rows}


def row(number: int, group: str, patient: str = "") -> Row:
    id_ = f"{number:064d}"
    facts = (id_, id_, id_, "b0001-x", "cyst", group, "train", "axial", 8, 8, 8)
    return Row(*facts, patient=patient)


def test_a_patient_is_found_by_every_name_and_all_names_are_withdrawn() -> None:
    composed, decomposed = NAMES.ever("Jäger")
    other = NAMES.patient("HX-2")
    rows = [row(1, decomposed), row(2, composed, other), row(3, NAMES.patient("HX-3")), row(4, "")]
    revisions = cast(Revisions, _Ever(*rows))
    for asked in ("Jäger", "HX-2"):
        found = find_subject(asked, revisions, IngestConfig(), NAMES)
        assert found.groups >= {composed, other}
        assert found.unspoken == (asked,)
    found = find_subject("Jäger", revisions, IngestConfig(), NAMES)
    assert {each.id for each in found.rows} == {rows[0].id, rows[1].id}
    assert found.groups == {composed, decomposed, other}


def test_an_image_of_a_pair_stands_for_both() -> None:
    rows = [replace(row(1, "g"), pair="pair-a"), replace(row(2, "g"), pair="pair-a"), row(3, "g")]
    revisions = cast(Revisions, _Ever(*rows))
    found = find_subject(rows[1].id, revisions, IngestConfig(), NAMES)
    assert found.kind == "image"
    assert found.images == {rows[0].id, rows[1].id}
    alone = find_subject(rows[2].id, revisions, IngestConfig(), NAMES)
    assert alone.images == {rows[2].id}
