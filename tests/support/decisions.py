"""What tests of decisions share: a registry's double, and verdicts to put into a journal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.faults.race import SqliteRegistry
from pipeline.base.project import Project
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.promotion.champion import Facts, champion_number
from pipeline.registry.output_spec import OutputSpec


class FakeRegistry(SqliteRegistry):
    """Versions whose weights are their number, that draw noise of 8 x 8 pixels."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "registry.sqlite")
        self.blank: set[int] = set()
        self.tried: list[int] = []
        self.told: dict[int, dict[str, str]] = {}

    def weights(self, version: int) -> str:
        return weights(version)

    def output_spec(self, version: int) -> OutputSpec:
        return OutputSpec(("stone", "cyst"), 8)

    def run_keys(self) -> dict[int, str]:
        return {version: f"k{version}" for version in sorted({*self.aliases().values()})}

    def tag(self, version: int, name: str, value: str) -> None:
        self.told.setdefault(version, {})[name] = value

    def tags(self, version: int) -> dict[str, str]:
        return self.told.get(version, {})

    def draw(self, version: int, labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        self.tried.append(version)
        noise = np.random.default_rng(seed).integers(0, 256, (len(labels), 8, 8), dtype=np.uint8)
        return noise * (version not in self.blank)

    def make(self, version: int, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        raise AssertionError(f"version {version} draws images; nothing is given to it")


class Story:
    """A project's journal that is being written, and its registry."""

    def __init__(self, project: Project) -> None:
        self.ledger = Ledger(project)
        self.registry = FakeRegistry(project.state)

    @property
    def journal(self) -> Journal:
        return Journal(self.ledger)

    @property
    def champion(self) -> int | None:
        return champion_number(self.journal)

    def verdict(self, action: str, version: int, **changes: Any) -> Record:
        """The gate's verdict on a version, against the champion of now."""
        journal = self.journal
        record = journal.append(**verdict_facts(journal, action, version) | changes)
        assert record
        return record


def weights(version: int) -> str:
    return f"{version:064x}"


def verdict_facts(journal: Journal, action: str, version: int) -> Facts:
    return {
        "action": action, "version": version, "weights_sha256": weights(version),
        "run_key": f"k{version}", "data": "d", "predecessor": champion_number(journal),
        "verdict": {"rules": []}, "test_set": "t", "by": "gate", "reason": f"{action} by rule",
        "details": {"approval": ["code is false"]} if action == "awaiting" else {},
    }  # fmt: skip
