"""Preview the landing zone after a feed, for the dry run."""

import os
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

from pipeline.data.arrive.feed import all_lines
from pipeline.data.arrive.feed_plan import FeedPlan, PlannedFile
from pipeline.data.arrive.fetched import marked
from pipeline.data.arrive.source import UnsteadyError
from pipeline.data.arrive.writing import fingerprint, write_lists
from pipeline.data.landing.lists import parents
from pipeline.data.landing.zone import Listing, is_listed, landed_as, list_all, with_beside
from pipeline.data.passed_over import LIST_NAME
from pipeline.synthetic.png import SIDECAR_SUFFIX


class LandingPreview:
    """The landing zone as it would be: a folder of lists, and the real place of each file.

    Attributes:
        folder: holds the lists.
        present: files that are in the landing zone already.
        unsteady: files that changed or vanished while they were read.
    """

    def __init__(self, landing: Path, folder: Path) -> None:
        """Start from the files in `landing`; `folder` is an empty folder to write to."""
        self.folder = folder / "landing"
        self.folder.mkdir()
        self.present = self.unsteady = 0
        self._landing, self._fetched = landing, folder / "fetched"
        self._fetched.mkdir()
        self._numbers = count()
        found, self._skipped = list_all(landing) if landing.is_dir() else ([], Counter())
        self._files = {f.path: replace(f, at=landing / f.path) for f in found}
        self._added: dict[str, Path] = {}
        for parent in {parent for path in self._files for parent in parents(path)}:
            self._keep_list(parent)

    def add(self, plan: FeedPlan) -> None:
        """Add the files of a plan."""
        with ThreadPoolExecutor(plan.source.at_once) as pool:
            found = list(pool.map(lambda planned: self._place(plan, planned), plan.files))
        came = [planned for planned in found if planned is not None]
        self.present += sum(bool(planned.present) for planned in came)
        self.unsteady += len(found) - len(came)
        for folder in {parent for planned in came for parent in parents(planned.path)}:
            self._keep_list(folder)
        write_lists(self.folder, all_lines(replace(plan, files=came)))

    def listed(self) -> Listing:
        """What `scan` would return."""
        files = dict(self._files)
        for path, at in self._added.items():
            if is_listed(path):
                files[path] = landed_as(path, at, sidecar=False)
        listed = [
            replace(files[path], sidecar=files[path].sidecar or self._has_sidecar(path))
            for path in sorted(files, key=os.fsencode)
        ]
        return with_beside(listed, self._skipped)

    def _has_sidecar(self, path: str) -> bool:
        sidecar = f"{path}{SIDECAR_SUFFIX}"
        return sidecar in self._added or (self._landing / sidecar).exists()

    def _place(self, plan: FeedPlan, planned: PlannedFile) -> PlannedFile | None:
        """The planned file with its final name; None when it would not be copied."""
        if planned.present:
            return planned
        at = plan.source.place(planned.item)
        if at is None:
            at = self._fetched / str(next(self._numbers))
            at.touch()
            try:
                plan.source.fetch(planned.item, at, lambda _: None)
            except UnsteadyError:
                return None
        if planned.present is None:
            planned = self._mark_if_taken(planned, at)
        if not planned.present:
            self._added[marked(planned.path, planned.mark)] = at
        return planned

    def _mark_if_taken(self, planned: PlannedFile, at: Path) -> PlannedFile:
        target, mark = self._landing / planned.path, fingerprint(at)
        if not target.is_dir() and fingerprint(target) == mark:
            return replace(planned, present=True)
        return replace(
            planned, mark=mark, present=(self._landing / marked(planned.path, mark)).exists()
        )

    def _keep_list(self, folder: str) -> None:
        file, copy = self._landing / folder / LIST_NAME, self.folder / folder / LIST_NAME
        if file.is_file() and not file.is_symlink() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
