"""Whether a workspace is in use is decided by its lease, not by its age."""

import os
from pathlib import Path

import pytest

from pipeline.base.project import Project
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.lease_holder import Holder, Place
from pipeline.local.cleaning import Leftover, find_leftovers, remove
from tests.support.leases import holding

KEY, IDLE = "0123456789abcdef", "fedcba9876543210"
ONE_LOOK = "show-0123456789ab"


def work_in(project: Project, *parts: str) -> Path:
    """A workspace that nothing was written to for months."""
    folder = project.workspaces.joinpath(*parts)
    folder.mkdir(parents=True)
    (folder / "images.npy").write_bytes(b"x" * 100)
    for path in (folder / "images.npy", folder, project.workspaces / parts[0]):
        os.utime(path, (1e9, 1e9))
    return project.workspaces / parts[0]


def kept(found: list[Leftover]) -> dict[str, str]:
    return {item.kind: item.why for item in found if item.why.startswith("kept: ") and item.paths}


@pytest.mark.parametrize(
    ("lease", "parts"),
    [
        (f"run-{KEY}", (KEY, "train")), ("ingest", ("ingest",)), ("ingest", ("relabel",)),
        ("ingest", ("withdraw",)), ("ingest", ("quarantine",)), ("purge", ("purge",)),
        (ONE_LOOK, (ONE_LOOK,)),
    ],
)  # fmt: skip
def test_a_workspace_goes_with_its_lease_and_not_with_its_age(
    project: Project, lease: str, parts: tuple[str, ...]
) -> None:
    folder, idle = work_in(project, *parts), work_in(project, IDLE, "train")
    with hold_lease(project.leases, lease, "train"):
        found = find_leftovers(project)
        why = kept(found)[f"workspaces/{parts[0]}"]
        assert why.startswith(f"kept: in use by process {os.getpid()} on ")
        remove(project, found)
        assert folder.exists()
        assert not idle.exists()
    remove(project, find_leftovers(project))
    assert not folder.exists()


def test_what_a_killed_process_left_goes_at_once(project: Project) -> None:
    folder = work_in(project, KEY, "train")
    (folder / "train" / "new.txt").write_text("a moment ago")
    with holding(project.leases, f"run-{KEY}") as killed:
        killed.has_it()
    remove(project, find_leftovers(project))
    assert not folder.exists()


def test_what_is_taken_after_the_look_stays(project: Project) -> None:
    folder = work_in(project, KEY, "train")
    found = find_leftovers(project)
    assert [item.paths for item in found if item.kind == "workspaces"] == [(folder,)]
    with hold_lease(project.leases, f"run-{KEY}", "train"):
        after = remove(project, found)
    assert [item.paths for item in after if item.kind == "workspaces"] == [()]
    assert folder.exists()


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"pids": "pid:[1]"}], ids=str)
def test_what_another_place_may_use_is_kept_and_named(
    project: Project, change: dict[str, str]
) -> None:
    folder = work_in(project, KEY, "train")
    holder = Holder.me("train")
    there = holder.model_copy(update={"place": Place.here().model_copy(update=change)})
    project.leases.mkdir(parents=True)
    (project.leases / f"run-{KEY}.lease").write_text(there.text)
    found = find_leftovers(project)
    assert "may be in use by" in kept(found)[f"workspaces/{KEY}"]
    remove(project, found)
    assert folder.exists()


@pytest.mark.parametrize("name", ["show-4711", "report-4711", "mine"])
def test_a_folder_of_no_lease_is_kept_and_named(project: Project, name: str) -> None:
    folder = work_in(project, name)
    found = find_leftovers(project)
    assert "no known lease" in kept(found)[f"workspaces/{name}"]
    remove(project, found)
    assert folder.exists()
