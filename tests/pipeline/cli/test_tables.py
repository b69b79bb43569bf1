"""Every table that the commands print, at 80 columns: nothing is cut, every name is whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.audit.answers import trace_tree, uses_table
from pipeline.audit.links import Chain, Link
from pipeline.audit.trace import trace
from pipeline.audit.uses import RevisionUse, Tenure, Uses, VersionUse
from pipeline.audit.verify import Findings
from pipeline.base.project import Project
from pipeline.cli import data_report, data_show, tables
from pipeline.cli.doctor import Check, doctor_table
from pipeline.cli.follow import _table as follow_table
from pipeline.cli.ingest import rehearsal_table
from pipeline.cli.quarantine import quarantine_table
from pipeline.cli.status import status_table
from pipeline.cli.verify import findings_table
from pipeline.data.arrive.rehearsal import ClassCounts, Rehearsal
from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.leak import Leak
from pipeline.data.ingest.report import IngestReport
from pipeline.data.landing.index import Entry
from pipeline.data.revise.diff import Cell, Changes, RevisionChange
from pipeline.data.revise.quarantining import QuarantinedFile
from pipeline.local.cleaning import Leftover, clean_table
from pipeline.promotion.gate import Compared, GateConfig, compare
from tests.pipeline.cli.test_main import invoke
from tests.pipeline.reports.run.test_render import evaluation
from tests.support.decisions import Story
from tests.support.terminals import shown, shown_at_80

LABEL = "pneumonia-bacterial-left"
PATH = f"pneumonia-bacterial-left/{'a-long-folder/' * 6}scan-0001.dcm"
WHY = "kernel distance changes by -0.0123 on the champion's 0.2345; it must fall by at least 0.01"
"""No word of it may be cut."""


def figures_names() -> list[str]:
    return [each["metric"] for each in tables.overall_figures(evaluation("a1" * 32, 0.16))]


def test_figures_stand_beside_their_names() -> None:
    measured = evaluation("a1" * 32, 0.16)
    rows = tables.overall_figures(measured)
    said = shown_at_80(
        tables.evaluation_table(measured, "version 12"),
        *(row[part] for row in rows for part in ("metric", "value", "protocol")),
    )
    for row in rows:  # on one line, or one below the other
        assert said.index(row["metric"]) < said.index(row["value"], said.index(row["metric"]))


def test_compare() -> None:
    one, two = evaluation("a1" * 32, 0.16), evaluation("b2" * 32, 0.15)
    compared = Compared(one, two, compare(two, one, GateConfig()))
    said = shown_at_80(tables.compared_table(compared, "champion", "challenger"), *figures_names())
    assert said.count("0.16  [0.14, 0.18]") == 1
    assert "kernel distance, champion minus challenger" in said


def test_compare_names_the_score_of_the_task() -> None:
    one, two = (
        one.model_copy(update={"protocol": one.protocol.model_copy(update={"task": "enlarge"})})
        for one in (evaluation("a1" * 32, 0.16), evaluation("b2" * 32, 0.15))
    )
    compared = Compared(one, two, compare(two, one, GateConfig()))
    said = shown_at_80(tables.compared_table(compared, "1", "2"), *figures_names())
    assert "-PSNR in dB, 1 minus 2" in said


@pytest.fixture
def story(project: Project) -> Story:
    made = Story(project)
    rules = [
        {"name": "guard:ms_ssim_within_class", "passed": True, "says": WHY},
        {"name": "primary:kernel_distance_change", "passed": None, "says": WHY},
    ]
    for version in (1, 2):
        made.verdict("promoted", version, verdict={"rules": rules}, reason=WHY)
    made.verdict("awaiting", 3, run_key="a1b2c3d4e5f60718", reason=WHY)
    return made


def test_champion_and_history(story: Story) -> None:
    record, waiting = story.journal.champion, story.journal.challenger
    assert record
    assert waiting
    names = ("guard:ms_ssim_within_class", "primary:kernel_distance_change", "models:/m@champion")
    shown_at_80(tables.champion_table("m", record, record.verdict), *names)
    shown_at_80(tables.waiting_table(waiting), "medloom champion promote 3 --reason WHY")
    said = shown_at_80(tables.history_table(story.journal.records), "a1b2c3d4e5f60718", "awaiting")
    assert said.count("promoted") >= 2


def ingest_report() -> IngestReport:
    counts = {LABEL: {"train": 12345, "val": 2345, "test": 2345}, "no-finding": {"train": 3}}
    reasons = {"burnt-in": 3, "unknown-class": 2}
    notices = (Notice("files-without-row", 12, f"12 files are in no row, such as {PATH}"),)
    return IngestReport(
        batch="2026-11-29-000001", files=5, seen=5, new=1, ingested=1, duplicate=2, quarantined=2,
        passed_over={"hidden": 3, "thumbnails of a network drive": 120}, read=5, reasons=reasons,
        images=counts, groups=counts, notices=notices, entries=(),
    )  # fmt: skip


def test_ingest_and_dry_run() -> None:
    said = shown(tables.ingest_table(ingest_report()))
    assert "…" not in said
    assert PATH in said, "a path is not broken"
    assert f"{LABEL}  12345 (12345)" in said
    classes = {LABEL: ClassCounts(new=12345, duplicate=2, quarantined=3, patients=4, groups=5)}
    found = Rehearsal(5, 1, classes, {"burnt-in": 3}, 0, 1)
    shown_at_80(rehearsal_table(found), LABEL, "12345", "new groups without a patient")


def test_quarantine_shows_each_path_whole() -> None:
    entry = Entry(file="", item=0, size=1, mtime_ns=0, outcome="quarantined")
    found = QuarantinedFile(
        "1f0c9a2b77de", PATH, 3, LABEL, 10, "unsupported-transfer", "a detail of words " * 6,
        "open", entry,
    )  # fmt: skip
    said = shown(quarantine_table([found]))
    for text in ("1f0c9a2b77de", PATH, "unsupported-transfer", "open"):
        assert text in said
    assert "…" not in said


def test_status_keeps_paths(tmp_path: Path) -> None:
    state = str(tmp_path / "[red]x" / ("state" * 20))
    facts: dict[str, Any] = {
        "project": "p", "state": state, "landing": state, "services": None, "data": None,
        "champion": None, "feedback": None, "waiting_files": 3, "alarms": [], "runs": [],
    }  # fmt: skip
    assert state in shown(status_table(facts))
    champion = {"model": "m", "version": 2, "since": "now", "because": "feedback on version 1"}
    told = shown(
        status_table(facts | {"champion": champion, "feedback": {"says": "[red]cyst. Asked for"}})
    )
    assert "feedback on version 1" in told
    assert "[red]cyst. Asked for" in told
    alarms = [{"key": "drift:stone", "since": "2026-11-29T03:08:34+00:00"}]
    assert "drift:stone; `medloom monitor` says more" in shown(
        status_table(facts | {"alarms": alarms})
    )
    facts["services"] = {
        "airflow": "http://127.0.0.1:8080", "airflow_user": "[/]", "airflow_password": "[red]p",
        "mlflow": "http://127.0.0.1:5000", "app": "http://127.0.0.1:8501", "app_answers": True,
        "waiting_for": None,
    }  # fmt: skip
    facts["runs"] = [{"run_id": "manual__2026-11-29T03:08:34+00:00", "state": "success"}]
    said = shown(status_table(facts))
    assert "[/] / [red]p" in said
    assert "http://127.0.0.1:8501" in said
    facts["services"]["app_answers"] = False
    assert "does not answer; see app.log" in shown(status_table(facts))
    facts["services"]["waiting_for"] = "the app"
    assert "does not answer yet; see app.log" in shown(status_table(facts))
    assert "manual__2026-11-29T03:08:34+00:00  success" in said


def test_doctor() -> None:
    checks = [
        Check("C++ compiler", "note", "none", "optional: without a compiler torch.compile is not"),
        Check("apache-airflow", "ok", "3.1.0"),
        Check("state", "bad", f"/home/{'u' * 40}/[red]state", "make it writable, or set another"),
    ]
    shown_at_80(doctor_table(checks), "apache-airflow", f"/home/{'u' * 40}/[red]state", "✗", "✓")


def test_data_show_and_diff() -> None:
    leak = Leak(LABEL, np.array([0.91, 0.8]), np.array([0.999, 0.99]), ())
    shown_at_80(data_show._leak_table([leak], 0.97), LABEL, "0.855  0.910", "split by image")
    cells = tuple(
        Cell(label=LABEL, split=split, before=12345, added=100, removed=100, relabelled_in=100,
             relabelled_out=100, moved_in=100, moved_out=100, after=12345)
        for split in ("train", "val", "test")
    )  # fmt: skip
    step = RevisionChange(
        commit="f" * 40, time="2026-11-29T03:08:34Z", what="data: batch 2026-11-29-000001, 100",
        added=100, removed=0, relabelled=0, moved=0, by="a-long-user-name", reason=WHY, record=12,
    )  # fmt: skip
    found = Changes(
        before="a" * 40, after="f" * 40, backwards=False, cells=cells, relabelled=(), removed=(),
        moved=("a",), batches={"2026-11-29-000001": (100, 100)}, steps=(step,),
    )  # fmt: skip
    shown_at_80(data_report._changes_table(found), LABEL, "2026-11-29-000001", "a-long-user-name")


def test_audit(tiny: Any) -> None:
    shown_at_80(trace_tree(trace(tiny.project, "champion")), "dvc.lock sha256")
    images = {"train": 100000, "val": 0, "test": 0}
    revisions = [RevisionUse(n, "d" * 40, "2026-11-29T03:08:34Z", images, (LABEL,)) for n in (1, 2)]
    held = (Tenure("2026-11-29T03:08:34Z", "2026-12-01T03:08:34Z"),)
    uses = VersionUse(7, "a1b2c3d4e5f60718", "d" * 40, images, "inconclusive", True, held)
    many = (*revisions, *revisions)
    found = Uses("group", "patient-0123456789ab", ("i",), {"data": "d" * 40}, many, (uses,))
    names = ("a1b2c3d4e5f60718", "2026-11-29 03:08 to 2026-12-01 03:08", LABEL, "inconclusive")
    shown_at_80(uses_table(found), *names)
    broken = Link("tag medloom.manifest_sha256 against git", False, "it is " + "0" * 64, WHY)
    chains = (Chain("version 12", 30, broken, ()), Chain("journal", 3, None, ("a note " * 9,)))
    shown_at_80(findings_table(Findings(chains, ("the registry",))), "0" * 64, "version 12")


def test_clean() -> None:
    item = Leftover("workspaces/a1b2c3d4e5f60718/train", f"kept: {WHY}", (Path("x"),), 12, False)
    shown_at_80(clean_table([item], dry_run=True), "workspaces/a1b2c3d4e5f60718/train")


@pytest.mark.parametrize("command", [("show",), ("show", "train"), ("diff",)])
def test_params(
    project: Project, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    project.state.mkdir(parents=True)
    (project.state / "params.yaml").write_text("evaluate: {n_fake: 700}\n")
    monkeypatch.setenv("COLUMNS", "80")
    said = invoke(project, "params", *command)
    assert "…" not in said
    changed = "evaluate.n_fake" if command != ("show", "train") else "train.family"
    assert changed in said
    origin = str(project.state)
    assert max(len(line) for line in said.splitlines() if origin not in line) <= 80


def test_the_run_in_progress(tmp_path: Path) -> None:
    class Folder:
        def result(self, task: str) -> dict[str, Any]:
            return {"summary": "[/] kernel distance is fine " * 4} if task == "promote" else {}

        def progress(self, task: str) -> dict[str, Any]:
            return {"images_seen": 1000, "images_total": 50000, "eta_seconds": 90, "loss_g": 0.1}

    tasks = {"train": {"state": "running"}, "promote": {"state": "success"}}
    said = shown_at_80(follow_table(tasks, Folder()), "preprocess", "register", "announce")
    assert "1.0 of 50.0 kimg" in said
