"""Remove every copy of withdrawn images that medloom made, and every file that shows them.

Each call finds what to remove from the ledger, and records it in the journal before it removes
anything. So repeating a killed call completes it, and an audit knows which objects are missing on
purpose. Hashes in the ledger, weights and generated images are kept.
"""

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Protocol

import yaml

from pipeline.base.project import Project
from pipeline.data.formats.canonical import THUMBNAILS_FILE
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.shared_index import fetch_index, share_index
from pipeline.data.manifest import RAW_FOLDER
from pipeline.data.revise.affected import affected_runs, runs_holding
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.journal import Journal
from pipeline.ledger.lease import hold_lease, lease_of
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.objects import Objects
from pipeline.ledger.remote_files import RemoteFiles, checkpoints_of

PURGED = "purged"
PICTURES = ("grid-*.png", "nearest.png", "report.html")
"""Files with real images that the evaluate stage and the report write."""
NETWORKS = "networks.safetensors"
"""All networks of a training: those that judge help to tell which images were learned from."""


class Artifacts(Protocol):
    """The part of the registry that a purge needs."""

    def run_artifacts_named(self, run_key: str, names: Collection[str]) -> list[str]:
        """Artifacts of the MLflow runs of a run key whose file name matches a pattern."""
        ...

    def delete_artifact(self, artifact: str) -> None:
        """Remove an artifact, named as by `run_artifacts_named`; it need not exist."""
        ...


@dataclass(frozen=True)
class Purge:
    """What a purge removes.

    Attributes:
        images: ids of the withdrawn images.
        objects: md5 of stored images, thumbnails, arrays, pictures and networks that judge, in the
            DVC remote and cache.
        runs: keys of the runs that learned from a revision with one of the images, and of those
            that went on from the networks of such a run.
        showing: those whose own revision holds one, so that their pictures may show it.
        artifacts: of MLflow, "<run id>/<path>".
        folders: checkpoints, workspaces and caches; paths inside the state are relative to it.
        pages: of reports, relative to the state.
        beside: checkpoints of the runs in the DVC remote, next to its objects.
        lost: listings in neither remote nor cache, whose objects cannot be found.
        committed: data commits with an image file in git itself, as an early version wrote them.
            They are not removed: that needs a rewrite of the ledger.
        left: how many of the objects existed before this call; an earlier one removed the others.
    """

    images: tuple[str, ...]
    objects: tuple[str, ...]
    runs: tuple[str, ...]
    showing: tuple[str, ...]
    artifacts: tuple[str, ...]
    folders: tuple[str, ...]
    pages: tuple[str, ...]
    beside: tuple[str, ...]
    lost: tuple[str, ...]
    committed: tuple[str, ...]
    left: int


def purge(
    project: Project,
    registry: Artifacts,
    images: Collection[str],
    *,
    by: str,
    reason: str,
    dry_run: bool = False,
) -> Purge:
    """Remove withdrawn images from this machine, the DVC remote and the registry.

    Run it on every other machine that worked on the project, too: each has its own caches.

    Args:
        project: the project.
        registry: of the project.
        images: ids of images that are withdrawn.
        by: who decided.
        reason: why.
        dry_run: change nothing.

    Raises:
        TransientError: a store or the registry cannot be reached, or an affected run or an ingest
            is in progress; repeat the call later.
    """
    ledger, beside = Ledger(project), RemoteFiles(project.remote)
    with (
        hold_lease(project.leases, "purge", "purge"),
        ledger.workspace(DATA, project.workspaces / "purge") as work,
    ):
        objects = Objects(work)
        plan = _plan(project, ledger, registry, objects, beside, set(images))
        if not dry_run:
            _record(ledger, plan, by, reason)
            _remove_local(project, plan)
            for md5 in plan.objects:
                objects.delete(md5)
            for name in plan.beside:
                beside.remove(name)
            for artifact in plan.artifacts:
                registry.delete_artifact(artifact)
            _forget(project, plan.images)
    return plan


# -- finding ---------------------------------------------------------------------------------------


def _plan(
    project: Project,
    ledger: Ledger,
    registry: Artifacts,
    objects: Objects,
    beside: RemoteFiles,
    images: set[str],
) -> Purge:
    revisions = Revisions(ledger)
    runs, showing = (find(ledger, revisions, images) for find in (affected_runs, runs_holding))
    finder = _Finder(ledger, objects, revisions, {}, set())
    shown = {*finder.raw(images), *finder.outputs(images, showing)}
    found = sorted(shown | set(finder.networks(runs)))
    artifacts = [name for key in showing for name in registry.run_artifacts_named(key, PICTURES)]
    return Purge(
        images=tuple(sorted(images)),
        objects=tuple(found),
        runs=tuple(sorted(runs)),
        showing=tuple(sorted(showing)),
        artifacts=tuple(sorted(artifacts)),
        folders=tuple(_names(project, _folders(project, runs))),
        pages=tuple(_names(project, _pages(project, showing))),
        beside=tuple(name for key in sorted(runs) for name in beside.names(checkpoints_of(key))),
        lost=tuple(sorted(finder.lost)),
        committed=tuple(finder.committed(images)),
        left=sum(map(objects.present, found)),
    )


