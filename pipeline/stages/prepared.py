"""Arrays with patient-wise splits from any folder of class folders, without a project."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.ingest.run import ingest
from pipeline.data.landing.index import LocalIndex
from pipeline.data.manifest import PHANTOM_FILE
from pipeline.data.names import Pseudonyms
from pipeline.data.processed import SPLITS, Processed
from pipeline.data.region import RegionConfig, in_words
from pipeline.data.square import PreprocessConfig
from pipeline.phantoms.phantom import PNG_KEY, PNG_TEXT
from pipeline.stages.preprocess import preprocess

CACHE = Path("~/.cache/medloom/bench")
_MARK = Path(PHANTOM_FILE).name
_NAMES = Pseudonyms(b"a fixed key: these arrays stay on this machine")


def prepare(
    data: Path,
    size: int,
    cache: Path | None = None,
    region: RegionConfig | None = None,
    ingested: IngestConfig | None = None,
) -> Path:
    """Ingest and preprocess a folder as the pipeline does; the result is cached.

    Arrays of phantoms are marked, so that `are_phantoms` knows them.

    Args:
        data: `<data>/<class>/**/<file>`, or the output of preprocess (train, val, test).
        size: height and width of the arrays, in pixels.
        cache: folder of cached arrays, by names, sizes and times of the files; default `CACHE`.
        region: the part of the images; None: whole images, or what the arrays show.
        ingested: the `ingest` section; None: its defaults.

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
    ingested = ingested or IngestConfig()
    key = _digest(data, region, ingested)[:12]
    out = (cache or CACHE).expanduser() / f"{data.resolve().name}-{size}-{key}"
    if not out.exists():
        _make(data, out, PreprocessConfig(size=size, region=region), ingested)
    if _holds_phantoms_alone(data):
        (out / _MARK).touch()  # also in arrays that an earlier version made
    return out


def are_phantoms(processed: Path) -> bool:
    """Whether arrays are known to be of kidney phantoms, whose findings a rule can count.

    That is where `prepare` made them of phantoms alone, or where they lie in the workspace of a
    project of phantoms (`pipeline.data.manifest.PHANTOM_FILE`).
    """
    folder = processed.absolute()
    return (folder / _MARK).exists() or (folder.parent / _MARK).exists()


def _make(data: Path, out: Path, config: PreprocessConfig, ingested: IngestConfig) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".making-") as made:
        workspace = Path(made)
        ingest(data, workspace, LocalIndex(workspace / "index.sqlite", _NAMES), ingested)
        preprocess(workspace, workspace / "processed", config)
        shutil.move(workspace / "processed", out)


def _holds_phantoms_alone(data: Path) -> bool:
    """Whether each image says of itself that it is one; what lies beside images is passed over."""
    files = [file for file in data.rglob("*") if file.is_file() and file.suffix != ".json"]
    return bool(files) and all(map(_is_phantom, files))


def _is_phantom(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            return bool(image.info.get(PNG_KEY) == PNG_TEXT)
    except OSError:  # not an image that this reads, so not a phantom either
        return False


def _right_arrays(data: Path, size: int, region: RegionConfig | None) -> Path:
    arrays = Processed.load(data)
    found = arrays.train.images.shape[-1]
    if found != size:
        raise BadInputError(f"{data} has images of {found} px; give --size {found}")
    if region is not None and region.view != arrays.view:
        raise BadInputError(
            f"{data} shows {in_words(arrays.view)}, not {in_words(region.view)}: give the folder "
            "of class folders that it was made of"
        )
    return data


def _digest(data: Path, region: RegionConfig, ingested: IngestConfig) -> str:
    digest = hashlib.sha256(region.view.encode())
    if ingested != IngestConfig():
        digest.update(ingested.model_dump_json().encode())
    for file in sorted(path for path in data.rglob("*") if path.is_file()):
        facts = file.stat()
        digest.update(f"{file.relative_to(data)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
