"""Measure the time to ingest a few images after many, and the memory."""

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

from bench.faults.tiny import TinyCheckout
from bench.reading.speed import PROCESSES, decode, make_files
from pipeline.base.errors import MedloomError

CLASSES = ("cyst", "normal", "stone", "tumor")
MOST_SECONDS, MOST_MEBIBYTES = 20.0, 1024.0
"""Promised: seconds in addition to decoding the new images, and memory of all processes."""
_SIDE = 64  # pixels, of the many images
_EVERY = 0.25  # seconds between two measurements of memory


@dataclass(frozen=True)
class Adding:
    """Two ingests of one project, by the command.

    Attributes:
        many, few: images of the first ingest, 64 px, and of the second, 512 px.
        first_seconds, first_mebibytes: time and peak memory of the first ingest with all its
            processes (PSS: a shared page counts once).
        seconds, mebibytes: the same for the second.
        decoding: seconds to decode only the few images, in two processes.
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
    """Ingest many images into a temporary project, then a few more.

    No image has a patient name, so each is compared with all others of its class.

    Args:
        many: images of the first ingest.
        few: images of the second.
        folder: for the project; empty.
        say: called with the next activity.

    Raises:
        MedloomError: an ingest failed, or took in another number of images.
    """
    tiny = TinyCheckout.make(folder / "medloom", {"min_side": 32})
    landing = tiny.project.landing
    say(f"making {many} images")
    _make_many(landing, many)
    say(f"ingest of {many} images")
    first_seconds, first_mebibytes = _ingest(tiny, many)
    new = landing / CLASSES[0] / "new"
    make_files(new, few, 512)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(decode, [str(next(new.iterdir()))] * PROCESSES))  # they start, and import
        started = time.perf_counter()
        list(pool.map(decode, [str(file) for file in new.iterdir()], chunksize=8))
        decoding = time.perf_counter() - started
    say(f"ingest of {few} more")
    seconds, mebibytes = _ingest(tiny, few)
    return Adding(many, few, first_seconds, first_mebibytes, seconds, mebibytes, decoding)


def _make_many(landing: Path, count: int) -> None:
    """Make images with distinct patterns, so that each is its own group."""
    rng = np.random.default_rng(0)
    for number in range(count):
        folder = landing / CLASSES[number % len(CLASSES)] / f"{number // 1000:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
        soft = coarse.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        soft.save(folder / f"{number:06d}.png", compress_level=1)


def _ingest(tiny: TinyCheckout, expected: int) -> tuple[float, float]:
    """Seconds and mebibytes of `medloom ingest`, which must add `expected` images."""
    started = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "ingest", "--json"],
        cwd=tiny.folder,
        env=tiny.environment,
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
    """Watch a process and its descendants; the list's only item is their peak memory, MiB."""
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
    except psutil.Error:  # a process ended meanwhile; use the next measurement
        return 0.0
    return total / 2**20
