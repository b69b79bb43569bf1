"""A run: one code, one data revision and one set of parameters, on a branch of the ledger."""

from typing import Any

import yaml

from pipeline.ledger.ledger import Ledger

STAGES = ("preprocess", "train", "evaluate")
"""The DVC stages, in their order."""


def has_result(ledger: Ledger, key: str, stage: str) -> bool:
    """Whether a stage of a run is done: its outputs are in the remote and in dvc.lock."""
    head = ledger.head(f"run/{key}")
    return stage in _stages(ledger, head)


def outputs(ledger: Ledger, commit: str | None) -> dict[str, str]:
    """What the stages wrote, path -> md5 in the DVC store, at a commit of a run's branch."""
    stages = _stages(ledger, commit).values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}


def _stages(ledger: Ledger, commit: str | None) -> dict[str, Any]:
    lock = yaml.safe_load(ledger.read(commit, "dvc.lock") or "{}") if commit else {}
    stages: dict[str, Any] = lock.get("stages", {})
    return stages
