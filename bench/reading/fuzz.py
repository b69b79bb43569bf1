"""Fuzz the readers with damaged files of every format, called as in ingest.

A file may be taken or refused with a reason. Errors are any other exception, or a file outside the
store. Native decoders sometimes crash, in their own process, and the file is refused. Such files
are counted and kept, to report them to the decoder's maintainers.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.reading.samples import samples
from pipeline.data.config import IngestConfig
from pipeline.data.landing.zone import scan
from pipeline.data.names import Pseudonyms
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.isolation import WorkerFailure, run_isolated
from pipeline.data.reading.results import Share, merge_shares
from pipeline.data.refusal import Refused

_A_ROUND = 64
_LIMITS = IngestConfig(max_pixels=1_000_000, max_bytes=8_000_000, max_unpacked_bytes=32_000_000)
_NAMES = Pseudonyms(b"fuzzing is about nobody in particular")


@dataclass(frozen=True)
class Tried:
    """The outcome of one file: taken or a reason, by image, or an error."""

    outcomes: tuple[str, ...]
    wrong: str = ""


@dataclass(frozen=True)
class Guarded:
    """The examiner, but its exceptions are returned, not raised."""

    examiner: Examiner

    def __call__(self, share: Share) -> Tried:
        """Examine a file."""
        try:
            looks = merge_shares(share.found, [self.examiner(share)])
        except Exception as error:
            return Tried((), f"{type(error).__name__}: {error}")
        results = (look.result for look in looks)
        return Tried(tuple(r.reason if isinstance(r, Refused) else "taken" for r in results))


@dataclass
class Fuzzed:
    """The result of fuzzing.

    Attributes:
        files: number of files.
        seconds: duration.
        outcomes: number of images taken, and refused by reason.
        died: files on which a reader crashed or hung.
        wrong: error -> the kept file that causes it.
    """

    files: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    died: list[Path] = field(default_factory=list)
    wrong: dict[str, Path] = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        """Whether there were no errors."""
        return not self.wrong


def fuzz(
    minutes: float, seed: int, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> Fuzzed:
    """Read damaged files for some minutes.

    Args:
        minutes: duration.
        seed: of the damage.
        folder: for the files; those that caused errors or crashes stay in `folder`/wrong.
        on_progress: called with (seconds passed, seconds in all).
    """
    good = samples(seed=seed)
    rng = np.random.default_rng(seed)
    landing, store, wrong = (folder / name for name in ("landing", "store", "wrong"))
    for place in (landing / "cyst", store, wrong):
        place.mkdir(parents=True, exist_ok=True)
    look = Guarded(Examiner(landing, _LIMITS, _NAMES, store))
    found, started = Fuzzed(), time.monotonic()
    while (gone := time.monotonic() - started) < 60 * minutes:
        if on_progress:
            on_progress(int(gone), int(60 * minutes))
        for number in range(_A_ROUND):
            name = sorted(good)[int(rng.integers(len(good)))]
            (landing / "cyst" / f"{number:03d}-{name}").write_bytes(damage(good[name], rng))
        files, _ = scan(landing)
        bundles = [[Share(file)] for file in files]
        for file, tried in zip(files, run_isolated(look, bundles, 2, lambda _: 30.0), strict=True):
            kept = wrong / f"{found.files:07d}-{Path(file.path).name}"
            found.files += 1
            if isinstance(tried, WorkerFailure):
                found.outcomes.update(["reader-died"])
                found.died.append(kept)
            elif tried.wrong:
                found.wrong[tried.wrong] = kept
            else:
                found.outcomes.update(tried.outcomes)
                continue
            kept.write_bytes((landing / file.path).read_bytes())
        if strays := [str(file) for file in folder.iterdir() if file not in (
            landing, store, wrong)]:  # fmt: skip
            found.wrong[f"files outside: {strays}"] = folder
        for place in (landing / "cyst", store):
            for stray in place.iterdir():
                stray.unlink()
    found.seconds = time.monotonic() - started
    return found


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to five damages: changed bits or numbers, lost or repeated pieces."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(data) or 1))
        # Headers are short and important, so half of the damage goes there.
        at = at % 400 if rng.random() < 0.5 and len(data) > 400 else at
        length = int(2 ** rng.integers(0, 9))
        kind = int(rng.integers(7))
        if kind == 0 and data:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at : at + length] = rng.bytes(min(length, 16))
        elif kind == 2:
            wild = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0xFFFE, 65535)
            value = wild[int(rng.integers(len(wild)))]
            data[at : at + 4] = value.to_bytes(4, "little" if rng.random() < 0.5 else "big")
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = data[at : at + length]
        elif kind == 5 and rng.random() < 0.3:
            del data[at:]
        else:
            other = int(rng.integers(len(data) or 1))
            data[at : at + length] = data[other : other + length]
    return bytes(data)
