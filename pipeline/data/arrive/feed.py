"""Copy files into the landing zone: complete files only, none overwritten.

A file's row (patient, class, view) goes into the list of its folder before the file itself is
there, so that a concurrent ingest sees it too.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.data.arrive.feed_plan import FeedPlan, PlannedFile, open_source, plan_feed
from pipeline.data.arrive.fetched import FetchLog, marked
from pipeline.data.arrive.source import UnsteadyError
from pipeline.data.arrive.writing import (
    explain_disk_errors,
    fingerprint,
    hidden_file,
    publish,
    remove_partial,
    write_lists,
)
from pipeline.data.landing.lists import Line

OnProgress = Callable[[int, int, int, int], None]
"""Called as (files done, all files, bytes done, all bytes), by one thread at a time."""


@dataclass(frozen=True)
class FeedReport:
    """Result of a feed.

    Attributes:
        copied: files that were copied.
        present: files that were there already.
        unsafe: files whose names are not valid in the landing zone.
        unsteady: paths of files that changed or vanished while they were read; not copied.
    """

    copied: int
    present: int
    unsafe: int = 0
    unsteady: tuple[str, ...] = field(default=(), repr=False)


def feed(source: Path, landing: Path, *, on_progress: OnProgress | None = None) -> FeedReport:
    """Copy a folder of class folders into the landing zone: `plan_feed`, then `apply_plan`.

    Raises:
        BadInputError, TransientError: as those do.
    """
    return apply_plan(
        plan_feed(open_source(str(source)), landing), landing, on_progress=on_progress
    )


def apply_plan(
    plan: FeedPlan,
    landing: Path,
    *,
    fetched: FetchLog | None = None,
    on_progress: OnProgress | None = None,
) -> FeedReport:
    """Copy the files of a plan; the source is only read.

    Symbolic links are copied as links (ingest quarantines them). A file whose name is taken by
    other content is copied beside it, under a name with a part of its hash.

    Args:
        plan: from `plan_feed`, just made.
        landing: the landing zone, created when missing.
        fetched: records what was fetched from a store.
        on_progress: see `OnProgress`.

    Raises:
        BadInputError: a file cannot be read, or a name or a link in the landing zone is in the way.
        TransientError: the store or the landing zone's disk failed. Files copied until then are
            complete and stay.
    """
    tally = _Tally(plan, on_progress)
    with explain_disk_errors(landing):
        landing.mkdir(parents=True, exist_ok=True)
        remove_partial(landing, {planned.path.rpartition("/")[0] for planned in plan.files})
        write_lists(landing, all_lines(plan))
        copy = _Copier(plan, landing, fetched, tally)
        todo = [planned for planned in plan.files if not planned.present]
        came, unsteady = 0, []
        with ThreadPoolExecutor(plan.source.at_once) as pool:
            futures = {pool.submit(copy, planned): planned for planned in todo}
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
    present = len(plan.files) - came - len(unsteady)
    return FeedReport(came, present, len(plan.unsafe), tuple(sorted(unsteady)))


def all_lines(plan: FeedPlan) -> dict[str, list[Line]]:
    """Rows by folder, of all files whose final names are known by now."""
    lists = defaultdict(list, {folder: list(lines) for folder, lines in plan.lists.items()})
    for planned in plan.files:
        for folder, lines in planned.lines.items() if planned.present is not None else ():
            lists[folder] += lines
    return lists


class _Tally:
    """Progress counts, updated from several threads."""

    def __init__(self, plan: FeedPlan, on_progress: OnProgress | None) -> None:
        self._lock, self._on_progress = threading.Lock(), on_progress
        self._files, self._all_files = 0, len(plan.files)
        self._bytes, self._all_bytes = 0, sum(max(c.item.size, 0) for c in plan.files)
        self.stopped = False
        present = [planned for planned in plan.files if planned.present]
        self.add(len(present), sum(max(c.item.size, 0) for c in present))

    def add(self, files: int, more: int) -> None:
        """Count more files and bytes."""
        if self.stopped:
            raise InterruptedError("another file failed, or the user interrupted")
        with self._lock:
            self._files += files
            self._bytes += more
            if self._on_progress:
                self._on_progress(self._files, self._all_files, self._bytes, self._all_bytes)


@dataclass(frozen=True)
class _Copier:
    plan: FeedPlan
    landing: Path
    fetched: FetchLog | None
    tally: _Tally

    def __call__(self, planned: PlannedFile) -> bool:
        """Copy one file; False when it turns out to be there already."""
        with hidden_file(self.landing, planned.path) as hidden:
            self.plan.source.fetch(planned.item, hidden, lambda more: self.tally.add(0, more))
            planned, came = self._publish(planned, hidden)
        if self.fetched:
            source = self.plan.source
            self.fetched.remember(source, planned.item, self.landing, planned.path, planned.mark)
        self.tally.add(1, 0)
        return came

    def _publish(self, planned: PlannedFile, hidden: Path) -> tuple[PlannedFile, bool]:
        """Give a complete file a free name, and return whether it is new."""
        listed = planned.present is not None
        while True:
            target = self.landing / marked(planned.path, planned.mark)
            if target.is_symlink() or target.exists():
                mark = fingerprint(hidden)
                same = mark == planned.mark or (not target.is_dir() and mark == fingerprint(target))
                if not same:
                    planned, listed = replace(planned, mark=mark), False
                    continue
                if not listed:
                    write_lists(self.landing, planned.lines)
                return planned, False
            if not listed:
                write_lists(self.landing, planned.lines)
                listed = True
            if publish(self.landing, marked(planned.path, planned.mark), hidden):
                return planned, True
