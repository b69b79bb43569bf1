"""A project made by real code in seconds: real ingest, DVC, ledger, registry and journal.

Only its stages are not medloom's own: they write small files of the right names, and its model is
an array. Everything that binds them (listings, dvc.lock, manifest, tags, records) is real.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.base.project import Project
from pipeline.flow import steps
from pipeline.ledger import ledger as ledger_module
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.signing import make_key
from pipeline.local import services
from pipeline.registry.aliases import update_aliases
from pipeline.registry.bundle import Candidate
from pipeline.registry.lineage import data_listing, lineage
from pipeline.registry.registry import Registry
from tests.support.pictures import encode, fill, picture, put

STAGES = """
import sys
from pathlib import Path
stage = sys.argv[1]
seed = Path("params.yaml").read_text().split("seed: ")[1].split()[0]
outs = {"preprocess": ("data/processed", "images.npy"), "evaluate": ("reports", "evaluation.json"),
        "train": ("models", "generator.safetensors")}
folder, name = outs[stage]
Path(folder).mkdir(parents=True, exist_ok=True)
Path(folder, name).write_text(f"{stage} of seed {seed}")
if stage == "train":
    Path(folder, "config.json").write_text("{}")
    Path(folder, "samples").mkdir(exist_ok=True)
    Path(folder, "samples", "grid.txt").write_text("a grid")
"""
SAMPLING = """
import types
import numpy
CONFIG = types.SimpleNamespace(
    classes=("cyst", "stone"), image_size=4, view="trunk (0, 0.14) 0.72"
)
def load_generator(folder):
    (folder / "generator.safetensors").read_bytes()
    return types.SimpleNamespace(config=CONFIG)
def sample(generator, labels, seed, *, start=0, truncation=1.0):
    return numpy.full((len(labels), 4, 4), seed % 256, numpy.uint8)
"""
DVC_YAML = """stages:
  preprocess:
    cmd: python pipeline/fake.py preprocess
    deps: [data/manifest, data/raw, pipeline/fake.py]
    params: [preprocess]
    outs: [data/processed]
  train:
    cmd: python pipeline/fake.py train
    deps: [data/processed, pipeline/fake.py]
    params: [train]
    outs: [models]
  evaluate:
    cmd: python pipeline/fake.py evaluate
    deps: [data/processed, models, pipeline/fake.py]
    params: [evaluate]
    outs: [reports]
"""
PARAMS = "preprocess: {size: 4}\ntrain:\n  seed: 1\nevaluate: {n: 2}\n"


@dataclass(frozen=True)
class Tiny:
    """The project with its running MLflow, and what lies where."""

    project: Project
    code: Path

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.project)

    @property
    def registry(self) -> Registry:
        return Registry(self.project.mlflow_uri, self.project.model)

    def object(self, md5: str) -> Path:
        """Where an object of the DVC remote lies."""
        return Path(self.project.remote) / "files" / "md5" / md5[:2] / md5[2:]

    def add_images(self, seed: int) -> str:
        """One more batch; returns the data revision."""
        put(self.project.landing / "stone" / f"{seed}.png", encode(picture(seed)))
        assert steps.ingest(self.project).new == 1
        data = self.ledger.head(DATA)
        assert data is not None
        return data

    def learn(self, seed: int, action: str = "promoted") -> Record:
        """A run from snapshot to the journal's verdict."""
        (self.code / "params.yaml").write_text(PARAMS.replace("seed: 1", f"seed: {seed}"))
        key, version, weights = self._register()
        journal = Journal(self.ledger)
        data = self.ledger.head(DATA)
        verdict = {"outcome": action, "rules": [], "reason": "tiny", "p": float("nan")}
        record = journal.append(
            action=action, version=version, weights_sha256=weights, run_key=key, data=data,
            predecessor=journal.champion.version if journal.champion else None,
            verdict=verdict, test_set="t", by="gate", reason="tiny",
        )  # fmt: skip
        assert record is not None
        self.registry.attach_verdict(version, record.action, record.verdict)
        update_aliases(self.ledger, self.registry)
        return record

    def _register(self) -> tuple[str, int, str]:
        ledger, project = self.ledger, self.project
        code, data = ledger.snapshot_code(self.code), ledger.head(DATA)
        assert data is not None
        key = ledger.run_key(code, data).key
        ledger.open_run(key, code, data, "manual")
        with ledger.workspace(f"run/{key}", project.workspaces / key) as work:
            work.dvc.run("repro", "--pull")
            work.dvc.run("push", *ledger_module.STAGES)
            work.commit_and_push("stages", "dvc.lock")
            candidate = Candidate(
                work.folder, ("cyst", "stone"), 4, lineage(work, key), {}, {},
                data_listing((work.folder / "dvc.lock").read_text()),
            )  # fmt: skip
            version = self.registry.register(candidate)
        return key, version, self.registry.tags(version)["medloom.weights_sha256"]


@contextmanager
def tiny_project(
    folder: Path, champions: int = 2, name: str = "tiny", mlflow_uri: str = ""
) -> Iterator[Tiny]:
    """Champions one after the other, a batch each, a signed journal, and MLflow running.

    Args:
        folder: an empty one.
        champions: how many there are.
        name: of the project, and of its model.
        mlflow_uri: of a server that runs, of projects of other names; empty: one of its own.
    """
    project = Project.load({"MEDLOOM_STATE": str(folder / "state" / name)})
    make_key(folder / "key")
    project = replace(project, journal_key=folder / "key", mlflow_uri=mlflow_uri)
    code = folder / "code"
    for path, text in (
        ("dvc.yaml", DVC_YAML), ("params.yaml", PARAMS), ("requirements.lock", "none\n"),
        ("pipeline/fake.py", STAGES), ("model/__init__.py", ""), ("model/sampling.py", SAMPLING),
        (".dvc/config", "[core]\n    analytics = false\n"), (".gitignore", "/models\n/reports\n"),
    ):  # fmt: skip
        put(code / path, text.encode())
    with services.mlflow(project) as uri:
        tiny = Tiny(replace(project, mlflow_uri=uri), code)
        fill(project.landing, groups=3, each=1)
        steps.ingest(tiny.project)
        tiny.learn(1)
        for seed in range(2, champions + 1):
            tiny.add_images(seed + 5)
            tiny.learn(seed)
        yield tiny
