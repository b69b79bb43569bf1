"""Runs of the monitor on a project with images and a champion that draws."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.feedback.images import judge_images
from pipeline.ledger.git import Git
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.monitor import redraw as redraws
from pipeline.monitor import run as runs
from pipeline.monitor.history import History
from pipeline.monitor.record import BRANCH
from pipeline.monitor.run import require_alarms, run_monitor
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.generators import Generators
from tests.support.monitored import CLASSES, champion, land, monitored_project
from tests.support.pictures import put

pytestmark = pytest.mark.usefixtures("dvc_in_process")

Heard = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("monitored")
    monitored_project(folder)
    return folder


@pytest.fixture
def watched(_made: Path, tmp_path: Path) -> Project:
    """A copy of what was made once, to change."""
    shutil.copytree(_made, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "shown")})


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """What the webhook is told; it accepts everything."""
    told: Heard = []

    def post(project: Project, event: str, **facts: Any) -> str:
        told.append((event, facts))
        return ""

    monkeypatch.setattr(runs, "post", post)
    return told


@contextmanager
def one_pixel_changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The generator draws one pixel of its first image one grey level brighter or darker."""
    draw = Generators.draw

    def other(self: Generators, *arguments: Any, **options: Any) -> Any:
        images = draw(self, *arguments, **options).copy()
        images[0, 3, 5] ^= 1
        return images

    with monkeypatch.context() as patch:
        patch.setattr(Generators, "draw", other)
        yield


def listening(project: Project) -> Project:
    return replace(project, webhook_url="http://127.0.0.1:9/", webhook_secret_file=Path("secret"))


def keys(project: Project) -> list[str]:
    return [one.key for one in run_monitor(project).record.alarms]


def test_a_quiet_project_raises_nothing_and_each_run_is_a_record(watched: Project) -> None:
    first = run_monitor(watched).record
    assert first.champion
    assert (first.champion.version, first.champion.landed) == (1, 0)
    assert first.drift_note == "nothing landed since the champion's data"
    assert first.redraw
    assert (first.redraw.state, len(first.redraw.pixels)) == ("first", 8)
    assert first.redraw.host["torch"]
    second = run_monitor(watched).record
    assert second.redraw
    assert (second.redraw.state, second.redraw.against) == ("equal", 1)
    assert (first.alarms, second.alarms) == ([], [])
    assert [one.sequence for one in History(Ledger(watched)).records] == [1, 2]
    assert second.refused
    assert (second.refused.count, second.refused.of) == (0, 0)


