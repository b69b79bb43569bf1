"""Writing synthetic images as files that are marked as synthetic."""

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
from pipeline.base.project import Project
from pipeline.data.synthetic import SIDECAR_SUFFIX, SYNTHETIC_MARK
from pipeline.registry.generators import Generators


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
        version: number of the version drawn from.
        aliases: its aliases.
        files: the PNG files written.
        region: the part of an image that is shown, in words; "" for whole images.
    """

    version: int
    aliases: tuple[str, ...]
    files: list[Path]
    region: str = ""


def generate_images(
    project: Project,
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

    With `frames`, one PNG is written instead: a strip of interpolations from each image to the
    next, in so many steps.

    Args:
        project: the project.
        version: version number or alias.
        label: class name, or a mixture such as 3*cyst+stone.
        count: number of images.
        seed: equal seed, version and class give equal images.
        out: output folder, created if missing; not in the landing zone.
        truncation: factor of the latent; below 1, images are more typical and less varied.
        frames: steps of a walk; 0: no walk.

    Raises:
        BadInputError: the version or class does not exist, or `out` is in the landing zone.
    """
    if out.absolute().is_relative_to(project.landing):
        raise BadInputError(
            f"{out} is in the landing zone, but synthetic images must never be trained on; "
            "choose another folder"
        )
    # Waiting threads of torch would spin, which is slow if other processes use the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    generators = Generators(project)
    found = generators.find(version)
    number = found.number
    images = generators.draw(number, [label] * count, seed, truncation=truncation, frames=frames)
    facts = {"model": project.model, "version": number, "label": label, "seed": seed}
    region = generators.output_spec(number).region
    if region:
        facts["region"] = region
    if truncation != 1.0:
        facts["truncation"] = truncation
    stem = f"{project.model}-v{number}-{label.replace('*', 'x')}-seed{seed}"
    out.mkdir(parents=True, exist_ok=True)
    if frames:
        strip = np.concatenate(list(images), axis=1)
        files = [_write(out, f"{stem}-walk.png", strip, {**facts, "frames": frames})]
    else:
        files = [
            _write(out, f"{stem}-{index:05d}.png", image, {**facts, "index": index})
            for index, image in enumerate(images)
        ]
    return Drawn(number, found.aliases, files, region)


def _write(out: Path, name: str, image: NDArray[np.uint8], facts: dict[str, Any]) -> Path:
    marks = PngInfo()
    for key, value in {**SYNTHETIC_MARK, "medloom": json.dumps(facts)}.items():
        marks.add_text(key, value)
    Image.fromarray(image).save(out / name, pnginfo=marks)
    sidecar = json.dumps({"synthetic": True, **facts}, indent=2) + "\n"
    write_atomically(out / f"{name}{SIDECAR_SUFFIX}", sidecar)
    return out / name
