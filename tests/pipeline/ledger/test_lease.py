"""Leases: held while a process lives, waited for, and taken only from an earlier try."""

import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import TransientError
from pipeline.base.stage_environment import lease_is_ours
from pipeline.ledger import lease as leases
from pipeline.ledger.lease import end_holder, hold_if_idle, hold_lease, hold_own_lease, lease_of
from pipeline.ledger.lease_holder import Holder, Place
from tests.support.leases import TRY, holding


def try_number(monkeypatch: pytest.MonkeyPatch, number: int, **others: str) -> None:
    """Make this process a try of the task `TRY`."""
    for name, value in {**TRY, "MEDLOOM_TRY": str(number), **others}.items():
        monkeypatch.setenv(name, value)


def refused(folder: Path, name: str, match: str = "is held by") -> None:
    """Ask for a held lease without waiting."""
    with pytest.raises(TransientError, match=match), hold_lease(folder, name, "x", patience=0):
        pass


# -- the stage's check -----------------------------------------------------------------------------


def test_a_stage_sees_whether_its_task_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lease(tmp_path, "run-k", "train") as lease:
        for name, value in lease.items():
            monkeypatch.setenv(name, value)
        assert lease_is_ours()
    assert not lease_is_ours()


def test_a_stage_of_an_older_try_sees_that_it_was_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lease(tmp_path, "run-k", "train") as old:
        for name, value in old.items():
            monkeypatch.setenv(name, value)
    with hold_lease(tmp_path, "run-k", "train"):
        assert not lease_is_ours()


def test_without_a_lease_the_work_is_always_ours() -> None:
    assert lease_is_ours()


def test_a_kill_frees_the_lease(tmp_path: Path) -> None:
    with holding(tmp_path) as killed:
        killed.has_it()
        killed.process.kill()
        killed.process.wait()
        with hold_lease(tmp_path, "run-k", "train", patience=0):
            pass


# -- waiting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", [{}, {**TRY, "MEDLOOM_TRY": "2"}], ids=["person", "task"])
def test_a_persons_command_is_waited_for(tmp_path: Path, second: dict[str, str]) -> None:
    with holding(tmp_path, "ingest") as first:
        first.has_it()
        with holding(tmp_path, "ingest", **second) as then:
            said = then.says()
            assert said.startswith("medloom: waiting for 'ingest', ")
            assert f"process {first.process.pid} on {Place.here().host} (relabel), since " in said
            assert first.lives
            first.let_go()
            then.has_it()
            then.let_go()


def test_patience_ends_with_what_to_do(tmp_path: Path) -> None:
    with holding(tmp_path) as person, holding(tmp_path, "ingest", MEDLOOM_TRY="1", **TRY) as task:
        person.has_it()
        refused(
            tmp_path, "run-k", "did not release .*; let it finish, or end it where it runs, then"
        )
        task.has_it()
        refused(tmp_path, "ingest", "end all tasks with `medloom down`, then repeat the command")
        task.pretend({"place": {"host": "elsewhere"}})
        refused(tmp_path, "ingest", "end it on elsewhere")
        assert person.lives
        assert task.lives


def test_a_person_waits_ten_minutes_and_a_task_as_long_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience: list[float] = []

    def wait(*given: Any) -> None:
        patience.append(given[-1])

    monkeypatch.setattr(leases, "_wait", wait)
    with hold_lease(tmp_path, "run-k", "compare"):
        pass
    try_number(monkeypatch, 1)
    with hold_lease(tmp_path, "run-k", "train"):
        pass
    assert patience == [600, math.inf]


def test_a_file_system_without_locks_gives_no_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuses)
    refused(tmp_path, "run-k", r"cannot be locked \(Operation not supported\)")
    with hold_if_idle(tmp_path, "run-k", "clean") as why:
        assert "cannot be locked" in why


# -- an earlier try --------------------------------------------------------------------------------


def test_a_later_try_ends_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holding(tmp_path, MEDLOOM_TRY="1", **TRY) as earlier:
        earlier.has_it()
        try_number(monkeypatch, 2)
        with hold_lease(tmp_path, "run-k", "train", patience=0):
            assert not earlier.lives


@pytest.mark.parametrize(
    "other",
    [
        {"place": {"pids": "pid:[1]"}},
        {"place": {"host": "elsewhere"}},
        {"place": {"boot": "an earlier one"}},
        {"started": 1e9},
        {"task": None},
        {"task": {"task": "evaluate"}},
        {"task": {"run": "another"}},
        {"task": {"dag": "another"}},
        {"task": {"index": 3}},
        {"task": {"attempt": 2}},
        {"task": {"attempt": 3}},
    ],
    ids=str,
)
def test_a_later_try_ends_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    with holding(tmp_path, MEDLOOM_TRY="1", **TRY) as it:
        it.has_it()
        it.pretend(other)
        try_number(monkeypatch, 2)
        refused(tmp_path, "run-k")
        assert it.lives
        it.let_go()


