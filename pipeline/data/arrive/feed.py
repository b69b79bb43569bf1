"""Bringing files into the landing zone as any sender should: whole files, none overwritten.

What is told of a file (its patient, its class, its view) goes into the list of its folder before
the file itself comes, so that whoever ingests meanwhile knows it too.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.data.arrive.arriving import (
    arriving,
    disk_of,
    fingerprint,
    settle,
    sweep,
    write_lines,
)
from pipeline.data.arrive.fetched import Fetched, marked
from pipeline.data.arrive.plan import Coming, Plan, make_plan, open_source
from pipeline.data.arrive.source import UnsteadyError
from pipeline.data.landing.lists import Line

OnProgress = Callable[[int, int, int, int], None]
"""Called as (files done, all files, bytes done, all bytes), by one thread at a time."""


@dataclass(frozen=True)
class Fed:
    """What was brought.

    Attributes:
        copied: files that came.
        present: files that lay there already.
        unsafe: files whose names cannot lie in a folder.
        unsteady: paths of files that changed or went away while they were read; they did not come.
    """

    copied: int
    present: int
    unsafe: int = 0
    unsteady: tuple[str, ...] = field(default=(), repr=False)


def feed(source: Path, landing: Path, *, on_progress: OnProgress | None = None) -> Fed:
    """Copy a folder of class folders into the landing zone: `make_plan` and `bring` in one.

    Raises:
        BadInputError, TransientError: as those do.
    """
    return bring(make_plan(open_source(str(source)), landing), landing, on_progress=on_progress)


def bring(
    plan: Plan,
    landing: Path,
    *,
    fetched: Fetched | None = None,
    on_progress: OnProgress | None = None,
) -> Fed:
    """Do what a plan says; the source is only read.

    Symbolic links are copied as links (ingest will refuse them and say so). A file of the same name
    but another content comes in beside the one that lies there, under a name with a piece of its
    hash.

    Args:
        plan: of `make_plan`, a moment ago.
        landing: the landing zone, made when missing.
        fetched: remembers what came from a store.
        on_progress: how far it is.

    Raises:
        BadInputError: a file cannot be read, or a name or a link in the landing zone is in the way.
        TransientError: the store or the landing zone's disk failed. What came until then is whole
            and stays.
    """
    tally = _Tally(plan, on_progress)
    with disk_of(landing):
        landing.mkdir(parents=True, exist_ok=True)
        sweep(landing, {coming.path.rpartition("/")[0] for coming in plan.coming})
        write_lines(landing, all_lines(plan))
        bringing = _Bringing(plan, landing, fetched, tally)
        todo = [coming for coming in plan.coming if not coming.lies]
        came, unsteady = 0, []
        with ThreadPoolExecutor(plan.source.at_once) as pool:
            futures = {pool.submit(bringing, coming): coming for coming in todo}
            try:
                for future in as_completed(futures):
                    try:
                        came += future.result()
                    except UnsteadyError:
                        unsteady.append(futures[future].item.path)
            except BaseException:
                tally.stopped = True
                pool.shutdown(cancel_futures=True)
                raise
    present = len(plan.coming) - came - len(unsteady)
    return Fed(came, present, len(plan.unsafe), tuple(sorted(unsteady)))


def all_lines(plan: Plan) -> dict[str, list[Line]]:
    """Rows by folder, of all files whose names are certain by now."""
    lists = defaultdict(list, {folder: list(lines) for folder, lines in plan.lists.items()})
    for coming in plan.coming:
        for folder, lines in coming.lines.items() if coming.lies is not None else ():
            lists[folder] += lines
    return lists


class _Tally:
    """Counts for whoever watches; from several threads."""

    def __init__(self, plan: Plan, on_progress: OnProgress | None) -> None:
        self._lock, self._on_progress = threading.Lock(), on_progress
        self._files, self._all_files = 0, len(plan.coming)
        self._bytes, self._all_bytes = 0, sum(max(c.item.size, 0) for c in plan.coming)
        self.stopped = False
        lying = [coming for coming in plan.coming if coming.lies]
        self.add(len(lying), sum(max(c.item.size, 0) for c in lying))

    def add(self, files: int, more: int) -> None:
        """So many files and bytes more."""
        if self.stopped:
            raise InterruptedError("another file failed, or a person ended it")
        with self._lock:
            self._files += files
            self._bytes += more
            if self._on_progress:
                self._on_progress(self._files, self._all_files, self._bytes, self._all_bytes)


@dataclass(frozen=True)
class _Bringing:
    plan: Plan
    landing: Path
    fetched: Fetched | None
    tally: _Tally

    def __call__(self, coming: Coming) -> bool:
        """Bring one file; False when it turns out to lie there already."""
        with arriving(self.landing, coming.path) as hidden:
            self.plan.source.fetch(coming.item, hidden, lambda more: self.tally.add(0, more))
            coming, came = self._settle(coming, hidden)
        if self.fetched:
            source = self.plan.source
            self.fetched.remember(source, coming.item, self.landing, coming.path, coming.mark)
        self.tally.add(1, 0)
        return came

    def _settle(self, coming: Coming, hidden: Path) -> tuple[Coming, bool]:
        """Give a whole file its name, beside what lies there, and say whether it is new."""
        listed = coming.lies is not None
        while True:
            target = self.landing / marked(coming.path, coming.mark)
            if target.is_symlink() or target.exists():
                mark = fingerprint(hidden)
                same = mark == coming.mark or (not target.is_dir() and mark == fingerprint(target))
                if not same:
                    coming, listed = replace(coming, mark=mark), False
                    continue
                if not listed:
                    write_lines(self.landing, coming.lines)
                return coming, False
            if not listed:
                write_lines(self.landing, coming.lines)
                listed = True
            if settle(self.landing, marked(coming.path, coming.mark), hidden):
                return coming, True
