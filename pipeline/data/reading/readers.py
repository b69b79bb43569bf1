"""Examine many files in several processes."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from pipeline.data.formats.sniff import ARCHIVES, SNIFF_BYTES, sniff
from pipeline.data.landing.zone import LandedFile, open_stable
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.isolation import WorkerFailure, run_isolated
from pipeline.data.reading.results import Look, Share, ShareResult, merge_shares
from pipeline.data.refusal import Refused

Progress = Callable[[int, int], None]
READERS = 2
"""Number of reader processes that the commands use."""
_SMALL = 1 << 20
BUNDLE = 8
"""Most small files sent to a process together: sent alone, each takes a tenth longer."""
_SHARED = 16 << 20
"""Bytes from which an archive is divided among all processes."""
_SHARES = 8  # of a zip at most: each reads its table of contents


def examine_all(
    examiner: Examiner,
    files: Sequence[LandedFile],
    *,
    workers: int = 0,
    on_progress: Progress | None = None,
    passed_over: Counter[str] | None = None,
) -> list[Look]:
    """Examine files in order; canonical PNGs of accepted images are written to the store.

    A file whose bytes are the source of a known image is that image and is not decoded again: a
    lost index costs only reading, and a JPEG decoder that rounds differently adds no new image.

    Args:
        examiner: examines one file.
        files: as listed.
        workers: number of processes, so that a file that crashes a decoder is refused and does
            not end the ingest; 0: this process.
        on_progress: called as (done, total) in the caller's thread; counts files, and shares of
            large archives.
        passed_over: counts the files of archives that were passed over, by kind.
    """
    shares = [share for found in files for share in _shares(examiner.landing, found, workers)]

    def seen() -> Iterator[tuple[LandedFile, ShareResult | WorkerFailure]]:
        pairs = zip(shares, _seen(examiner, shares, workers), strict=True)
        for done, (share, one) in enumerate(pairs, 1):
            yield share.found, one
            if on_progress:
                on_progress(done, len(shares))

    looks: list[Look] = []
    for _, group in groupby(seen(), key=lambda pair: pair[0].path):
        pairs = list(group)
        looks += merge_shares(pairs[0][0], [one for _, one in pairs])
        if passed_over is not None:
            for _, one in pairs:
                passed_over.update(one.passed_over if isinstance(one, ShareResult) else ())
    return looks


def _seen(
    examiner: Examiner, shares: Sequence[Share], workers: int
) -> Iterator[ShareResult | WorkerFailure]:
    most = min(max(len(shares) // (4 * max(workers, 1)), 1), BUNDLE)
    bundles = _bundles(shares, most)
    if workers:
        return run_isolated(examiner, bundles, workers, _patience)
    return (examiner(share) for bundle in bundles for share in bundle)


def _shares(landing: Path, found: LandedFile, workers: int) -> list[Share]:
    """One share, or for a large archive at least one per process.

    A zip can be read at any place, so more shares give finer progress; each reader has to unpack
    any other archive from its start.
    """
    kind = _kind(landing, found) if workers > 1 and found.size >= _SHARED else ""
    of = workers if kind in ARCHIVES else 1
    if kind == "ZIP":
        of = max(workers, min(found.size // _SHARED, _SHARES))
    return [Share(found, first, of) for first in range(of)]


def _kind(landing: Path, found: LandedFile) -> str:
    try:
        with open_stable(landing, found) as stream:
            return sniff(stream.read(SNIFF_BYTES))
    except Refused:  # the reader reports it
        return ""


def _bundles(shares: Iterable[Share], most: int) -> list[list[Share]]:
    bundles: list[list[Share]] = []
    room = 0
    for share in shares:
        if share.found.size > _SMALL:
            bundles.append([share])
            room = 0
        elif room:
            bundles[-1].append(share)
            room -= 1
        else:
            bundles.append([share])
            room = most - 1
    return bundles


def _patience(share: Share) -> float:
    """Time limit in seconds: generous, as other work may run and shares are uneven.

    Text may be read on every frame of a film: half a second and more each, of 30 kB.
    """
    return 60.0 + share.found.size * min(2 / share.of, 1) / 2e4