def test_down_ends_a_task_of_any_try(tmp_path: Path) -> None:
    with holding(tmp_path, MEDLOOM_TRY="7", **TRY) as task:
        task.has_it()
        end_holder(task.file)
        assert not task.lives


@pytest.mark.parametrize(
    "other",
    [
        {"task": None},
        {"place": {"pids": "pid:[1]"}},
        {"place": {"host": "elsewhere"}},
        {"started": 1e9},
    ],
    ids=str,
)
def test_down_ends_no_person_no_server_and_nothing_elsewhere(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    with holding(tmp_path, MEDLOOM_TRY="7", **TRY) as it:
        it.has_it()
        it.pretend(other)
        end_holder(it.file)
        assert it.lives
        it.let_go()


def test_ending_the_holder_of_a_free_lease_ends_no_process(tmp_path: Path) -> None:
    with holding(tmp_path, "another", MEDLOOM_TRY="1", **TRY) as bystander:
        bystander.has_it()
        file = tmp_path / "run-k.lease"
        file.write_text(bystander.file.read_text())
        end_holder(file)
        assert bystander.lives


# -- the record ------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", ["token\n{pid}\n", "", "token", "token\n{{}}\n", "\n\n\n", "é\0"])
def test_a_file_of_another_version_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    file = tmp_path / "run-k.lease"
    with holding(tmp_path) as bystander:
        bystander.has_it()
        file.write_text(left.format(pid=bystander.process.pid))
        end_holder(file)
        try_number(monkeypatch, 2)
        refused(tmp_path, "run-k", "held by an unknown process")
        assert bystander.lives
    with hold_lease(tmp_path, "run-k", "train", patience=0) as lease:
        token, record = file.read_text().splitlines()
        assert token == lease["MEDLOOM_LEASE_TOKEN"]
        assert json.loads(record)["task"]["attempt"] == 2
    assert file.read_text() == ""


def test_a_lease_of_ones_own_leaves_no_file(tmp_path: Path) -> None:
    with hold_own_lease(tmp_path, "show") as one, hold_own_lease(tmp_path, "show") as two:
        assert one != two
        assert lease_of(one) == one
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def test_every_workspace_has_its_lease() -> None:
    assert lease_of("0123456789abcdef") == "run-0123456789abcdef"
    for name in ("ingest", "relabel", "withdraw", "quarantine"):
        assert lease_of(name) == "ingest"
    assert lease_of("purge") == "purge"
    for name in ("show-4711", "look", "0123"):
        assert lease_of(name) is None


# -- what is idle ----------------------------------------------------------------------------------


def test_a_lease_is_idle_if_free_or_its_holder_was_killed_here(tmp_path: Path) -> None:
    with hold_if_idle(tmp_path, "run-k", "clean") as why:
        assert why == ""
    with hold_lease(tmp_path, "run-k", "train"), hold_if_idle(tmp_path, "run-k", "clean") as why:
        assert why.startswith(f"in use by process {os.getpid()} on ")
    with holding(tmp_path) as killed:
        killed.has_it()
    with hold_if_idle(tmp_path, "run-k", "clean") as why:
        assert why == ""


def test_a_holder_elsewhere_may_still_use_the_lease(tmp_path: Path) -> None:
    file, me = tmp_path / "run-k.lease", Holder.me("train")

    def why(place: Place) -> str:
        file.write_text(me.model_copy(update={"place": place}).text)
        with hold_if_idle(tmp_path, "run-k", "clean") as found:
            return found

    here = Place.here().model_copy(update={"machine": "m"})
    assert "may be in use by" in why(here.model_copy(update={"host": "elsewhere"}))
    assert "may be in use by" in why(here.model_copy(update={"pids": "pid:[1]"}))
    file.write_text("token\n17\n")
    with hold_if_idle(tmp_path, "run-k", "clean") as found:
        assert "may be in use by" in found


def test_a_reboot_ends_what_was_here() -> None:
    here = Place(host="h", machine="m", boot="2", pids="p")
    assert Place(host="h", machine="m", boot="1", pids="q").is_over(here)
    assert not Place(host="h", machine="m", boot="2", pids="q").is_over(here)
    assert not Place(host="g", machine="m", boot="1", pids="p").is_over(here)
    unknown = here.model_copy(update={"machine": ""})
    assert not unknown.model_copy(update={"boot": "1"}).is_over(unknown)
