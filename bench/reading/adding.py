"""What a few new images cost on top of many, and how much memory many images take."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from bench.faults.tiny import TinyProject
from bench.reading.speed import PROCESSES, decode, make_files
from pipeline.base.errors import MedloomError

CLASSES = ("cyst", "normal", "stone", "tumor")
MOST_SECONDS, MOST_MEBIBYTES = 20.0, 1024.0
"""Promised: on top of decoding the new images, and for the whole process tree."""
_SIDE = 64  # of the many
_EVERY = 0.25  # seconds between two looks at the memory


@dataclass(frozen=True)
class Adding:
    """Two ingests of one project, each by its command.

    Attributes:
        many, few: images that came first, 64 px, and then, 512 px.
        first_seconds, first_mebibytes: of the first ingest, and the most memory that it and its
            processes took together (PSS: a shared page counts once).
        seconds, mebibytes: of the second.
        decoding: seconds that the few take to be decoded alone, in two processes.
    """

    many: int
    few: int
    first_seconds: float
    first_mebibytes: float
    seconds: float
    mebibytes: float
    decoding: float

    @property
    def fine(self) -> bool:
        """Whether both promises hold."""
        quick = self.seconds - self.decoding <= MOST_SECONDS
        return quick and max(self.first_mebibytes, self.mebibytes) <= MOST_MEBIBYTES


def measure_adding(many: int, few: int, folder: Path, say: Callable[[str], None]) -> Adding:
    """Ingest many images into a throw-away project, then a few more.

    No image tells its patient, so that each is compared with all others of its class.

    Args:
        many: images that lie there first.
        few: images that come then.
        folder: for the project; empty.
        say: told what comes next.

    Raises:
        MedloomError: an ingest failed, or took in another number of images.
    """
    project = TinyProject.make(folder / "medloom", {"min_side": 32})
    landing = project.settings.landing
    say(f"making {many} images")
    _make_many(landing, many)
    say(f"ingest of {many} images")
    first_seconds, first_mebibytes = _ingest(project, many)
    new = landing / CLASSES[0] / "new"
    make_files(new, few, 512)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(decode, [str(next(new.iterdir()))] * PROCESSES))  # they start, and import
        started = time.perf_counter()
        list(pool.map(decode, [str(file) for file in new.iterdir()], chunksize=8))
        decoding = time.perf_counter() - started
    say(f"ingest of {few} more")
    seconds, mebibytes = _ingest(project, few)
    return Adding(many, few, first_seconds, first_mebibytes, seconds, mebibytes, decoding)


def _make_many(landing: Path, count: int) -> None:
    """Patterns that no two images share, so that each is a group of its own."""
    rng = np.random.default_rng(0)
    for number in range(count):
        folder = landing / CLASSES[number % len(CLASSES)] / f"{number // 1000:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
        soft = coarse.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        soft.save(folder / f"{number:06d}.png", compress_level=1)


def _ingest(project: TinyProject, expected: int) -> tuple[float, float]:
    """Seconds and mebibytes of `medloom ingest`, which must take in so many new images."""
    started = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "ingest", "--json"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with _most_memory(command.pid) as most:
        told, _ = command.communicate()
    seconds = time.perf_counter() - started
    if command.returncode or (new := json.loads(told)["new"]) != expected:
        what = f"exit code {command.returncode}" if command.returncode else f"{new} new images"
        raise MedloomError(f"the ingest of {expected} images ended with {what}")
    return seconds, most[0]


@contextmanager
def _most_memory(pid: int) -> Iterator[list[float]]:
    """Watch a process and all below it; the list's one number is the most mebibytes so far."""
    most, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY):
            most[0] = max(most[0], _mebibytes(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def _mebibytes(pid: int) -> float:
    total = 0
    try:
        top = psutil.Process(pid)
        for process in [top, *top.children(recursive=True)]:
            total += process.memory_full_info().pss
    except psutil.Error:  # one ended meanwhile: the next look counts
        return 0.0
    return total / 2**20
