"""Counting the images that this project's app and command line draw.

Each draw appends a line to a file of its host and month, in one write, so that nothing is lost by a
crash, and processes need no lock. Draws of consumers that load a version from MLflow are not
counted: they tell nobody.
"""

import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.base.project import Project

FORMAT = 1


class Drawn(NamedTuple):
    """Images drawn of one class of one version.

    Attributes:
        source: what drew them, such as app or generate.
        version: number of the version.
        label: class, or mixture, that was asked for.
        images: how many.
    """

    source: str
    version: int
    label: str
    images: int


class DrawCounter:
    """Counts what one kind of process draws; a disk that is full stops no drawing."""

    def __init__(
        self, folder: Path, source: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Count into a folder.

        Args:
            folder: see `Project.draws`.
            source: what draws, such as app.
            now: the time, in UTC.
        """
        self._folder, self._source, self._now = folder, source, now

    @classmethod
    def of(cls, project: Project, source: str) -> "DrawCounter":
        """The counter of a project."""
        return cls(project.draws, source)

    def count(self, version: int, labels: Sequence[str]) -> None:
        """Count images, by the label of each."""
        now = self._now()
        lines = "".join(
            json.dumps(
                {
                    "format": FORMAT,
                    "time": now.isoformat(timespec="seconds"),
                    "source": self._source,
                    "version": version,
                    "label": label,
                    "images": images,
                }
            )
            + "\n"
            for label, images in sorted(Counter(labels).items())
        )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._folder / f"{socket.gethostname()}-{now:%Y-%m}.jsonl"
            # O_APPEND: lines of several processes follow each other, whole.
            place = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(place, lines.encode())
            finally:
                os.close(place)
        except OSError:  # whoever draws wants images
            return


def drawn_so_far(folder: Path) -> tuple[list[Drawn], int]:
    """All that was counted in a folder, by source, version and class.

    Returns:
        The sums, sorted, and the number of lines that could not be read, such as of a full disk or
        of a newer medloom.
    """
    sums: Counter[tuple[str, int, str]] = Counter()
    unread = 0
    for file in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        for one in _read(file.read_text(errors="replace").splitlines()):
            if one is None:
                unread += 1
            else:
                sums[one[:3]] += one.images
    return sorted(Drawn(*key, images) for key, images in sums.items()), unread


def _read(lines: Iterable[str]) -> Iterable[Drawn | None]:
    for line in lines:
        try:
            told = json.loads(line)
            one = Drawn(
                str(told["source"]), int(told["version"]), str(told["label"]), int(told["images"])
            )
            yield one if int(told["format"]) <= FORMAT else None
        except (ValueError, KeyError, TypeError):
            yield None
