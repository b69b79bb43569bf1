"""Arrays with patient-wise splits from any folder of class folders, without a project."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.ingest.run import ingest
from pipeline.data.landing.index import LocalIndex
from pipeline.data.names import Pseudonyms
from pipeline.data.processed import SPLITS, Processed
from pipeline.data.region import RegionConfig, in_words
from pipeline.data.square import PreprocessConfig
from pipeline.stages.preprocess import preprocess

CACHE = Path("~/.cache/medloom/bench")
_NAMES = Pseudonyms(b"a fixed key: these arrays stay on this machine")


def prepare(
    data: Path, size: int, cache: Path | None = None, region: RegionConfig | None = None
) -> Path:
    """Ingest and preprocess a folder as the pipeline does; the result is cached.

    Args:
        data: `<data>/<class>/**/<file>`, or the output of preprocess (train, val, test).
        size: height and width of the arrays, in pixels.
        cache: folder of cached arrays, by names, sizes and times of the files; default `CACHE`.
        region: the part of the images; None: whole images, or what the arrays show.

    Raises:
        BadInputError: the folder is missing or has no usable images, or arrays are of another
            size or show another region.
    """
    if not data.is_dir():
        raise BadInputError(
            f"{data} is not a folder; give a folder with one folder of images per class"
        )
    if all((data / split / "images.npy").exists() for split in SPLITS):
        return _right_arrays(data, size, region)
    region = region or RegionConfig()
    key = _digest(data, region)[:12]
    out = (cache or CACHE).expanduser() / f"{data.resolve().name}-{size}-{key}"
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".making-") as made:
        workspace = Path(made)
        ingest(data, workspace, LocalIndex(workspace / "index.sqlite", _NAMES), IngestConfig())
        config = PreprocessConfig(size=size, region=region)
        preprocess(workspace, workspace / "processed", config)
        shutil.move(workspace / "processed", out)
    return out


def _right_arrays(data: Path, size: int, region: RegionConfig | None) -> Path:
    arrays = Processed.load(data)
    found = arrays.train.images.shape[1]
    if found != size:
        raise BadInputError(f"{data} has images of {found} px; give --size {found}")
    if region is not None and region.view != arrays.view:
        raise BadInputError(
            f"{data} shows {in_words(arrays.view)}, not {in_words(region.view)}: give the folder "
            "of class folders that it was made of"
        )
    return data


def _digest(data: Path, region: RegionConfig) -> str:
    digest = hashlib.sha256(region.view.encode())
    for file in sorted(path for path in data.rglob("*") if path.is_file()):
        facts = file.stat()
        digest.update(f"{file.relative_to(data)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
