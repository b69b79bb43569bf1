"""Look at many files, in several processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from pipeline.ingest.apart import Died, run_apart
from pipeline.ingest.examine import Examiner
from pipeline.ingest.landing import Found
from pipeline.ingest.looks import Look, Seen, Share, looks_at

Progress = Callable[[int, int], None]
_SMALL = 1 << 20
_BUNDLE = 8
"""Most small files that are sent to a process together: sent alone, each costs a tenth more."""
_SHARED = 16 << 20
"""Bytes of a file from which all processes take part, if it is an archive."""


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
        on_progress: called as (files done, files) in the caller's thread.
    """
    looks: list[Look] = []
    for done, (found, seen) in enumerate(_seen(examiner, files, workers), 1):
        looks += looks_at(found, seen)
        if on_progress:
            on_progress(done, len(files))
    return looks


def _seen(
    examiner: Examiner, files: Sequence[Found], workers: int
) -> Iterator[tuple[Found, list[Seen | Died]]]:
    shares = [_shares(found, workers) for found in files]
    most = min(max(len(files) // (4 * max(workers, 1)), 1), _BUNDLE)
    bundles = _bundles((share for several in shares for share in several), most)
    seen: Iterator[Seen | Died] = (
        run_apart(examiner, bundles, workers, _patience)
        if workers
        else (examiner(share) for bundle in bundles for share in bundle)
    )
    for found, several in zip(files, shares, strict=True):
        yield found, [next(seen) for _ in several]


def _shares(found: Found, workers: int) -> list[Share]:
    of = workers if workers > 1 and found.size >= _SHARED else 1
    return [Share(found, first, of) for first in range(of)]


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
    """Seconds that a file may take: generous, as other work may run beside."""
    return 60.0 + share.found.size / 2e5
