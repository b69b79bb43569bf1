"""Local files, archives and flat folders; growing and unreadable files; full disks."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import BadInputError, ExitCode
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.data.arrive.feed import FeedReport, apply_plan
from pipeline.data.arrive.feed_plan import FeedPlan, open_source, plan_feed
from pipeline.data.arrive.local import LocalSource
from pipeline.data.arrive.source import Item, OnBytes
from pipeline.data.branch import declare_data
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.zone import scan
from pipeline.flow import steps
from pipeline.ledger.ledger import DATA, Ledger
from tests.pipeline.cli.test_main import invoke
from tests.pipeline.data.ingest.test_run import snapshot
from tests.support.pictures import encode, fill, picture, put

pytestmark = pytest.mark.usefixtures("dvc_in_process")


def plan(source: Path, landing: Path, label: str | None = None) -> FeedPlan:
    return plan_feed(open_source(str(source)), landing, label=label)


def paths(made: FeedPlan) -> list[str]:
    return [planned.path for planned in made.files]


def zipped(file: Path, *names: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, encode(picture(number)))
    return file


def test_paths_of_a_file_a_flat_folder_and_an_archive(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    flat = tmp_path / "flat"
    put(flat / "deep" / "b.png", b"1")
    put(flat / "a.png", b"1")
    put(flat / ".hidden" / "c.png", b"1")
    archive = zipped(tmp_path / "scans.zip", "stone/a.png")
    assert paths(plan(flat, landing, "Stone")) == ["stone/a.png", "stone/deep/b.png"]
    assert paths(plan(flat / "a.png", landing, "cyst")) == ["cyst/a.png"]
    assert paths(plan(archive, landing)) == ["scans.zip"]
    assert paths(plan(archive, landing, "cyst")) == ["cyst/scans.zip"]
    assert not landing.exists()


def test_without_a_class_a_label_is_required(tmp_path: Path) -> None:
    flat = put(tmp_path / "flat" / "a.png", encode(picture(0))).parent
    for source in (flat, flat / "a.png"):
        with pytest.raises(BadInputError, match="add --label CLASS"):
            plan(source, tmp_path / "landing")
    with pytest.raises(BadInputError, match="kidney-stone"):
        plan(flat, tmp_path / "landing", "../x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="holds no file"):
        plan(tmp_path / "empty", tmp_path / "landing", "stone")


def test_the_landing_zone_is_neither_copied_into_itself_nor_labelled(tmp_path: Path) -> None:
    landing = fill(tmp_path / "landing")
    before = snapshot(landing)
    assert apply_plan(plan(landing / "cyst", landing), landing) == FeedReport(0, 6)
    assert snapshot(landing) == before
    with pytest.raises(BadInputError, match="contains the landing zone"):
        plan(tmp_path, landing)
    with pytest.raises(BadInputError, match="leave --label out"):
        plan(landing / "cyst", landing, "stone")


def test_archive_and_single_image_to_a_data_revision(project: Project, tmp_path: Path) -> None:
    names = [f"{label}/{number}.png" for label in ("cyst", "stone") for number in range(4)]
    archive = zipped(tmp_path / "scans.zip", *names)
    first = json.loads(invoke(project, "ingest", str(archive), "--json"))
    assert (first["new"], first["copied"], sorted(first["images"])) == (8, 1, ["cyst", "stone"])
    one = put(tmp_path / "one.png", encode(picture(50)))
    second = json.loads(invoke(project, "ingest", str(one), "--label", "stone", "--json"))
    assert (second["new"], sum(second["images"]["stone"].values())) == (1, 5)


class Growing(LocalSource):
    """A source in which one file grows and another vanishes while it is read."""

    def fetch(self, item: Item, to: Path, tell: OnBytes) -> None:
        file = self.folder / item.path
        if file.name == "gone.png":
            file.unlink()

        def grow(more: int) -> None:
            if file.name == "late.png":
                with file.open("ab") as stream:
                    stream.write(b"more")
            tell(more)

        super().fetch(item, to, grow)


def test_files_that_change_or_vanish_during_the_copy_are_left_out(tmp_path: Path) -> None:
    for name in ("whole.png", "late.png", "gone.png"):
        put(tmp_path / "in" / "stone" / name, b"x" * 9_000_000)
    landing = tmp_path / "landing"
    fed = apply_plan(plan_feed(Growing(tmp_path / "in"), landing), landing)
    assert (fed.copied, fed.unsteady) == (1, ("stone/gone.png", "stone/late.png"))
    assert [str(f.relative_to(landing)) for f in landing.rglob("*")] == ["stone", "stone/whole.png"]
    assert apply_plan(plan(tmp_path / "in", landing), landing) == FeedReport(1, 1)
    (late,) = [f for f in scan(landing)[0] if f.path == "stone/late.png"]
    assert late.size == (tmp_path / "in" / "stone" / "late.png").stat().st_size


def test_a_dry_run_writes_nothing(project: Project, tmp_path: Path) -> None:
    source = fill(tmp_path / "in")
    put(source / "cyst" / "bad.png", b"")
    put(source / "cyst" / "copy.png", (source / "cyst" / "0-0.png").read_bytes())
    before = snapshot(tmp_path)
    dry = json.loads(invoke(project, "ingest", str(source), "--dry-run", "--json"))
    assert snapshot(tmp_path) == before
    assert not project.landing.exists()
    assert dry["files"] == 14
    assert dry["reasons"] == {"empty": 1}
    expected = {"new": 6, "duplicate": 1, "quarantined": 1, "patients": 0, "groups": 3}
    assert dry["classes"]["cyst"] == expected | {"known_groups": 0}

    invoke(project, "ingest", str(source))
    put(source / "cyst" / "phantom-1-a.png", encode(picture(70)))
    put(source / "cyst" / "0-9.png", encode(picture(0) // 2 * 2))
    before = snapshot(tmp_path)
    dry = json.loads(invoke(project, "ingest", str(source), "--dry-run", "--json"))
    assert snapshot(tmp_path) == before
    assert (dry["files"], dry["present"], dry["reasons"]) == (2, 14, {})
    expected = {"new": 2, "duplicate": 0, "quarantined": 0, "patients": 1, "groups": 0}
    assert dry["classes"] == {"cyst": expected | {"known_groups": 1}}
    real = json.loads(invoke(project, "ingest", str(source), "--json"))
    assert (real["new"], real["copied"], real["read"]) == (2, 2, 2)


def without_rights() -> list[str]:
    """A command prefix under which even root obeys file modes."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("root may read everything here, and setpriv does not change that")
    return prefix


