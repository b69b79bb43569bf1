"""Label corrections: a revision with other classes, which no later ingest undoes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.cli import withdraw
from pipeline.data.landing.index import LocalIndex
from pipeline.data.manifest import Row
from pipeline.data.names import phantom_group
from pipeline.data.revise import relabelling as correcting
from pipeline.data.revise.relabelling import Relabelling, read_corrections, relabel
from pipeline.data.revise.revision import Revisions
from pipeline.flow import planning, steps
from pipeline.flow.planning import RetrainConfig, make_plan
from tests.support.consenting import Clinic
from tests.support.pictures import put

pytestmark = pytest.mark.usefixtures("dvc_in_process")

NAME = "phantom-00001"
GROUP = phantom_group(NAME)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    Clinic.make(folder)
    return folder


@pytest.fixture
def clinic(made: Path, tmp_path: Path) -> Clinic:
    shutil.copytree(made, tmp_path / "copy")
    return Clinic.at(tmp_path / "copy")


def correct(clinic: Clinic, wanted: dict[str, str] | None = None, **more: Any) -> Relabelling:
    facts: dict[str, Any] = {"by": "a radiologist", "reason": "second reading"} | more
    return relabel(clinic.project, wanted or {GROUP: "stone"}, **facts)


def row_of(clinic: Clinic, group: str = GROUP) -> Row:
    rows = Revisions(clinic.ledger).rows(clinic.data)
    return next(row for row in rows if row.group == group)


def test_only_the_class_changes_and_the_record_says_so(clinic: Clinic) -> None:
    before, old, dvc = clinic.data, row_of(clinic), clinic.ledger.tree(clinic.data, "data/raw")
    done = correct(clinic)
    new = row_of(clinic)
    assert {**vars(old), "label": "stone"} == vars(new)
    assert clinic.ledger.tree(clinic.data, "data/raw") == dvc
    assert done.changes == {old.id: ("cyst", "stone")}
    (record,) = clinic.journal.records
    assert (record.action, record.version, record.data) == ("relabelled", None, clinic.data)
    assert record.details == {
        "images": [old.id], "from": {old.id: "cyst"}, "to": {old.id: "stone"},
        "before": before, "after": clinic.data,
    }  # fmt: skip
    again = correct(clinic)
    assert (again.changes, again.unchanged, again.records) == ({}, (old.id,), (1,))
    assert clinic.data == done.after


@pytest.mark.parametrize("index", ["kept", "lost"])
def test_the_file_in_the_old_folder_is_no_conflict_and_undoes_nothing(
    clinic: Clinic, index: str
) -> None:
    correct(clinic)
    if index == "lost":
        clinic.project.index_file.unlink()
    report = steps.ingest(clinic.project)
    assert (report.ingested, report.duplicate, report.quarantined) == (8, 0, 0)
    assert row_of(clinic).label == "stone"
    # In a third class, or without a correction of the image, it is a conflict.
    put(clinic.project.landing / "cyst" / "phantom-00005-b.png", _file(clinic, "stone", 5))
    report = steps.ingest(clinic.project)
    assert report.reasons == {"conflict": 1}
    (found,) = LocalIndex.of(clinic.project).of_path(f"cyst/{NAME}-a.png")
    assert found.outcome == "ingested"


def _file(clinic: Clinic, label: str, patient: int) -> bytes:
    return (clinic.project.landing / label / f"phantom-{patient:05d}-a.png").read_bytes()


def test_a_class_corrected_completely_may_keep_its_folder(clinic: Clinic) -> None:
    wanted = {f"phantom-{patient:05d}": "tumor" for patient in range(4)}
    with pytest.raises(BadInputError, match="none of this project's classes, cyst, stone"):
        correct(clinic, wanted)
    correct(clinic, wanted, new_class=True)
    clinic.project.index_file.unlink()
    assert steps.ingest(clinic.project).ingested == 8
    with pytest.raises(BadInputError, match="cannot be a class"):
        correct(clinic, {GROUP: "Big Tumor"}, new_class=True)


def test_a_kill_before_the_journal_is_finished_by_repeating(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(correcting, "journal_revisions", killed)
        with pytest.raises(KeyboardInterrupt):
            correct(clinic)
    assert not clinic.journal.records
    assert correct(clinic, reason="again").records == (1,)
    assert clinic.journal.records[0].reason == "second reading"


def test_corrections_trigger_a_retraining(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.judge()
    monkeypatch.setattr(planning, "take_snapshot", lambda _, ledger, *_more: ledger.head("code"))
    correct(clinic, {GROUP: "stone", "phantom-00002": "stone"})
    three, two = (
        RetrainConfig(min_new_images=few, quiet_minutes=5.0, max_wait_hours=24.0) for few in (3, 2)
    )
    with pytest.raises(NothingNewError, match="2 of 3"):
        make_plan(clinic.ledger, three, asked_by_person=False)
    plan = make_plan(clinic.ledger, two, asked_by_person=False)
    assert plan.reasons == ("+0 images", "2 labels corrected")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,class\na,cyst\na,stone\n", "line 3"),
        ("image,label\na,cyst\n", "columns id,class"),
        ("id,class\na,\n", "line 2"),
        ("", "columns id,class"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadInputError, match=why):
        read_corrections(put(tmp_path / "right.csv", text.encode()))


def test_the_command_reads_a_table_and_a_dry_run_changes_nothing(
    clinic: Clinic, tmp_path: Path
) -> None:
    data = typer.Typer()
    data.callback()(lambda: None)
    withdraw.register(typer.Typer(), data)
    id_, before = row_of(clinic).id, clinic.data
    table = put(tmp_path / "right.csv", f"id,class\n{id_},stone\n".encode())
    command = ["relabel", str(table), "--reason", "second reading", "--json"]
    for extra, changed in (["--dry-run"], False), ([], True):
        done = CliRunner().invoke(data, [*command, *extra], env=clinic.project.environment())
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["changes"] == {id_: ["cyst", "stone"]}
        assert (clinic.data != before) is changed
