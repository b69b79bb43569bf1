"""A run: one code, one data revision and one set of parameters, on a branch of the ledger."""

import yaml

from pipeline.ledger.ledger import Ledger

STAGES = ("preprocess", "train", "evaluate")
"""The DVC stages, in their order."""


def has_result(ledger: Ledger, key: str, stage: str) -> bool:
    """Whether a stage of a run is done: its outputs are in the remote and in dvc.lock."""
    head = ledger.head(f"run/{key}")
    lock = yaml.safe_load(ledger.read(head, "dvc.lock") or "{}") if head else {}
    return stage in lock.get("stages", {})
