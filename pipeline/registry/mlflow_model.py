"""The MLflow model of a version: MLflow runs this file when a consumer loads the version.

It needs mlflow and torch, but not medloom. The version contains the `model` package that trained
the weights, which is imported under a unique name to avoid conflicts with the consumer's modules
and with other versions in the same process.

    model = mlflow.pyfunc.load_model("models:/medloom-phantom@champion")
    images = model.predict(["stone"] * 16, params={"seed": 7})  # uint8 [16, H, W]

With a version that takes layouts, findings can be asked for, and come with their masks:

    asked = {"seed": 7, "findings": 2}
    images = model.predict(["stone"] * 8, params=asked)
    masks = model.predict(["stone"] * 8, params={**asked, "output": "masks"})

A version that makes findings itself cannot be asked for them, but gives the masks likewise.

A version that enlarges images is given small ones, uint8 [N, h, w], in the place of class names:

    large = model.predict(small, params={"noise": 2.0})

A version that fuses images is given pairs, uint8 [N, 2, H, W], and refuses those that are not
registered:

    fused = model.predict(pairs)
"""

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import numpy as np
from numpy.typing import NDArray


class SyntheticImages(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Class names in, synthetic images out."""

    def load_context(self, context: Any) -> None:
        """Check the weights against their recorded sha256, then load them.

        Raises:
            ValueError: the weights are not the ones that were registered.
        """
        bundle = Path(context.artifacts["bundle"])
        facts = json.loads((bundle / "bundle.json").read_text())
        weights = bundle / "generator" / "generator.safetensors"
        found = hashlib.sha256(weights.read_bytes()).hexdigest()
        if found != facts["weights_sha256"]:
            raise ValueError(
                f"{weights} has sha256 {found}, but this version was registered with "
                f"{facts['weights_sha256']}: the weights were altered; do not use them"
            )
        name = f"medloom_model_{facts['code_sha256'][:16]}"
        self._sampling = _import_package(bundle / "medloom_model", name, "sampling")
        self._generator = self._sampling.load_generator(bundle / "generator")

    # MLflow would derive a schema from annotations and refuse arrays and data frames.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG002
        """Draw one image per class name.

        Args:
            model_input: class names, N of them, or mixtures of classes such as `3*cyst+stone`. For
                a version that enlarges images: small images, uint8 [N, h, w]. For one that fuses:
                pairs of registered images, uint8 [N, 2, H, W], in the order of the training.
            params: `seed` (default 0): images depend only on seed, position and class;
                `start` (default 0): position of the first, to continue an earlier request;
                `truncation` (default 1): below 1, images are more typical and less varied;
                `frames` (default 0): if positive, interpolate from each image to the next in so
                many steps;
                `findings` (default -1): number of findings in each image, and no others; -1: as in
                the training images;
                `kind` (default ""): of these findings; "": the one that the class is about;
                `size_low`, `size_high` (default 0): least and largest diameter of a finding, in
                pixels; 0: as in the training images;
                `output` (default "images"): "masks" gives the label maps of the images that the
                same call gives otherwise;
                `noise` (default 0), for a version that enlarges images: deviation of the noise that
                they are said to have, in grey levels; 2 to 4 for generated images;
                `check` (default true), for a version that fuses: whether to refuse pairs that are
                not registered.

        Returns:
            uint8 [N, H, W], 0 black to 255 white; [(N - 1) frames + 1, H, W] with frames. Label
            maps are uint8 [N, H, W], too: 0 where nothing is, k for the k-th kind of finding. All
            of it is synthetic.

        Raises:
            ValueError: the generator does not know a class or a kind, findings do not fit, the
                version has no masks, or a pair is not registered.
        """
        params = params or {}
        if getattr(self._generator.config, "sources", 1) > 1:
            check = bool(params.get("check", True))
            return self._sampling.fuse(self._generator, np.asarray(model_input), check=check)
        if getattr(self._generator.config, "factor", 1) > 1:
            small, noise = np.asarray(model_input), float(params.get("noise", 0.0))
            return self._sampling.enlarge(self._generator, small, noise)
        labels = [str(label) for label in np.asarray(model_input).reshape(-1)]
        seed, start = int(params.get("seed", 0)), int(params.get("start", 0))
        truncation, frames = float(params.get("truncation", 1.0)), int(params.get("frames", 0))
        layouts = self._layouts(labels, seed, start, params)
        output = str(params.get("output", "images"))
        if output == "masks":
            if layouts is None and getattr(self._generator.config, "made", None):
                layouts = self._sampling.made_layouts(
                    self._generator, labels, seed, start=start, truncation=truncation
                )
            return self._masks(labels, layouts, frames)
        if output != "images":
            raise ValueError(f"output is {output!r}; allowed are images and masks")
        options = {"start": start, "truncation": truncation}
        if layouts is not None:
            options["layouts"] = layouts
        images: NDArray[np.uint8]
        if frames:
            images = self._sampling.interpolate(self._generator, labels, seed, frames, **options)
        else:
            images = self._sampling.sample(self._generator, labels, seed, **options)
        return images

    def _layouts(self, labels: list[str], seed: int, start: int, params: dict[str, Any]) -> Any:
        """Where the findings of the images are; None for a generator that is not told."""
        findings, kind = int(params.get("findings", -1)), str(params.get("kind", ""))
        low, high = float(params.get("size_low", 0.0)), float(params.get("size_high", 0.0))
        asked: dict[str, Any] = {}
        if findings != -1:
            asked["findings"] = findings
        if kind:
            asked["kind"] = kind
        if low or high:
            asked["diameters"] = (low or high, high or low)
        if hasattr(self._sampling, "draw_layouts"):
            return self._sampling.draw_layouts(self._generator, labels, seed, start=start, **asked)
        if asked:
            raise ValueError(
                f"this version cannot be told where findings are; leave {', '.join(asked)} out"
            )
        return None

    def _masks(self, labels: list[str], layouts: Any, frames: int) -> NDArray[np.uint8]:
        if frames:
            raise ValueError("a walk has no masks, since its findings fade; leave frames out")
        if layouts is None:
            raise ValueError(
                "this version was trained without findings, so its images have no masks"
            )
        unknown = sorted({labels[index] for index in np.flatnonzero(~layouts.told)})
        if unknown:
            raise ValueError(
                f"where the findings of {', '.join(unknown)} are is not known: too few training "
                "images are annotated; give their number by the param findings"
            )
        found: NDArray[np.uint8] = self._sampling.label_maps(layouts)
        return found


def _import_package(folder: Path, name: str, module: str) -> ModuleType:
    """Import `<folder>/<module>.py` as `<name>.<module>` without touching sys.path."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise ValueError(f"{folder} is not a package")
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{name}.{module}")


mlflow.models.set_model(SyntheticImages())
