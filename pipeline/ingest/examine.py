"""Look at one file of the landing zone: read, decode, judge, and keep its canonical form."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.ingest.canonical import Thumbnail, encode_png, image_id, thumbnail
from pipeline.ingest.config import IngestConfig
from pipeline.ingest.formats import decode
from pipeline.ingest.landing import Found, read_stable
from pipeline.ingest.manifest import Row
from pipeline.ingest.quality import check_quality
from pipeline.ingest.refusal import Refused

Progress = Callable[[int, int], None]
_THREADS = 2  # Pillow and hashlib release the interpreter lock


@dataclass(frozen=True)
class Image:
    """A good image, by what was decoded; `sha256` is of the canonical PNG."""

    id: str
    sha256: str
    thumbnail: Thumbnail
    width: int
    height: int
    bits: int


@dataclass(frozen=True)
class Look:
    """What was seen in one file: a good image, or why it is refused.

    Attributes:
        found: the file as listed.
        source_sha256: of its bytes; "" when it could not be read.
        result: the image it holds, the row of the image that these very bytes became before, or
            why it is not taken in.
    """

    found: Found
    source_sha256: str
    result: Image | Row | Refused


def examine_all(
    landing: Path,
    files: Sequence[Found],
    rows: Iterable[Row],
    config: IngestConfig,
    store: Path,
    on_progress: Progress | None = None,
) -> list[Look]:
    """Examine files in order; canonical PNGs of the good ones are written as `store`/<id>.png.

    A file whose bytes are the source of one of `rows` is that image and is not decoded again: a
    lost index costs reading only, and a JPEG decoder that rounds differently makes no new image.
    `on_progress(done, total)` is called after each file, in the caller's thread.
    """
    sources = {row.source_sha256: row for row in rows}
    looks = []
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(partial(_examine, landing, sources, config, store), files)
        for done, look in enumerate(results, 1):
            looks.append(look)
            if on_progress:
                on_progress(done, len(files))
    return looks


def _examine(
    landing: Path, sources: Mapping[str, Row], config: IngestConfig, store: Path, found: Found
) -> Look:
    source_sha256 = ""
    try:
        if found.refused:
            raise found.refused
        data = read_stable(landing, found, config.max_bytes)
        source_sha256 = hashlib.sha256(data).hexdigest()
        if row := sources.get(source_sha256):
            return Look(found, source_sha256, row)
        return Look(found, source_sha256, _take(data, found, config, store))
    except Refused as refused:
        return Look(found, source_sha256, refused)


def _take(data: bytes, found: Found, config: IngestConfig, store: Path) -> Image:
    decoded = decode(data, config.max_pixels)
    if decoded.synthetic or found.sidecar:
        raise Refused(
            "synthetic", "the image is marked as synthetic; a generator must not learn from those"
        )
    pixels = decoded.pixels
    check_quality(pixels, config)
    id_ = image_id(pixels)
    stored = encode_png(pixels)
    (store / f"{id_}.png").write_bytes(stored)
    height, width = pixels.shape
    sha256 = hashlib.sha256(stored).hexdigest()
    return Image(id_, sha256, thumbnail(pixels), width, height, 8 * pixels.itemsize)
