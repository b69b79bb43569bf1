"""The manifest, and the lists beside it, as a later version may write them."""

from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.decisions import Rejected, Withdrawn
from pipeline.data.ingest.quarantine import parse_quarantine
from pipeline.data.manifest import FORMAT_VERSION, Row, parse_batch, read_manifest, write_batch

FACTS = {
    "id": "ab", "sha256": "cd", "source_sha256": "ef", "batch": "b0001-x", "label": "cyst",
    "group": "g", "split": "train", "view": "axial", "width": "4", "height": "4", "bits": "8",
    "version": str(FORMAT_VERSION),
}  # fmt: skip


def csv_of(*rows: dict[str, str]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows), ""])


def test_a_column_of_a_later_version_stays_with_its_row(tmp_path: Path) -> None:
    later = {"dose": "1.5", **FACTS, "scanner": "A"}
    (row,) = parse_batch(csv_of(later))
    assert (row.id, row.width, dict(row.more)) == ("ab", 4, {"dose": "1.5", "scanner": "A"})
    mine = Row(**{**vars(row), "id": "aa", "more": ()})
    write_batch(tmp_path, "b0001-x", [row, mine])
    assert read_manifest(tmp_path) == sorted([row, Row(**{**vars(mine), "more": (
        ("dose", ""), ("scanner", ""))})])  # fmt: skip


def test_a_manifest_without_later_columns_is_written_as_before(tmp_path: Path) -> None:
    (row,) = parse_batch(csv_of(FACTS))
    text = write_batch(tmp_path, "b0001-x", [row]).read_text()
    assert text.splitlines()[0] == (
        "id,sha256,source_sha256,batch,label,group,split,view,width,height,bits,version,"
        "modality,spacing,window,brightness,warnings,study,patient,findings"
    )
    assert (row.brightness, row.study, row.patient, row.more) == ("", "", "", ())


def test_a_row_of_a_newer_format_is_not_guessed_at() -> None:
    with pytest.raises(BadInputError, match=r"image ab .*newer medloom, in format 3.*upgrade"):
        parse_batch(csv_of({**FACTS, "version": str(FORMAT_VERSION + 1)}))


@pytest.mark.parametrize("line", ["ab,cd", ",".join([*FACTS.values(), "more"])])
def test_a_row_that_does_not_fit_its_head_is_refused(line: str) -> None:
    with pytest.raises(BadInputError, match="other columns than its head"):
        parse_batch(f"{','.join(FACTS)}\n{line}\n")


def test_the_quarantine_s_later_columns_are_passed_over() -> None:
    text = "seen,record,label,extension,bytes,reason,detail\ntoday,ab,cyst,.png,7,empty,why\n"
    assert [(r.record, r.bytes, r.reason) for r in parse_quarantine(text)] == [("ab", 7, "empty")]


def test_a_kind_of_decision_that_is_not_known_is_never_passed_over() -> None:
    assert Withdrawn.parse("kind,value,when\ngroup,g,today\n").groups == {"g"}
    for parse in (Withdrawn.parse, Rejected.parse):
        with pytest.raises(BadInputError, match=r"names a 'study'.*upgrade"):
            parse("kind,value\nimage,ab\nstudy,7\n")
