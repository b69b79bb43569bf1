"""Writing synthetic images as files that are marked as synthetic."""

import json
import os
from collections.abc import Sequence
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
from pipeline.registry.asked import NOTHING_ASKED, Asked
from pipeline.registry.coco import COCO_FILE, coco_of, joined_with_file
from pipeline.registry.generators import Generators
from pipeline.registry.layout_files import MASK_SUFFIX
from pipeline.registry.told import Told

Maps = NDArray[np.uint8]
USUAL_COUNT = 16
"""Images that are drawn if no number is given."""


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
        version: number of the version drawn from.
        aliases: its aliases.
        files: the PNG files written.
        images: number of images drawn, or of those that a walk passes through.
        region: the part of an image that is shown, in words; "" for whole images.
        findings: how many the images were asked to show in all, by kind; None if the version is
            not told where findings are, or if nothing is known of the class.
        masks: the label maps written, one beside each image.
        coco: the COCO file written; None without masks.
    """

    version: int
    aliases: tuple[str, ...]
    files: list[Path]
    images: int
    region: str = ""
    findings: dict[str, int] | None = None
    masks: tuple[Path, ...] = ()
    coco: Path | None = None


def generate_images(
    project: Project,
    version: str,
    label: str,
    count: int | None,
    seed: int,
    out: Path,
    *,
    truncation: float = 1.0,
    frames: int = 0,
    asked: Asked = NOTHING_ASKED,
    layout: Path | None = None,
    masks: bool = False,
) -> Drawn:
    """Draw images of one class from a version and write them as PNG.

    With `frames`, one PNG is written instead: a strip of interpolations from each image to the
    next, in so many steps; findings fade from one layout to the next.

    Args:
        project: the project.
        version: version number or alias.
        label: class name, or a mixture such as 3*cyst+stone.
        count: number of images; None: `USUAL_COUNT`, or as many as the folder `layout` has.
        seed: equal seed, version, class and findings give equal images.
        out: output folder, created if missing; not in the landing zone.
        truncation: factor of the latent; below 1, images are more typical and less varied.
        frames: steps of a walk; 0: no walk.
        asked: the findings of each image.
        layout: instead: a label map for all images, or a folder with one for each.
        masks: write a label map beside each image, and a COCO file for all images of `out`.

    Raises:
        BadInputError: the version, class or kind does not exist, `out` is in the landing zone,
            two options contradict each other, or the version cannot draw what is asked for.
    """
    if out.absolute().is_relative_to(project.landing):
        raise BadInputError(
            f"{out} is in the landing zone, but synthetic images must never be trained on; "
            "choose another folder"
        )
    _refuse_contradictions(asked, layout, frames, masks=masks)
    # Waiting threads of torch would spin, which is slow if other processes use the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    generators = Generators(project)
    found = generators.find(version)
    number = found.number
    spec = generators.output_spec(number)
    if layout is not None:
        told = Told.by_files(number, layout, spec, count or _count_for(layout))
        labels = [label] * len(told.sha256)
    else:
        labels = [label] * (count or USUAL_COUNT)
        told = Told(generators.layouts(number, labels, seed, asked=asked), spec.kinds)
    stem = f"{project.model}-v{number}-{label.replace('*', 'x')}-seed{seed}"
    names = [f"{stem}-{index:05d}.png" for index in range(len(labels))]
    if masks:
        told.require_masks(number, label)
    elif not frames:
        _refuse_masks_of_others(out, names)
    images = generators.draw(
        number, labels, seed, truncation=truncation, frames=frames, layouts=told.layouts
    )
    facts: dict[str, Any] = {"model": project.model, "version": number, "label": label}
    facts["seed"] = seed
    more: dict[str, Any] = {
        "region": spec.region,
        "truncation": truncation if truncation != 1.0 else None,
        "asked": asked.facts,
        "frames": frames,
    }
    facts |= {name: value for name, value in more.items() if value}
    drawn = Drawn(number, found.aliases, [], len(labels), spec.region, told.in_all)
    if frames:
        if told.sha256:
            facts["layouts_sha256"] = list(told.sha256)
        strip = np.concatenate(list(images), axis=1)
        return drawn._replace(files=[_write(out, f"{stem}-walk.png", strip, facts)])
    about = [facts | {"index": index} | _of_one(told, index) for index in range(len(labels))]
    if not masks:
        return drawn._replace(files=_write_all(out, names, images, about))
    coco = coco_of(names, told.label_maps, spec.kinds, {"model": project.model})
    coco = joined_with_file(out / COCO_FILE, coco)
    files = _write_all(out, names, images, about)
    kinds = {"kinds": list(spec.kinds)}
    about = [one | kinds | {"mask_of": name} for one, name in zip(about, names, strict=True)]
    written = tuple(_write_all(out, [_mask_of(name) for name in names], told.label_maps, about))
    write_atomically(out / COCO_FILE, json.dumps(coco, indent=1) + "\n")
    return drawn._replace(files=files, masks=written, coco=out / COCO_FILE)


def _refuse_contradictions(asked: Asked, layout: Path | None, frames: int, *, masks: bool) -> None:
    if layout is not None and not asked.nothing:
        raise BadInputError(
            f"the layout {layout} says where the findings are; leave their number, kind and size "
            "out, or leave the layout out"
        )
    if asked.kind and asked.findings is None:
        raise BadInputError(f"of kind {asked.kind} how many? Give the number of findings, too")
    if frames and masks:
        raise BadInputError(
            "a walk has no masks, since its findings fade from one image to the next; leave one of "
            "both out"
        )


def _refuse_masks_of_others(out: Path, names: Sequence[str]) -> None:
    if old := [name for name in names if (out / _mask_of(name)).exists()]:
        raise BadInputError(
            f"{out} holds a mask of an earlier {old[0]}, which would not be that of the new one; "
            "write masks again (--masks), or choose another folder"
        )


def _mask_of(name: str) -> str:
    return name.removesuffix(".png") + MASK_SUFFIX


def _count_for(layout: Path) -> int | None:
    """Images that are drawn if no number is given; None: one for each file of the folder."""
    return None if layout.is_dir() else USUAL_COUNT


def _of_one(told: Told, index: int) -> dict[str, Any]:
    """The facts about one image's findings, of those that are known."""
    facts: dict[str, Any] = {}
    if (findings := told.findings(index)) is not None:
        facts["findings"] = findings
    if told.sha256:
        facts["layout_sha256"] = told.sha256[index]
    return facts


def _write_all(
    out: Path, names: Sequence[str], images: Maps, about: Sequence[dict[str, Any]]
) -> list[Path]:
    return [_write(out, *one) for one in zip(names, images, about, strict=True)]


def _write(out: Path, name: str, image: NDArray[np.uint8], facts: dict[str, Any]) -> Path:
    marks = PngInfo()
    for key, value in {**SYNTHETIC_MARK, "medloom": json.dumps(facts)}.items():
        marks.add_text(key, value)
    out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(out / name, pnginfo=marks)
    sidecar = json.dumps({"synthetic": True, **facts}, indent=2) + "\n"
    write_atomically(out / f"{name}{SIDECAR_SUFFIX}", sidecar)
    return out / name
