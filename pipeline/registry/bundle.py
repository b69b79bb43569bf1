"""What a version carries: laying it out, and drawing from it in this process."""

import hashlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError

WEIGHTS, CONFIG = "generator.safetensors", "config.json"
GENERATOR, CODE, FACTS = "generator", "medloom_model", "bundle.json"


@dataclass(frozen=True)
class Candidate:
    """What register needs to know of a trained generator.

    Attributes:
        workspace: folder of the run's clone, with models/ and reports/ present.
        classes: names in label order.
        image_size: pixels a side.
        tags: lineage, copied to the run and to the version.
        params: flat parameters of the run.
        metrics: flat figures of the evaluation.
        dataset_digest: DVC's md5 of the raw listing.
    """

    workspace: Path
    classes: tuple[str, ...]
    image_size: int
    tags: dict[str, str]
    params: dict[str, Any]
    metrics: dict[str, float]
    dataset_digest: str


class OutputSpec(NamedTuple):
    """What a version draws: class names in label order, and pixels a side."""

    classes: tuple[str, ...]
    image_size: int


def make_bundle(workspace: Path, folder: Path, sha256: str) -> Path:
    """Lay out what a version carries: weights beside their config, and the code that reads them.

    The code is the workspace's, that is, exactly what trained the weights.
    """
    generator, code = folder / GENERATOR, folder / CODE
    generator.mkdir(parents=True)
    for name in (WEIGHTS, CONFIG):
        shutil.copyfile(workspace / "models" / name, generator / name)
    shutil.copytree(workspace / "model", code, ignore=shutil.ignore_patterns("__pycache__"))
    digest = hashlib.sha256()
    for file in sorted(code.rglob("*.py")):
        digest.update(str(file.relative_to(code)).encode() + b"\0" + file.read_bytes())
    facts = {"weights_sha256": sha256, "code_sha256": digest.hexdigest()}
    (folder / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    return folder


@dataclass(frozen=True)
class LoadedBundle:
    """A generator in memory, with the code that it came with.

    It does in this process what `serving.py` does in a consumer's, and draws the same images bit
    for bit. That file travels alone, so neither can import the other.
    """

    sampling: ModuleType
    generator: Any

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `make_bundle` laid out.

        Its code gets a name of this folder's own: under `serving.py`'s, MLflow may have loaded the
        same code in this process from a temporary folder, to try it out, that is gone by now.

        Raises:
            ValueError: the weights are damaged, or do not fit their config.
        """
        sampling = _import_sampling(folder / CODE, f"medloom_generator_{folder.name}")
        return cls(sampling, sampling.load_generator(folder / GENERATOR))

    @property
    def output_spec(self) -> OutputSpec:
        """What the generator draws."""
        return OutputSpec(
            tuple(self.generator.config.classes), int(self.generator.config.image_size)
        )

    def draw(
        self,
        labels: Sequence[str],
        seed: int,
        *,
        start: int = 0,
        truncation: float = 1.0,
        frames: int = 0,
    ) -> NDArray[np.uint8]:
        """Draw one image a label, or a walk; the arguments are those of `serving.py`'s predict.

        Raises:
            BadInputError: an unknown class, a number out of range, or something that the code of
                this version cannot do yet.
        """
        options: dict[str, Any] = {"start": start}
        if truncation != 1.0 or frames:
            if not hasattr(self.sampling, "interpolate"):  # both came at once
                raise BadInputError(
                    "its code draws neither walks nor with truncation: ask for none"
                )
            options["truncation"] = truncation
        images: NDArray[np.uint8]
        try:
            if frames:
                images = self.sampling.interpolate(self.generator, labels, seed, frames, **options)
            else:
                images = self.sampling.sample(self.generator, labels, seed, **options)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        return images


def _import_sampling(folder: Path, name: str) -> ModuleType:
    """Import `<folder>/sampling.py` as `<name>.sampling` without touching sys.path."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise ValueError(f"{folder} is not a package")
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{name}.sampling")
