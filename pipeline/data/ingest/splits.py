"""Choose the split of a new group: the one furthest below its target, counted in groups.

Groups, not images, because the group is the statistical unit: the gate compares one score per test
group. A group never moves, so each placement looks only at the current counts.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping

from pipeline.data.processed import SPLITS


class SplitBook:
    """Counts the groups of each class in each split, and places the next one.

    Args:
        shares: target share of each class's groups by split.
    """

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = shares
        self._groups: Counter[tuple[str, str]] = Counter()

    def add(self, labels: Iterable[str], split: str) -> None:
        """Count one group that holds images of `labels`."""
        self._groups.update((label, split) for label in labels)

    def place(self, group: str, labels: Iterable[str]) -> str:
        """Choose the split of a new group, and count it.

        A split without the class has priority, so that three groups fill three splits; then the
        split furthest below target over the group's classes; ties by a hash of the group's name.
        """
        labels = sorted(set(labels))

        def need(split: str) -> tuple[int, float, str]:
            lacking = sum(not self._groups[label, split] for label in labels)
            below = sum(self._below(label, split) for label in labels)
            tie = hashlib.sha256(f"{group} {split}".encode()).hexdigest()
            return lacking, round(below, 9), tie

        split = max(SPLITS, key=need)
        self.add(labels, split)
        return split

    def lacking(self, labels: Iterable[str]) -> list[tuple[str, str]]:
        """The (class, split) pairs that hold no group."""
        pairs = ((label, split) for label in sorted(labels) for split in SPLITS)
        return [pair for pair in pairs if not self._groups[pair]]

    def groups(self, label: str) -> int:
        """Groups of one class over all splits."""
        return sum(self._groups[label, split] for split in SPLITS)

    def _below(self, label: str, split: str) -> float:
        return self._shares[split] * (self.groups(label) + 1) - self._groups[label, split]
