"""The bundle, the files of a version: creating it, and drawing images from it in this process."""

import hashlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from model.layouts import Layouts
from model.tasks import task_named, work_of
from pipeline.base.errors import BadInputError
from pipeline.registry.asked import NOTHING_ASKED, Asked
from pipeline.registry.edits import Edit
from pipeline.registry.output_spec import OutputSpec

WEIGHTS, CONFIG = "generator.safetensors", "config.json"
GENERATOR, CODE, FACTS = "generator", "medloom_model", "bundle.json"

SampledImage = tuple[str, int, int]
"""Label, seed and index of one image of a version."""

_IMPORTING = Lock()
"""Threads of a server may load versions at the same time."""


@dataclass(frozen=True)
class Candidate:
    """A trained generator to register.

    Attributes:
        workspace: folder of the run's clone, with models/ and reports/.
        classes: names in label order.
        image_size: height and width in pixels.
        tags: lineage, set on the MLflow run and on the version.
        params: flat parameters of the run.
        metrics: flat figures of the evaluation.
        dataset_digest: DVC's md5 of the listing of data/raw.
        region: the part of an image that it draws, in words; "" for whole images.
        task: what it does, of model/tasks.
        factor: how many times larger it makes a given image; 1 if it makes none larger.
        sources: registered images that it makes one image of; 1 if it fuses none.
        modalities: of these images, in the order of the training; () if it fuses none.
    """

    workspace: Path
    classes: tuple[str, ...]
    image_size: int
    tags: dict[str, str]
    params: dict[str, Any]
    metrics: dict[str, float]
    dataset_digest: str
    region: str = ""
    task: str = "draw"
    factor: int = 1
    sources: int = 1
    modalities: tuple[str, ...] = ()

    @property
    def output(self) -> OutputSpec:
        """What its images are; kinds of findings stand in its config."""
        models = self.workspace / "models"
        return OutputSpec(
            self.classes,
            self.image_size,
            self.region,
            kinds_of(models),
            kinds_of(models, "made"),
            task=self.task,
            factor=self.factor,
            sources=self.sources,
            modalities=self.modalities,
        )


