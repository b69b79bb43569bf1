"""Writing synthetic images as files that are marked as synthetic."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.project import Project
from pipeline.data.synthetic import SIDECAR_SUFFIX
from pipeline.registry.asked import NOTHING_ASKED, Asked
from pipeline.registry.coco import COCO_FILE, joined_with_file
from pipeline.registry.drawn_images import (
    DrawnImages,
    coco_text,
    draw_images,
    mask_name,
    png_bytes,
    sidecar_text,
    strip_of,
    tell,
)
from pipeline.registry.generators import Generators
from pipeline.registry.layout_files import layout_files
from pipeline.registry.order import USUAL_COUNT, Order


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
    number, spec = found.number, generators.output_spec(found.number)
    order = Order(number, label, _count(count, layout), seed, truncation, asked)
    told = tell(generators, order, layout)
    names = order.names(project.model, number)
    if masks:
        told.require_masks(number, label)
    elif not frames:
        _refuse_masks_of_others(out, names)
    result = Drawn(number, found.aliases, [], order.count, spec.region, told.in_all)
    if frames:
        walk = generators.draw(
            number, order.labels, seed, truncation=truncation, frames=frames, layouts=told.layouts
        )
        facts = order.facts(project.model, number, spec) | {"frames": frames}
        if told.sha256:
            facts["layouts_sha256"] = list(told.sha256)
        name = f"{order.stem(project.model, number)}-walk.png"
        return result._replace(files=[_write(out, name, png_bytes(strip_of(walk), facts), facts)])
    drawn = draw_images(project.model, generators, order, told)
    coco = joined_with_file(out / COCO_FILE, drawn.coco()) if masks else {}
    result = result._replace(files=_write_images(out, drawn))
    if not masks:
        return result
    written = tuple(_write_masks(out, drawn))
    write_atomically(out / COCO_FILE, coco_text(coco))
    return result._replace(masks=written, coco=out / COCO_FILE)


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
    if old := [name for name in names if (out / mask_name(name)).exists()]:
        raise BadInputError(
            f"{out} holds a mask of an earlier {old[0]}, which would not be that of the new one; "
            "write masks again (--masks), or choose another folder"
        )


def _count(count: int | None, layout: Path | None) -> int:
    """The number of images: as given, or one for each file of a folder of layouts."""
    if count is None and layout is not None and layout.is_dir():
        return len(layout_files(layout))
    return USUAL_COUNT if count is None else count


def _write_images(out: Path, drawn: DrawnImages) -> list[Path]:
    return [
        _write(out, name, drawn.png(index), drawn.about(index))
        for index, name in enumerate(drawn.names)
    ]


def _write_masks(out: Path, drawn: DrawnImages) -> list[Path]:
    return [
        _write(out, mask_name(name), drawn.mask_png(index), drawn.about_mask(index))
        for index, name in enumerate(drawn.names)
    ]


def _write(out: Path, name: str, png: bytes, facts: dict[str, Any]) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(png)
    write_atomically(out / f"{name}{SIDECAR_SUFFIX}", sidecar_text(facts))
    return out / name
