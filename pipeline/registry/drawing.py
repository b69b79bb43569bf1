"""Synthetic images as files that say what they are."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.settings import Settings
from pipeline.data.synthetic import SIDECAR_SUFFIX, SYNTHETIC_MARK
from pipeline.registry.generators import Generators


class Drawn(NamedTuple):
    """What was drawn: of which version, with which aliases, and the PNG files."""

    version: int
    aliases: tuple[str, ...]
    files: list[Path]


def generate_images(
    settings: Settings,
    version: str,
    label: str,
    count: int,
    seed: int,
    out: Path,
    *,
    truncation: float = 1.0,
    frames: int = 0,
) -> Drawn:
    """Draw `count` images of one class from a version and write them as PNG.

    With `frames` one PNG is written instead: a strip that walks through the images, so many steps
    from each to the next.

    Args:
        settings: of the project.
        version: a version number or an alias.
        label: class name, or a mixture such as 3*cyst+stone.
        count: how many.
        seed: the same seed, version and class give the same images.
        out: folder, made when missing; it may not be the landing zone.
        truncation: factor of the latent: under 1, images are more typical and less varied.
        frames: steps of a walk; 0: no walk.

    Raises:
        BadInputError: no such version or class, or `out` lies in the landing zone.
    """
    if out.absolute().is_relative_to(settings.landing):
        raise BadInputError(f"{out} lies in the landing zone: synthetic images never train")
    # torch's threads would wait for one another by spinning: dear where others use the cores, too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    generators = Generators(settings)
    found = generators.find(version)
    number = found.number
    images = generators.draw(number, [label] * count, seed, truncation=truncation, frames=frames)
    facts = {"model": settings.model, "version": number, "label": label, "seed": seed}
    if truncation != 1.0:
        facts["truncation"] = truncation
    stem = f"{settings.model}-v{number}-{label.replace('*', 'x')}-seed{seed}"
    out.mkdir(parents=True, exist_ok=True)
    if frames:
        strip = np.concatenate(list(images), axis=1)
        files = [_write(out, f"{stem}-walk.png", strip, {**facts, "frames": frames})]
    else:
        files = [
            _write(out, f"{stem}-{index:05d}.png", image, {**facts, "index": index})
            for index, image in enumerate(images)
        ]
    return Drawn(number, found.aliases, files)


def _write(out: Path, name: str, image: NDArray[np.uint8], facts: dict[str, Any]) -> Path:
    marks = PngInfo()
    for key, value in {**SYNTHETIC_MARK, "medloom": json.dumps(facts)}.items():
        marks.add_text(key, value)
    Image.fromarray(image).save(out / name, pnginfo=marks)
    sidecar = json.dumps({"synthetic": True, **facts}, indent=2) + "\n"
    write_atomically(out / f"{name}{SIDECAR_SUFFIX}", sidecar)
    return out / name