def medloom(
    project: Project, *arguments: str, prefix: list[str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*prefix, sys.executable, "-m", "pipeline", *arguments],
        cwd=PROJECT_ROOT, env={**os.environ, **project.environment(), "COLUMNS": "300"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("what", ["file", "folder"])
def test_an_unreadable_file_is_named_and_nothing_is_copied(
    project: Project, tmp_path: Path, what: str
) -> None:
    prefix = without_rights()
    source = fill(tmp_path / "in")
    closed = source / "cyst" / "0-0.png" if what == "file" else source / "cyst"
    closed.chmod(0)
    done = medloom(project, "ingest", str(source), prefix=prefix)
    closed.chmod(0o755)
    assert done.returncode == ExitCode.BAD_INPUT
    assert f"{closed} cannot be read" in done.stderr
    assert "chmod" in done.stderr
    assert not project.landing.exists()


def test_an_unreadable_file_of_the_landing_zone_stays_pending(project: Project) -> None:
    prefix = without_rights()
    fill(project.landing)
    closed = project.landing / "cyst" / "0-0.png"
    closed.chmod(0)
    done = medloom(project, "ingest", "--json", prefix=prefix)
    closed.chmod(0o644)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["reasons"] == {"unreadable": 1}
    assert steps.ingest(project).new == 1


def full_disk(folder: Path, kib: int) -> list[str]:
    """A command prefix under which a folder is an empty disk of this size, for the command only.

    Afterwards its files are listed on stdout, after a line `left:`.
    """
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*namespace, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("this system lets nobody mount in a namespace")
    folder.mkdir(parents=True, exist_ok=True)
    shell = (
        f"mount -t tmpfs -o size={kib}k x '{folder}' && \"$@\"; code=$?; echo left:; "
        f"cd '{folder}' && find . -type f; exit $code"
    )
    return [*namespace, "sh", "-c", shell, "sh"]


def noise(folder: Path, count: int = 12) -> Path:
    """Images of 260 kB each, of two classes."""
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (512, 512), dtype=np.uint8)
        put(folder / ("cyst", "stone")[number % 2] / f"{number}.png", encode(pixels))
    return folder


def test_a_full_landing_zone_keeps_only_complete_files(project: Project, tmp_path: Path) -> None:
    source = noise(tmp_path / "in")
    before = snapshot(source)
    prefix = full_disk(project.landing, 1000)
    done = medloom(project, "ingest", str(source), prefix=prefix)
    assert done.returncode == ExitCode.TRANSIENT, done.stderr
    assert "cannot be written: No space left on device" in done.stderr
    assert "run the same command again" in done.stderr
    left = done.stdout.split("left:\n")[1].split()
    assert 1 <= len(left) < 12
    assert not [name for name in left if "/." in name[1:]]
    assert snapshot(source) == before
    assert not project.index_file.exists() or LocalIndex.of(project).entries() == []


def test_a_full_state_ingests_nothing(project: Project) -> None:
    noise(project.landing)
    declare_data(project, phantom=False)
    head, before = Ledger(project).head(DATA), snapshot(project.landing)
    done = medloom(project, "ingest", prefix=full_disk(project.workspaces, 1600))
    assert done.returncode == ExitCode.TRANSIENT, done.stderr
    assert "No space left on device" in done.stderr
    assert Ledger(project).head(DATA) == head
    assert LocalIndex.of(project).entries() == []
    assert snapshot(project.landing) == before
    assert steps.ingest(project).new == 12
