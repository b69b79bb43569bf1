"""Synthetic images as files that say what they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline import services
from pipeline.errors import BadInputError
from pipeline.ingest.synthetic import SIDECAR_SUFFIX, SYNTHETIC_MARK
from pipeline.settings import Settings
from pipeline.stages.harness import write_atomically


def generate_images(
    settings: Settings, version: str, label: str, count: int, seed: int, out: Path
) -> list[Path]:
    """Draw `count` images of one class from a registered version and write them as PNG.

    Args:
        settings: of the project.
        version: a version number or an alias.
        label: class name.
        count: how many.
        seed: the same seed, version and class give the same images.
        out: folder, made when missing; it may not be the landing zone.

    Raises:
        BadInputError: no such version or class, or `out` lies in the landing zone.
    """
    from pipeline.registry import Registry

    if out.absolute().is_relative_to(settings.landing):
        raise BadInputError(f"{out} lies in the landing zone: synthetic images never train")
    with services.mlflow(settings) as uri:
        registry = Registry(uri, settings.model)
        number = registry.resolve(version)
        images = registry.draw(number, [label] * count, seed)
    facts = {"model": settings.model, "version": number, "label": label, "seed": seed}
    out.mkdir(parents=True, exist_ok=True)
    return [_write(out, image, {**facts, "index": i}) for i, image in enumerate(images)]


def _write(out: Path, image: NDArray[np.uint8], facts: dict[str, Any]) -> Path:
    name = "{model}-v{version}-{label}-seed{seed}-{index:05d}.png".format(**facts)
    marks = PngInfo()
    for key, value in {**SYNTHETIC_MARK, "medloom": json.dumps(facts)}.items():
        marks.add_text(key, value)
    Image.fromarray(image).save(out / name, pnginfo=marks)
    sidecar = json.dumps({"synthetic": True, **facts}, indent=2) + "\n"
    write_atomically(out / f"{name}{SIDECAR_SUFFIX}", sidecar)
    return out / name