def test_a_changed_pixel_is_told_once_until_a_person_accepts_it(
    watched: Project, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = listening(watched)
    run_monitor(project)
    with one_pixel_changed(monkeypatch):
        monkeypatch.setattr(
            redraws, "describe_host", lambda: {"name": "gpu-2", "torch": "9.9", "numpy": "2"}
        )
        record = run_monitor(project).record
        assert record.redraw
        assert record.redraw.differing == ["cyst-0", "stone-0"]
        assert record.redraw.most_apart == 1
        assert record.redraw.share_apart == pytest.approx(1 / 32**2)
        (alarm,) = record.alarms
        assert "differently on gpu-2 than in record 1" in alarm.says
        assert "by at most 1 of 255" in alarm.says
        assert "and is 9.9" in alarm.says
        assert alarm.told
        again = run_monitor(project).record
        assert [one.since for one in again.alarms] == [alarm.since]
        assert [event for event, _ in heard] == ["alarm-raised"]
        accepted = run_monitor(project, accept="a new torch").record
        assert accepted.redraw
        assert (accepted.redraw.state, accepted.redraw.why) == ("accepted", "a new torch")
        assert accepted.alarms == []
        assert [event for event, _ in heard] == ["alarm-raised", "alarm-cleared"]
        assert keys(project) == []
    assert keys(project) == ["redraw"], "what was there before differs from what was accepted"


def test_lost_pixels_leave_an_alarm_that_says_so(
    watched: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_monitor(watched)
    (kept,) = (Path(watched.remote) / "medloom" / "redraws").glob("*.npz")
    kept.unlink()
    with one_pixel_changed(monkeypatch):
        (alarm,) = run_monitor(watched).record.alarms
    assert "by an unknown amount" in alarm.says


def test_an_alarm_that_nobody_heard_is_told_by_the_next_run(
    watched: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, answers, told = listening(watched), ["it answered 500", ""], []

    def post(project: Project, event: str, **facts: Any) -> str:
        told.append(facts["alarm"])
        return answers.pop(0)

    monkeypatch.setattr(runs, "post", post)
    later = datetime.now(UTC) + timedelta(days=200)
    ran = run_monitor(project, clock=lambda: later)
    assert ran.warnings == ("it answered 500",)
    assert [(one.key, one.told) for one in ran.record.alarms] == [("age", False)]
    ran = run_monitor(project, clock=lambda: later)
    assert [(one.key, one.told) for one in ran.record.alarms] == [("age", True)]
    assert told == ["age", "age"]
    run_monitor(project, clock=lambda: later)
    assert told == ["age", "age"]


def test_what_landed_and_differs_raises_an_alarm_of_its_class(watched: Project) -> None:
    put(watched.params_file, b"monitor:\n  redraw_images: 0\n")
    land(watched, 24, first=100)
    same = run_monitor(watched).record
    assert {one.label: (one.earlier, one.landed) for one in same.drift} == dict.fromkeys(
        CLASSES, (24, 24)
    )
    assert all(len(one.figures) == 2 for one in same.drift)
    assert same.alarms == []
    assert same.redraw is None
    land(watched, 24, first=200, brighter=170)
    record = run_monitor(watched).record
    assert [one.key for one in record.alarms] == ["drift:cyst", "drift:stone"]
    assert "48 images of cyst that landed since differ from the 24" in record.alarms[0].says
    assert [one.key for one in require_alarms(watched, record.sequence)] == [
        "drift:cyst", "drift:stone",
    ]  # fmt: skip
    with pytest.raises(NothingNewError):
        require_alarms(watched, same.sequence)


def test_a_new_champion_clears_what_its_data_answers(watched: Project, tmp_path: Path) -> None:
    land(watched, 24, first=200, brighter=170)
    assert keys(watched) == ["drift:cyst", "drift:stone"]
    champion(watched, tmp_path, 2)
    record = run_monitor(watched).record
    assert record.alarms == []
    assert record.champion
    assert record.champion.version == 2


def test_refusals_flags_and_a_worn_split_raise_theirs(watched: Project) -> None:
    put(watched.params_file, b"gate:\n  looks: 1\nmonitor:\n  redraw_images: 0\n")
    for number in range(30):
        put(
            watched.landing / "cyst" / f"broken-{number}.png", b"\x89PNG\r\n\x1a\n" + b"%d" % number
        )
    land(watched, 4, first=300)
    journal = Journal(Ledger(watched))
    facts = {"weights_sha256": "w", "run_key": "k", "data": "d", "test_set": "t", "by": "gate"}
    assert journal.append(
        action="inconclusive", version=9, predecessor=1, verdict={}, reason="close", **facts
    )
    # A verdict answers what was said before it.
    generators = Generators(watched)
    for reader in ("reader-a", "reader-b", "reader-c"):
        judge_images(
            watched, "1", "stone", 0, range(10), reader=reader, tags=["looks-copied"],
            generators=generators,
        )  # fmt: skip
    record = run_monitor(watched).record
    assert [one.key for one in record.alarms] == ["worn", "refused", "flagged:stone"]
    assert record.refused
    assert (record.refused.count, record.refused.of) == (30, 38)
    assert record.champion
    assert record.champion.verdicts == {"inconclusive": 1}
    assert record.looks_copied == 30


def test_draws_are_counted_and_a_torn_line_is_said(watched: Project) -> None:
    drawn = Generators(watched, DrawCounter.of(watched, "app"))
    drawn.draw(1, ["stone", "stone", "cyst"], 0)
    drawn.draw(1, ["stone"], 1)
    (file,) = watched.draws.glob("*.jsonl")
    with file.open("a") as stream:
        stream.write('{"format": 1, "sour')
    record = run_monitor(watched).record
    assert [(one.source, one.version, one.label, one.images) for one in record.draws] == [
        ("app", 1, "cyst", 1), ("app", 1, "stone", 3),
    ]  # fmt: skip
    assert record.draws_unread == 1


def test_without_a_champion_there_is_a_record_and_nothing_to_accept(project: Project) -> None:
    project.state.mkdir(parents=True)
    record = run_monitor(project).record
    assert (record.champion, record.redraw, record.refused) == (None, None, None)
    assert record.drift_note == "there is no champion"
    with pytest.raises(BadInputError, match="no champion"):
        run_monitor(project, accept="why not")


def test_an_altered_or_newer_record_is_refused_by_name(project: Project) -> None:
    project.state.mkdir(parents=True)
    ledger = Ledger(project)
    run_monitor(project)
    head = ledger.head(BRANCH)
    written = ledger.read_folder(str(head), BRANCH)["000001.json"].decode()
    newer = json.dumps({**json.loads(written), "format": 9, "alarms": []}, sort_keys=True) + "\n"
    head = ledger.commit_files(BRANCH, head, {f"{BRANCH}/000001.json": newer}, "newer")
    with pytest.raises(BadInputError, match=r"record 1 .* by a newer medloom, in format 9"):
        History(ledger)
    altered = written.replace("no champion", "a champion").replace(": ", ":  ")
    ledger.commit_files(BRANCH, head, {f"{BRANCH}/000001.json": altered}, "altered")
    with pytest.raises(BadInputError, match=r"broken at 000001\.json"):
        History(ledger)


def test_a_run_that_was_overtaken_appends_after_the_other(
    watched: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(watched.params_file, b"monitor:\n  redraw_images: 0\n")
    add, other = History.add, list[Any]()

    def overtaken(self: History, **facts: Any) -> Any:
        if not other:
            other.append(add(History(Ledger(watched)), **(facts | {"drift_note": "another run"})))
        return add(self, **facts)

    monkeypatch.setattr(History, "add", overtaken)
    assert run_monitor(watched).record.sequence == 2
    assert Git(Ledger(watched).mirror.folder).run("rev-list", "--count", History(
        Ledger(watched)).commit or "") == "2"  # fmt: skip


def test_a_redraw_takes_one_thread_whatever_the_process_has(
    watched: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    seen, draw = [], Generators.draw

    def looked_at(self: Generators, *arguments: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        return draw(self, *arguments, **options)

    monkeypatch.setattr(Generators, "draw", looked_at)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_monitor(watched)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}
    assert np.all(np.array(seen) == 1)
