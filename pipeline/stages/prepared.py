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
from pipeline.data.square import PreprocessConfig
from pipeline.stages.preprocess import preprocess

CACHE = Path("~/.cache/medloom/bench")
_NAMES = Pseudonyms(b"a fixed key: these arrays stay on this machine")


def prepare(data: Path, size: int, cache: Path | None = None) -> Path:
    """Ingest and preprocess a folder as the pipeline does; the result is cached.

    Args:
        data: `<data>/<class>/**/<file>`, or the output of preprocess (train, val, test).
        size: height and width of the arrays, in pixels.
        cache: folder of cached arrays, by names, sizes and times of the files; default `CACHE`.

    Raises:
        BadInputError: the folder is missing or has no usable images.
    """
    if not data.is_dir():
        raise BadInputError(
            f"{data} is not a folder; give a folder with one folder of images per class"
        )
    if all((data / split / "images.npy").exists() for split in SPLITS):
        return _right_size(data, size)
    out = (cache or CACHE).expanduser() / f"{data.resolve().name}-{size}-{_digest(data)[:12]}"
    if out.exists():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".making-") as made:
        workspace = Path(made)
        ingest(data, workspace, LocalIndex(workspace / "index.sqlite", _NAMES), IngestConfig())
        preprocess(workspace, workspace / "processed", PreprocessConfig(size=size))
        shutil.move(workspace / "processed", out)
    return out


def _right_size(data: Path, size: int) -> Path:
    found = Processed.load(data).train.images.shape[1]
    if found != size:
        raise BadInputError(f"{data} has images of {found} px; give --size {found}")
    return data


def _digest(data: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in data.rglob("*") if path.is_file()):
        facts = file.stat()
        digest.update(f"{file.relative_to(data)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
