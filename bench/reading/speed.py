"""Measure how many files per second ingest reads, compared with decoding alone."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from pipeline.base.errors import MedloomError
from pipeline.data.config import IngestConfig
from pipeline.data.landing.zone import LandedFile, scan
from pipeline.data.names import Pseudonyms
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.readers import BUNDLE, examine_all
from pipeline.data.reading.results import Image

PROCESSES = 2
KINDS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "PNG, grey": ("L", ".png", {}),
    "PNG, colour": ("RGB", ".png", {}),
    "JPEG, colour": ("RGB", ".jpg", {"quality": 90}),
}
"""Typical exports: Pillow's mode, the suffix, and options for saving."""
_NAMES = Pseudonyms(b"files of a benchmark, which are nobody's")


@dataclass(frozen=True)
class Speed:
    """Files per second with two processes; each is the best of its rounds, taken in turn.

    Attributes:
        kind: of file, a key of `KINDS`.
        files, side: their number, and their height and width.
        bare: only opened and decoded by Pillow.
        ingest: read, hashed, decoded, checked, and written in the canonical form.
        start: seconds to start the reading processes, once per ingest; not included in `ingest`,
            because the processes of `bare` run already.
    """

    kind: str
    files: int
    side: int
    bare: float
    ingest: float
    start: float

    @property
    def ratio(self) -> float:
        """Speed of ingest divided by that of decoding alone."""
        return self.ingest / self.bare


def measure_speed(
    files: int, side: int, folder: Path, say: Callable[[str], None], rounds: int = 3
) -> Iterator[Speed]:
    """Make files of each kind and time both ways of reading them.

    Args:
        files: of each kind, with the texture of a CT slice so that they compress like one.
        side: height and width, pixels.
        folder: for the files; empty.
        say: called with the next activity.
        rounds: of each way, in turn.
    """
    for number, kind in enumerate(KINDS):
        say(f"{kind}: making files")
        landing, store = folder / f"landing-{number}", folder / f"store-{number}"
        make_files(landing / "cyst", files, side, kind)
        store.mkdir()
        yield _measure(kind, side, landing, store, say, rounds)


def _measure(
    kind: str, side: int, landing: Path, store: Path, say: Callable[[str], None], rounds: int
) -> Speed:
    found, _ = scan(landing)
    paths = [str(landing / one.path) for one in found]
    bare, ingest, starts = [], [], []
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(decode, paths[:32], chunksize=4))  # they start, and import
        for number in range(rounds):
            say(f"{kind}: round {number + 1} of {rounds}")
            started = time.perf_counter()
            list(pool.map(decode, paths, chunksize=16))
            bare.append(len(paths) / (time.perf_counter() - started))
            fresh = store / str(number)  # writing over a file costs more than making one
            fresh.mkdir()
            examiner = Examiner(landing, IngestConfig(), _NAMES, fresh)
            start, rate = _ingest(examiner, found)
            starts.append(start)
            ingest.append(rate)
    return Speed(kind, len(paths), side, max(bare), max(ingest), min(starts))


def _ingest(examiner: Examiner, files: Sequence[LandedFile]) -> tuple[float, float]:
    """Seconds until the first answer, and files per second after it."""
    told: list[float] = []
    started = time.perf_counter()
    looks = examine_all(
        examiner, files, workers=PROCESSES, on_progress=lambda *_: told.append(time.perf_counter())
    )
    if any(not isinstance(look.result, Image) for look in looks):
        raise MedloomError("a file of the benchmark was not taken in")
    # When the first bundle is answered, each process has read one.
    return told[0] - started, (len(files) - PROCESSES * BUNDLE) / (told[-1] - told[0])


def make_files(folder: Path, count: int, side: int, kind: str = "PNG, grey") -> None:
    """Write images like CT slices: soft shapes with noise on black."""
    mode, suffix, options = KINDS[kind]
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    body = (rows / 0.33) ** 2 + (columns / 0.45) ** 2 < 1
    for number in range(count):
        coarse = Picture.fromarray(rng.integers(40, 160, (12, 12), dtype=np.uint8))
        organs = np.asarray(coarse.resize((side, side), Picture.Resampling.BICUBIC), np.float32)
        noise = rng.normal(0, 6, (side, side)).astype(np.float32)
        pixels = np.where(body, np.clip(organs + noise, 0, 255), 0).astype(np.uint8)
        image = Picture.fromarray(pixels).convert(mode)
        image.save(folder / f"{number:06d}{suffix}", **options)


def decode(path: str) -> int:
    """Open and decode a file by Pillow; returns its width."""
    with Picture.open(path) as image:
        image.load()
        return image.width
