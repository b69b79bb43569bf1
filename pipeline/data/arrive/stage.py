"""The landing zone as it would be after a feed, without one: for the rehearsal."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

from pipeline.data.arrive.arriving import fingerprint, write_lines
from pipeline.data.arrive.feed import all_lines
from pipeline.data.arrive.fetched import marked
from pipeline.data.arrive.plan import Coming, Plan
from pipeline.data.arrive.source import UnsteadyError
from pipeline.data.landing.lists import parents
from pipeline.data.landing.zone import LIST_NAME, Found, as_if, is_ignored, scan
from pipeline.data.synthetic import SIDECAR_SUFFIX


class Stage:
    """The landing zone as it would be: lists in a folder of its own, and where each file lies.

    Attributes:
        folder: with the lists.
        present: files that lie in the landing zone already.
        unsteady: files that changed or went away while they were read.
    """

    def __init__(self, landing: Path, folder: Path) -> None:
        """Begin with what lies there; `folder` is an empty one to write to."""
        self.folder = folder / "landing"
        self.folder.mkdir()
        self.present = self.unsteady = 0
        self._landing, self._fetched = landing, folder / "fetched"
        self._fetched.mkdir()
        self._numbers = count()
        found, self._ignored = scan(landing) if landing.is_dir() else ([], 0)
        self._files = {f.path: replace(f, at=landing / f.path) for f in found}
        self._coming: dict[str, Path] = {}
        for parent in {parent for path in self._files for parent in parents(path)}:
            self._keep_list(parent)

    def add(self, plan: Plan) -> None:
        """Let a plan's files come."""
        with ThreadPoolExecutor(plan.source.at_once) as pool:
            found = list(pool.map(lambda coming: self._come(plan, coming), plan.coming))
        came = [coming for coming in found if coming is not None]
        self.present += sum(bool(coming.lies) for coming in came)
        self.unsteady += len(found) - len(came)
        for folder in {parent for coming in came for parent in parents(coming.path)}:
            self._keep_list(folder)
        write_lines(self.folder, all_lines(replace(plan, coming=came)))

    def listed(self) -> tuple[list[Found], int]:
        """What `scan` would return."""
        files = dict(self._files)
        for path, at in self._coming.items():
            if not is_ignored(path):
                files[path] = as_if(path, at, sidecar=False)
        return [
            replace(files[path], sidecar=files[path].sidecar or self._has_sidecar(path))
            for path in sorted(files, key=os.fsencode)
        ], self._ignored

    def _has_sidecar(self, path: str) -> bool:
        sidecar = f"{path}{SIDECAR_SUFFIX}"
        return sidecar in self._coming or (self._landing / sidecar).exists()

    def _come(self, plan: Plan, coming: Coming) -> Coming | None:
        """Where a file would come to lie; None when it would not come."""
        if coming.lies:
            return coming
        at = plan.source.place(coming.item)
        if at is None:
            at = self._fetched / str(next(self._numbers))
            at.touch()
            try:
                plan.source.fetch(coming.item, at, lambda _: None)
            except UnsteadyError:
                return None
        if coming.lies is None:
            coming = self._beside(coming, at)
        if not coming.lies:
            self._coming[marked(coming.path, coming.mark)] = at
        return coming

    def _beside(self, coming: Coming, at: Path) -> Coming:
        target, mark = self._landing / coming.path, fingerprint(at)
        if not target.is_dir() and fingerprint(target) == mark:
            return replace(coming, lies=True)
        return replace(coming, mark=mark, lies=(self._landing / marked(coming.path, mark)).exists())

    def _keep_list(self, folder: str) -> None:
        file, copy = self._landing / folder / LIST_NAME, self.folder / folder / LIST_NAME
        if file.is_file() and not file.is_symlink() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
