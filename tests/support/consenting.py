"""A project whose runs are real DVC runs that show their images, and a search for pixels in it.

Its stages are small: they copy the stored images to arrays and pictures as medloom's stages do.
"""

import base64
import io
import re
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.feature import match_template

from pipeline.base.project import Project
from pipeline.data.formats.canonical import encode_png, shrink, thumbnail
from pipeline.flow import steps
from pipeline.ledger import ledger as ledger_module
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.remote_files import FOLDER, checkpoints_of
from pipeline.registry.aliases import JournalPosition, Projection
from tests.support.pictures import Grey, encode, picture, put

STAGES = """
import csv, sys
from pathlib import Path
import numpy as np
from PIL import Image
def rows():
    for file in sorted(Path("data/manifest").glob("*.csv")):
        yield from csv.DictReader(file.open())
def pixels(row):
    return np.asarray(Image.open(f"data/raw/{row['batch']}/{row['id']}.png"))
found = sorted(rows(), key=lambda row: row["id"])
if sys.argv[1] == "preprocess":
    for split in ("train", "val", "test"):
        images = [pixels(row) for row in found if row["split"] == split]
        folder = Path("data/processed", split)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "images.npy", np.stack(images))
        np.save(folder / "ids.npy", [row["id"] for row in found if row["split"] == split])
        Image.fromarray(np.hstack(images)).save(f"data/processed/contact-{split}-cyst.png")
elif sys.argv[1] == "train":
    Path("models").mkdir(exist_ok=True)
    Path("models/generator.safetensors").write_text(f"weights of {len(found)}")
else:
    Path("reports").mkdir(exist_ok=True)
    everyone = [np.load(f"data/processed/{split}/images.npy") for split in ("train", "val", "test")]
    Image.fromarray(np.hstack(list(np.concatenate(everyone)))).save("reports/nearest.png")
    Image.fromarray(np.vstack(list(everyone[2]))).save("reports/grid-cyst.png")
    Path("reports/evaluation.json").write_text("{}")
"""
DVC_YAML = """stages:
  preprocess:
    cmd: python pipeline/fake.py preprocess
    deps: [data/manifest, data/raw, pipeline/fake.py]
    outs: [data/processed]
  train:
    cmd: python pipeline/fake.py train
    deps: [data/processed, pipeline/fake.py]
    outs: [models]
  evaluate:
    cmd: python pipeline/fake.py evaluate
    deps: [data/processed, models, pipeline/fake.py]
    outs: [reports]
"""


@dataclass
class Shelf:
    """The registry as far as a withdrawal goes, with artifacts in a folder."""

    folder: Path
    keys: dict[int, str] = field(default_factory=dict)
    tags: dict[int, dict[str, str]] = field(default_factory=dict)
    projected: Projection | None = None

    def run_keys(self) -> dict[int, str]:
        return dict(self.keys)

    def tag(self, version: int, name: str, value: str) -> None:
        self.tags.setdefault(version, {})[name] = value

    def run_artifacts_named(self, run_key: str, names: Collection[str]) -> list[str]:
        files = (self.folder / run_key).rglob("*")
        return sorted(
            str(file.relative_to(self.folder)) for file in files if any(map(file.match, names))
        )

    def delete_artifact(self, artifact: str) -> None:
        (self.folder / artifact).unlink(missing_ok=True)

    def aliases(self) -> dict[str, int]:
        return {}

    def journal_position(self) -> JournalPosition | None:
        return self.projected.journal if self.projected else None

    def apply(self, projection: Projection) -> None:
        self.projected = projection


