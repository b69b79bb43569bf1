"""Pictures to ingest: distinct ones, near-duplicates, and files of every kind."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.config import IngestConfig
from pipeline.data.decisions import RELEASED_FILE, released_text
from pipeline.data.ingest.report import IngestReport
from pipeline.data.ingest.run import ingest
from pipeline.data.landing.index import Entry, LocalIndex
from pipeline.data.landing.zone import scan
from pipeline.data.names import Pseudonyms

Grey = NDArray[np.uint8]
NAMES = Pseudonyms(b"a key of the tests, and of nothing else")
CLASSES = ("cyst", "stone", "normal", "tumor")


def picture(seed: int, side: int = 48) -> Grey:
    """Soft random blobs uint8 [side, side]; two seeds do not resemble each other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    pixels: Grey = np.asarray(smooth, dtype=np.uint8)
    return pixels


def sibling(pixels: Grey, seed: int) -> Grey:
    """The same picture with a little noise: a neighbouring slice."""
    noise = np.random.default_rng(seed).integers(-6, 7, pixels.shape)
    noisy: Grey = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return noisy


def between(seed: int) -> tuple[Grey, Grey, Grey]:
    """Two sides that correlate at 0.91, and a middle that correlates with both at 0.976."""
    middle = picture(seed) / 2.0 + 64
    tilt = np.linspace(-1, 1, len(middle))[:, None] * np.ones_like(middle)
    tilt -= middle * (tilt * (middle - middle.mean())).mean() / middle.var()
    tilt *= 0.22 * middle.std() / tilt.std()
    one, two, three = (np.round(p).astype(np.uint8) for p in (middle + tilt, middle - tilt, middle))
    return one, two, three


def encode(
    pixels: NDArray[Any], kind: str = "PNG", mode: str | None = None, **options: Any
) -> bytes:
    """A file of this kind."""
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def put(file: Path, data: bytes) -> Path:
    """Write a file and its folders."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def fill(
    landing: Path, classes: Iterable[str] = ("cyst", "stone"), groups: int = 3, each: int = 2
) -> Path:
    """A landing zone of `groups` sets of `each` look-alikes a class; files that are there stay."""
    for label in classes:
        for group in range(groups):
            base = picture(100 * CLASSES.index(label) + group)
            for k in range(each):
                file = landing / label / f"{group}-{k}.png"
                if not file.exists():
                    put(file, encode(sibling(base, k)))
    return landing


class IngestedFolder:
    """A landing zone, a workspace and an index below one folder."""

    def __init__(self, folder: Path, config: IngestConfig | None = None) -> None:
        self.landing = folder / "landing"
        self.workspace = folder / "workspace"
        self.index = LocalIndex(folder / "index.sqlite", NAMES)
        self.config = config or IngestConfig()
        self.landing.mkdir()
        self.workspace.mkdir()

    def ingest(
        self, *, record: bool = True, config: IngestConfig | None = None, watermark: bytes = b""
    ) -> IngestReport:
        """Ingest, and let the index remember, as if the ledger had accepted the batch."""
        report = ingest(
            self.landing,
            self.workspace,
            self.index,
            config or self.config,
            watermark=watermark,
        )
        if record:
            self.index.record(report.entries)
        return report

    def release(self, *images: str) -> None:
        """Let images in that were set aside, as a person's decision on the data branch does."""
        file = self.workspace / RELEASED_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(released_text(images))

    def reasons(self, report: IngestReport) -> dict[str, str]:
        """Reason by path, of the quarantined files."""
        return {
            path: entry.reason
            for path, entry in self.by_path(report).items()
            if entry.outcome == "quarantined"
        }

    def by_path(self, report: IngestReport) -> dict[str, Entry]:
        """Entry by path in the landing zone; of a file of several images the last one."""
        paths = {NAMES.file(found.path): found.path for found in scan(self.landing)[0]}
        return {paths[entry.file]: entry for entry in report.entries}