@dataclass(frozen=True)
class _Finder:
    """Finds the objects that show images, by what the ledger lists."""

    ledger: Ledger
    objects: Objects
    revisions: Revisions
    listings: dict[str, dict[str, str]]
    lost: set[str]

    def raw(self, images: set[str]) -> Iterator[str]:
        """Stored images, and the thumbnails of every batch with one of them, in every revision."""
        for commit in self.revisions.commits:
            held = [row for row in self.revisions.rows(commit) if row.id in images]
            for batch in {row.batch for row in held}:
                text = self.ledger.read(commit, f"{RAW_FOLDER / batch}.dvc") or "outs: []"
                names = {f"{row.id}.png" for row in held} | {THUMBNAILS_FILE}
                for out in yaml.safe_load(text)["outs"]:
                    files = self._listing(out["md5"])
                    yield from (md5 for name, md5 in files.items() if name in names)

    def outputs(self, images: set[str], runs: Mapping[str, str]) -> Iterator[str]:
        """Arrays of the runs' splits with the images, and pictures of the runs."""
        for key, data in runs.items():
            held = [row for row in self.revisions.rows(data) if row.id in images]
            splits = {row.split for row in held}
            arrays = [p for s in splits for p in (f"{s}/images.npy", f"contact-{s}-*.png")]
            shown = (*arrays, *PICTURES, *(f"*/{picture}" for picture in PICTURES))
            for name, md5 in self._written(key):
                if any(fnmatch(name, pattern) for pattern in shown):
                    yield md5

    def networks(self, runs: Iterable[str]) -> Iterator[str]:
        """All networks of the runs' trainings, a baseline's included."""
        for key in runs:
            yield from (md5 for name, md5 in self._written(key) if Path(name).name == NETWORKS)

    def _written(self, key: str) -> Iterator[tuple[str, str]]:
        """Path within its folder and md5 of every file that the run's stages wrote."""
        head = self.ledger.head(f"run/{key}")
        lock = yaml.safe_load(self.ledger.read(head, "dvc.lock") or "{}") if head else {}
        for out in _outs(lock):
            yield from self._listing(out["md5"]).items()

    def committed(self, images: set[str]) -> Iterator[str]:
        """Data commits with a file of one of the images in git."""
        for commit in self.revisions.commits:
            listed = self.ledger.mirror.run("ls-tree", "-r", "--name-only", commit, f"{RAW_FOLDER}")
            if any(Path(name).stem in images for name in listed.splitlines()):
                yield commit

    def _listing(self, md5: str) -> dict[str, str]:
        if md5 not in self.listings:
            files = self.objects.listing(md5)
            if files is None:
                self.lost.add(md5)
            self.listings[md5] = files or {}
        return self.listings[md5]


def _outs(lock: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The folders among the outputs in a dvc.lock."""
    outs = (out for stage in lock.get("stages", {}).values() for out in stage.get("outs", []))
    return [out for out in outs if out["md5"].endswith(".dir")]


def _folders(project: Project, runs: Collection[str]) -> Iterator[Path]:
    """Folders on this host that may hold pixels and are not needed, or can be recreated."""
    yield from (project.checkpoints / key for key in sorted(runs))
    yield from _workspaces(project, runs)
    yield from _caches(project)


def _workspaces(project: Project, runs: Collection[str]) -> Iterator[Path]:
    yield from (project.workspaces / name for name in (*sorted(runs), "ingest", "withdraw"))
    for looks in ("show-*", "report-*"):
        yield from sorted(project.workspaces.glob(looks))


def _caches(project: Project) -> Iterator[Path]:
    # No listing has the files that a killed stage left in the cache, so the cache is emptied. It
    # fills again from the remote; a stage that misses a file is retried.
    yield from (project.cache / "features", project.cache / "dvc" / "files")


def _pages(project: Project, runs: Collection[str]) -> Iterator[Path]:
    """Report pages of runs, in the folders of DAG runs."""
    for folder in sorted(path for path in project.runs.glob("*") if path.is_dir()):
        if _run_keys(folder) & set(runs):
            yield from (file for name in PICTURES for file in sorted(folder.glob(name)))


def _run_keys(folder: Path) -> set[str]:
    """Run keys of a DAG run's folder: from its plan, or its report if another host planned it."""
    files = {name: folder / f"{name}.json" for name in ("plan", "report")}
    facts = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    plan, report = facts.get("plan", {}), facts.get("report", {})
    return {plan.get("run", {}).get("key", ""), report.get("key") or ""} - {""}


def _names(project: Project, paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        if path.exists():
            inside = path.is_relative_to(project.state)
            yield str(path.relative_to(project.state) if inside else path)


# -- removing --------------------------------------------------------------------------------------


def _record(ledger: Ledger, plan: Purge, by: str, reason: str) -> None:
    """Record in the journal what is removed, unless it is recorded already."""
    wanted = {name: set(getattr(plan, name)) for name in ("objects", "images", "artifacts")}
    while True:
        journal = Journal(ledger)
        recorded = [record.details for record in journal.records if record.action == PURGED]
        if all(
            values <= {value for details in recorded for value in details[name]}
            for name, values in wanted.items()
        ):
            return
        details = {name: sorted(values) for name, values in wanted.items()}
        if journal.append(
            action=PURGED,
            version=None,
            by=by,
            reason=reason,
            details=details | {"runs": list(plan.runs)},
        ):
            return


def _remove_local(project: Project, plan: Purge) -> None:
    """Remove folders and pages of this host, each when no process holds its lease."""
    for folder in _workspaces(project, plan.runs):
        with hold_lease(project.leases, lease_of(folder.name) or folder.name, "purge"):
            _remove(folder)
            if folder.name in plan.runs:
                _remove(project.checkpoints / folder.name)
    with hold_lease(project.leases, "ingest", "purge"):
        for path in (*_caches(project), *_pages(project, plan.showing)):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _forget(project: Project, images: Collection[str]) -> None:
    """Remove the images from this host's index and from the shared index."""
    index = LocalIndex.of(project)
    fetch_index(project, index)
    index.forget(entry for entry in index.entries() if entry.image_id in images)
    share_index(project, index)