@dataclass(frozen=True)
class Clinic:
    """The project: patients of two classes, each of one image, named as the phantom's are."""

    project: Project
    code: Path
    shelf: Shelf

    @classmethod
    def at(cls, folder: Path) -> "Clinic":
        """The project below a folder, with the versions that its journal knows."""
        project = Project.load({"MEDLOOM_STATE": str(folder / "state" / "clinic")})
        clinic = cls(project, folder / "code", Shelf(project.state / "artifacts"))
        verdicts = (record for record in clinic.journal.records if record.version is not None)
        clinic.shelf.keys |= {record.number: record.run_key for record in verdicts}
        return clinic

    @classmethod
    def lay_out(cls, folder: Path) -> Path:
        """Write the project's files, without an image; returns the folder."""
        for name, text in (
            ("dvc.yaml", DVC_YAML), ("params.yaml", "a: 1\n"), ("pipeline/fake.py", STAGES),
            (".dvc/config", "[core]\n    analytics = false\n"),
            (".gitignore", "/models\n/reports\n"),
        ):  # fmt: skip
            put(folder / "code" / name, text.encode())
        return folder

    @classmethod
    def make(cls, folder: Path) -> "Clinic":
        """Four patients a class, ingested."""
        clinic = cls.at(cls.lay_out(folder))
        clinic.admit("cyst", *range(4))
        clinic.admit("stone", *range(4, 8))
        steps.ingest(clinic.project)
        return clinic

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.project)

    @property
    def journal(self) -> Journal:
        return Journal(self.ledger)

    @property
    def data(self) -> str:
        head = self.ledger.head(DATA)
        assert head is not None
        return head

    def admit(self, label: str, *patients: int) -> None:
        """Put the image of each patient into the landing zone."""
        for patient in patients:
            file = self.project.landing / label / f"phantom-{patient:05d}-a.png"
            put(file, encode(picture(patient)))

    def judge(self, action: str = "promoted") -> Record:
        """A run of today's data with its verdict and version, and nothing of what it makes."""
        code, data = self.ledger.snapshot_code(self.code), self.data
        key = self.ledger.run_key(code, data).key
        self.ledger.open_run(key, code, data, "manual")
        version = len(self.shelf.keys) + 1
        self.shelf.keys[version] = key
        champion = self.journal.champion
        record = self.journal.append(
            action=action, version=version, weights_sha256=f"w{version}", run_key=key, data=data,
            predecessor=champion.version if champion else None, test_set="t", by="gate",
            reason="tiny",
        )  # fmt: skip
        assert record is not None
        return record

    def learn(self, action: str = "promoted") -> Record:
        """A run from snapshot to verdict, with the pages and caches that one leaves behind."""
        project, record = self.project, self.judge(action)
        key = record.run_key
        with self.ledger.workspace(f"run/{key}", project.workspaces / key / "all") as work:
            work.dvc.run("repro", "--pull")
            work.dvc.run("push", *ledger_module.STAGES)
            work.commit_and_push("stages", "dvc.lock")
            arrays = sorted((work.folder / "data" / "processed").glob("*/images.npy"))
            pixels = np.concatenate([np.load(file) for file in arrays])
            nearest = (work.folder / "reports" / "nearest.png").read_bytes()
        self._leave_behind(key, pixels, nearest)
        return record

    def _leave_behind(self, key: str, pixels: NDArray[Any], nearest: bytes) -> None:
        """What a run leaves outside DVC: a page, artifacts, a checkpoint, a killed try, a cache."""
        project = self.project
        put(project.runs / key / "plan.json", f'{{"run": {{"key": "{key}"}}}}'.encode())
        inline = base64.b64encode(nearest).decode()
        page = f'<img src="data:image/png;base64,{inline}">'.encode()
        put(project.runs / key / "report.html", page)
        # A run that was planned on another host, and reported on this one.
        put(project.runs / f"{key}-reported" / "report.json", f'{{"key": "{key}"}}'.encode())
        put(project.runs / f"{key}-reported" / "report.html", page)
        put(self.shelf.folder / key / "evaluation" / "nearest.png", nearest)
        put(self.shelf.folder / key / "report.html", page)
        put(self.shelf.folder / key / "evaluation" / "evaluation.json", b"{}")
        for folder in (
            project.checkpoints / key, project.workspaces / key / "killed",
            project.cache / "features", project.workspaces / "report-1",
            Path(project.remote, FOLDER, checkpoints_of(key), "training"),
        ):  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / "images.npy", pixels)


# -- the search ------------------------------------------------------------------------------------


def files_showing(folder: Path, pixels: Grey) -> list[str]:
    """Files below a folder that hold these pixels, as bytes or as anything that resembles them."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [str(file.relative_to(folder)) for file in files if _shows(content_of(file), pixels)]


def content_of(file: Path) -> bytes:
    """What a file holds: nothing when it is gone, as SQLite's side files are when a database that
    DVC had open is closed, whenever Python collects it."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _shows(data: bytes, pixels: Grey) -> bool:
    if data[:1] == b"\x78":  # a git object
        data = zlib.decompress(data).partition(b"\0")[2]
    if encode_png(pixels) in data or pixels.tobytes() in data:
        return True
    return any(_resembles(found, pixels) for found in _pictures(data))


def _pictures(data: bytes) -> Iterator[NDArray[Any]]:
    """Every picture in a file, whatever the file's name says: of arrays, PNG and pages."""
    if data.startswith((b"\x93NUMPY", b"PK")):
        loaded = np.load(io.BytesIO(data))
        arrays = [loaded] if isinstance(loaded, np.ndarray) else [loaded[name] for name in loaded]
        for array in arrays:
            if array.dtype.kind in "uif" and array.ndim == 3:
                yield from array
    elif data.startswith(b"\x89PNG"):
        yield np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    for inline in re.findall(rb"data:image/png;base64,([A-Za-z0-9+/=]+)", data):
        yield from _pictures(base64.b64decode(inline))


def _resembles(found: NDArray[Any], pixels: Grey) -> bool:
    """Whether the image or its thumbnail correlates above 0.98 anywhere in a picture."""
    for sought in (pixels, thumbnail(shrink(pixels))):
        fits = all(a >= b for a, b in zip(found.shape, sought.shape, strict=True))
        if fits and match_template(found.astype(float), sought.astype(float)).max() > 0.98:
            return True
    return False