def make_bundle(workspace: Path, folder: Path, sha256: str) -> Path:
    """Write a bundle: the weights, their config, and the code that loads them.

    The code is the workspace's, which trained the weights.
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


def kinds_of(models: Path, what: Literal["given", "made"] = "given") -> tuple[str, ...]:
    """The kinds of findings of a folder's generator, by its config.

    Args:
        models: the folder.
        what: those that it takes layouts of, or those that it makes maps of.
    """
    described = json.loads((models / CONFIG).read_text())
    return tuple(described.get("network", {}).get(what, ()))


@dataclass(frozen=True)
class LoadedBundle:
    """A generator loaded with the code of its bundle.

    It draws the same images, bit for bit, as `mlflow_model` in a consumer's process. MLflow stores
    that file alone, so neither can import the other.
    """

    sampling: ModuleType
    generator: Any

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a bundle.

        Its code is imported under a name specific to the folder: under the name that `mlflow_model`
        uses, MLflow may have imported it from a temporary folder that no longer exists.

        Raises:
            ValueError: the weights are damaged, or do not match their config.
        """
        sampling = _import_sampling(folder / CODE, f"medloom_generator_{folder.name}")
        return cls(sampling, sampling.load_generator(folder / GENERATOR))

    @property
    def output_spec(self) -> OutputSpec:
        """What the generator's images are."""
        config = self.generator.config
        # The code of an earlier version knows no regions and no kinds.
        region, kinds = str(getattr(config, "view", "")), tuple(getattr(config, "given", ()))
        made = tuple(getattr(config, "made", ()))
        styles = getattr(self.generator, "means", None)
        directions = 0 if styles is None else int(styles.shape[1])
        factor, sources = (int(getattr(config, name, 1)) for name in ("factor", "sources"))
        task = "enlarge" if factor > 1 else "fuse" if sources > 1 else "draw"
        size, classes = int(config.image_size), tuple(config.classes)
        return OutputSpec(classes, size, region, kinds, made, directions, task, factor, sources)

    def make(self, given: NDArray[np.uint8], *, noise: float = 0.0) -> NDArray[np.uint8]:
        """What the version makes of given images; the arguments are those of `mlflow_model`.

        Pairs are of a project's data, where ingest has checked that they are registered.

        Raises:
            BadInputError: it is given none, or an argument is out of range.
        """
        if not hasattr(self.sampling, "enlarge"):
            raise BadInputError("its code is of an earlier medloom and draws alone")
        images: NDArray[np.uint8]
        try:
            if self.output_spec.task == "fuse":
                images = self.sampling.fuse(self.generator, given, check=False)
            else:
                images = self.sampling.enlarge(self.generator, given, noise)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        return images

    def rival(self, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the rival of the version's task makes of given images, without training."""
        work = work_of(task_named(self.output_spec.task))
        return work.rival(given, self.generator.config)

    def layouts(
        self, labels: Sequence[str], seed: int, *, start: int = 0, asked: Asked = NOTHING_ASKED
    ) -> Layouts | None:
        """The layouts that images are drawn by, one per label; None for a version without any.

        Raises:
            BadInputError: the version takes no layouts and some are asked for, or it cannot draw
                what is asked for.
        """
        if not hasattr(self.sampling, "draw_layouts"):
            if asked.nothing:
                return None
            raise BadInputError(
                "its code is of an earlier medloom and cannot be told where findings are; leave "
                "their number, kind and size out, or choose a newer version"
            )
        options: dict[str, Any] = {"findings": asked.findings, "kind": asked.kind or None}
        if asked.size is not None:
            bank, side = self.generator.bank, self.generator.config.image_size
            mm = 0.0 if bank is None else float(bank.mm)
            options["diameters"] = asked.size[:2] if bank is None else asked.size.pixels(mm, side)
        try:
            drawn = self.sampling.draw_layouts(self.generator, labels, seed, start=start, **options)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        return None if drawn is None else Layouts(drawn.maps, drawn.told)

    def made_layouts(
        self, labels: Sequence[str], seed: int, *, start: int = 0, truncation: float = 1.0
    ) -> Layouts | None:
        """Where findings are in images of `draw`, by the maps that are made beside them.

        None for a version that makes none.

        Raises:
            BadInputError: an unknown class, or a number out of range.
        """
        if not self.output_spec.made:
            return None
        try:
            made = self.sampling.made_layouts(
                self.generator, labels, seed, start=start, truncation=truncation
            )
        except ValueError as error:
            raise BadInputError(str(error)) from error
        return Layouts(made.maps, made.told)

    def draw(
        self,
        labels: Sequence[str],
        seed: int,
        *,
        start: int = 0,
        truncation: float = 1.0,
        frames: int = 0,
        layouts: Layouts | None = None,
        edit: Edit | None = None,
    ) -> NDArray[np.uint8]:
        """Draw one image per label, or a walk; the arguments are those of `mlflow_model`'s predict.

        `layouts` are of the method of this name, or the caller's own; None: as in the training
        images. An `edit` moves each image, and not a walk.

        Raises:
            BadInputError: an unknown class, a number out of range, or an option that the code of
                this version does not support.
        """
        if not isfinite(truncation):  # the code of an earlier version would draw nonsense
            raise BadInputError(f"truncation is {truncation}; allowed is a number, 0 to 2")
        options: dict[str, Any] = {"start": start}
        if truncation != 1.0 or frames:
            if not hasattr(self.sampling, "interpolate"):  # added in the same version as truncation
                raise BadInputError(
                    "its code supports neither walks nor truncation; omit both options"
                )
            options["truncation"] = truncation
        if layouts is not None:
            options["layouts"] = layouts
        images: NDArray[np.uint8]
        if edit is not None and not hasattr(self.sampling, "edit"):
            raise BadInputError(
                "its code is of an earlier medloom, which had no family with styles to edit in; "
                "choose a version of a training with train.family: style"
            )
        try:
            if edit is not None:
                where = {"towards": edit.towards or None, "direction": edit.direction}
                images = self.sampling.edit(
                    self.generator, labels, seed, edit.amount, **where, **options
                )
            elif frames:
                images = self.sampling.interpolate(self.generator, labels, seed, frames, **options)
            else:
                images = self.sampling.sample(self.generator, labels, seed, **options)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        return images

    def between(
        self,
        first: SampledImage,
        second: SampledImage,
        shares: Sequence[float],
        *,
        truncation: float = 1.0,
        layouts: Layouts | None = None,
    ) -> NDArray[np.uint8]:
        """Draw images on the way from one image to another; see `model.sampling.between`.

        Raises:
            BadInputError: as `draw`.
        """
        if not hasattr(self.sampling, "between"):
            raise BadInputError(
                "its code is of an earlier medloom and draws nothing between two seeds; choose a "
                "newer version"
            )
        ends = [self.sampling.Sampled(*image) for image in (first, second)]
        try:
            images: NDArray[np.uint8] = self.sampling.between(
                self.generator, *ends, shares, truncation=truncation, layouts=layouts
            )
        except ValueError as error:
            raise BadInputError(str(error)) from error
        return images


def _import_sampling(folder: Path, name: str) -> ModuleType:
    """Import `<folder>/sampling.py` as `<name>.sampling` without touching sys.path."""
    with _IMPORTING:
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
