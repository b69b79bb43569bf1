"""Look at many files, in several processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from pipeline.data.formats.sniff import ARCHIVES, SNIFF_BYTES, sniff
from pipeline.data.landing.zone import Found, open_stable
from pipeline.data.reading.apart import Died, run_apart
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.looks import Look, Seen, Share, looks_at
from pipeline.data.refusal import Refused

Progress = Callable[[int, int], None]
READERS = 2
"""Processes that the commands read files in."""
_SMALL = 1 << 20
BUNDLE = 8
"""Most small files that are sent to a process together: sent alone, each costs a tenth more."""
_SHARED = 16 << 20
"""Bytes of a file from which all processes take part, if it is an archive."""
_SHARES = 8  # of a zip at most: each reads its table of contents


def examine_all(
    examiner: Examiner,
    files: Sequence[Found],
    *,
    workers: int = 0,
    on_progress: Progress | None = None,
) -> list[Look]:
    """Look at files in order; canonical PNGs of the good images are written to the store.

    A file whose bytes are the source of a known image is that image and is not decoded again: a
    lost index costs reading only, and a JPEG decoder that rounds differently makes no new image.

    Args:
        examiner: what to look with.
        files: as listed.
        workers: processes to look in, so that a file that brings a decoder down is one refused
            file and not the end of ingest; 0: this process.
        on_progress: called as (done, of how many) in the caller's thread: files, and shares of
            large archives.
    """
    shares = [share for found in files for share in _shares(examiner.landing, found, workers)]

    def seen() -> Iterator[tuple[Found, Seen | Died]]:
        pairs = zip(shares, _seen(examiner, shares, workers), strict=True)
        for done, (share, one) in enumerate(pairs, 1):
            yield share.found, one
            if on_progress:
                on_progress(done, len(shares))

    looks: list[Look] = []
    for _, group in groupby(seen(), key=lambda pair: pair[0].path):
        pairs = list(group)
        looks += looks_at(pairs[0][0], [one for _, one in pairs])
    return looks


def _seen(examiner: Examiner, shares: Sequence[Share], workers: int) -> Iterator[Seen | Died]:
    most = min(max(len(shares) // (4 * max(workers, 1)), 1), BUNDLE)
    bundles = _bundles(shares, most)
    if workers:
        return run_apart(examiner, bundles, workers, _patience)
    return (examiner(share) for bundle in bundles for share in bundle)


def _shares(landing: Path, found: Found, workers: int) -> list[Share]:
    """One, or of a large archive some for each process.

    A zip is read at any place, so that more shares tell how far it is; any other has to be unfolded
    by each reader from its start.
    """
    kind = _kind(landing, found) if workers > 1 and found.size >= _SHARED else ""
    of = workers if kind in ARCHIVES else 1
    if kind == "ZIP":
        of = max(workers, min(found.size // _SHARED, _SHARES))
    return [Share(found, first, of) for first in range(of)]


def _kind(landing: Path, found: Found) -> str:
    try:
        with open_stable(landing, found) as stream:
            return sniff(stream.read(SNIFF_BYTES))
    except Refused:  # its reader says so
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
    """Seconds that it may take: generous, as other work may run beside, and shares are uneven."""
    return 60.0 + share.found.size * min(2 / share.of, 1) / 2e5
