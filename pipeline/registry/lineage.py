"""The lineage of a run's weights."""

import hashlib
import os
from pathlib import Path

import yaml

from pipeline.base.start import FRESH, ORIGIN_FILE, Start
from pipeline.data.manifest import MANIFEST_FOLDER, RAW_FOLDER
from pipeline.ledger.ledger import Workspace
from pipeline.ledger.run import opening, read_openings

DESCENDS_TAG, DESCENDS_RUN_TAG = "medloom.descends_from", "medloom.descends_from_run"
"""Version and run key whose networks a training went on from; "none" if it began fresh."""
_MOST_BECAUSE = 1000
"""Characters of the tag that says why; MLflow's tags hold some thousand, and git has all of it."""


def lineage(work: Workspace, key: str) -> dict[str, str]:
    """The lineage of a run's weights as MLflow tags; git remains the authority."""
    lock = (work.folder / "dvc.lock").read_text()
    _, code, data = opening(work.git, "HEAD")
    opened = read_openings(work.git, ["HEAD"]).get(key)
    upstream = work.git.run("log", "-1", "--format=%b", code).split("\n")
    facts = dict(line.split(" ", 1) for line in upstream if " " in line)
    return {
        "medloom.run_key": key,
        "dvc.git_commit": work.head(),
        "dvc.lock_sha256": hashlib.sha256(lock.encode()).hexdigest(),
        "dvc.data_md5": data_listing(lock),
        "medloom.code_commit": code,
        "medloom.data_commit": data,
        **descent_tags(_start(work.folder)),
        "medloom.upstream_commit": facts.get("upstream", "none"),
        "medloom.upstream_dirty": facts.get("dirty", "unknown"),
        "medloom.installed_version": facts.get("installed", "none"),
        "medloom.manifest_sha256": _manifest_sha256(work.folder),
        "medloom.dag_id": os.environ.get("MEDLOOM_DAG_ID", "none"),
        "medloom.dag_run_id": os.environ.get("MEDLOOM_RUN_ID", "none"),
        "medloom.try": os.environ.get("MEDLOOM_TRY", "1"),
        "medloom.trigger": os.environ.get("MEDLOOM_TRIGGER", "manual"),
        "medloom.because": (opened.because[:_MOST_BECAUSE] if opened else "") or "none",
    }


def descent_tags(start: Start) -> dict[str, str]:
    """What a version descends from, as MLflow tags."""
    fresh = start == FRESH
    return {
        DESCENDS_TAG: "none" if fresh else str(start.version),
        DESCENDS_RUN_TAG: "none" if fresh else start.run_key,
    }


def _start(folder: Path) -> Start:
    file = folder / ORIGIN_FILE
    return Start.parse(file.read_text() if file.exists() else None)


def data_listing(lock: str) -> str:
    """DVC's md5 of the listing of data/raw in a dvc.lock."""
    deps = yaml.safe_load(lock)["stages"]["preprocess"]["deps"]
    return str(next(dep["md5"] for dep in deps if dep["path"] == str(RAW_FOLDER)))


def _manifest_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted((folder / MANIFEST_FOLDER).glob("*.csv")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
