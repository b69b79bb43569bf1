"""Writing synthetic images as files that are marked as synthetic."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.project import Project
from pipeline.registry.asked import NOTHING_ASKED, Asked
from pipeline.registry.coco import COCO_FILE, joined_with_file
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.drawn_images import (
    SUFFIX,
    Form,
    coco_text,
    draw_images,
    mask_name,
    strip_of,
    tell,
)
from pipeline.registry.edits import Edit
from pipeline.registry.enlargement import Enlargement
from pipeline.registry.generators import Generators
from pipeline.registry.image_zip import archive_of
from pipeline.registry.layout_files import layout_files
from pipeline.registry.order import USUAL_COUNT, Order
from pipeline.registry.output_spec import OutputSpec
from pipeline.registry.told import Told
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import Marker
from pipeline.synthetic.png import SIDECAR_SUFFIX, sidecar_text
from pipeline.synthetic.zip_file import ZipMember, zip_bytes

Format = Literal["png", "dicom", "zip"]
"""Files of images, or one archive of PNG files."""


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
        version: number of the version drawn from.
        aliases: its aliases.
        files: the image files written, or the one archive.
        images: number of images drawn, or of those that a walk passes through.
        region: the part of an image that is shown, in words; "" for whole images.
        findings: how many the images were asked to show in all, or their masks show, by kind; None
            if the version knows no findings, or if nothing is known of the class.
        masks: the label maps written, one beside each image; none beside an archive, which holds
            them.
        coco: the COCO file written; None without masks, and beside an archive.
        signed: whether the files bear a C2PA manifest.
        watermarked: whether the images bear the watermark of the project's key.
        made: whether the version makes findings itself, and is not asked for them.
        enlarged_by: the version that made them larger, in words; "" if they are as drawn.
    """

    version: int
    aliases: tuple[str, ...]
    files: list[Path]
    images: int
    region: str = ""
    findings: dict[str, int] | None = None
    masks: tuple[Path, ...] = ()
    coco: Path | None = None
    signed: bool = False
    watermarked: bool = False
    made: bool = False
    enlarged_by: str = ""


class Enlarge(NamedTuple):
    """Who makes drawn images larger, and how many times.

    Attributes:
        project: of the enlarger.
        version: a number or an alias.
        factor: how many times.
    """

    project: Project
    version: str
    factor: int


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
    form: Format = "png",
    watermark: bool = True,
    withheld: bool = False,
    edit: Edit | None = None,
    enlarge: Enlarge | None = None,
) -> Drawn:
    """Draw images of one class from a version and write them as files.

    With `frames`, one image is written instead: a strip of interpolations from each image to the
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
        masks: write a label map as PNG beside each image, and a COCO file for all images of `out`.
        form: of the files; an archive holds PNG files, a list of them, and their masks.
        watermark: whether images are watermarked where the project has keys of its marks; off for
            images that a network is to learn from.
        withheld: draw also from a version that copies a training image; for auditors.
        edit: how each image is moved in W, for a version with styles; neither with frames nor with
            masks.
        enlarge: make the images larger by a version of another project.

    Raises:
        BadInputError: the version, class or kind does not exist, the version is withheld, `out` is
            in the landing zone, two options contradict each other, or the version cannot draw what
            is asked for.
    """
    if out.absolute().is_relative_to(project.landing):
        raise BadInputError(
            f"{out} is in the landing zone, but synthetic images must never be trained on; "
            "choose another folder"
        )
    _refuse_contradictions(asked, layout, frames, masks=masks)
    if edit and (frames or masks):
        raise BadInputError(
            "an edit is of single images, and findings fade on its way; leave the edit, or frames "
            "and masks, out"
        )
    if enlarge and (frames or masks):
        raise BadInputError(
            "walks and masks are not enlarged; leave --enlarge, or --interpolate and --masks, out"
        )
    marker = Marker(MarkKeys.of(project), watermark)
    # Waiting threads of torch would spin, which is slow if other processes use the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    generators = Generators(project, DrawCounter.of(project, "generate"), withheld=withheld)
    found = generators.find(version)
    number, spec = found.number, generators.output_spec(found.number)
    order = Order(number, label, _count(count, layout), seed, truncation, asked, edit)
    larger = None
    if enlarge:
        larger = Enlargement.choose(
            enlarge.project, enlarge.version, enlarge.factor, spec, withheld=withheld
        )
        order = replace(order, enlarged=larger.in_words)
    told = tell(generators, order, layout)
    each: Form = "dicom" if form == "dicom" else "png"
    names = order.names(project.model, number, SUFFIX[each])
    if masks:
        told.require_masks(number, label)
    elif not frames and form != "zip":
        _refuse_masks_of_others(out, names)
    result = Drawn(
        number,
        found.aliases,
        [],
        order.count,
        spec.region,
        told.in_all,
        signed=marker.keys is not None and form != "dicom",
        watermarked=bool(marker.facts(_shape(spec, larger))),
        made=told.made is not None,
        enlarged_by="" if larger is None else f"version {larger.version.number} of {larger.model}",
    )
    archive = out / f"{order.stem(project.model, number)}.zip"
    if frames:
        facts = order.facts(project.model, found, spec) | {"frames": frames}
        walk = _walk(generators, order, told, facts, marker, each)
        walk = walk._replace(name=f"{archive.stem}-walk{SUFFIX[each]}")
        if form == "zip":
            return result._replace(files=[_write_bytes(archive, zip_bytes([walk], facts))])
        return result._replace(files=[_write(out, walk, facts)])
    drawn = draw_images(project.model, generators, order, told, marker, each)
    if larger is not None:
        drawn = larger.enlarged(drawn)
    if form == "zip":
        return result._replace(files=[_write_bytes(archive, archive_of(drawn, masks=masks))])
    coco = joined_with_file(out / COCO_FILE, drawn.coco()) if masks else {}
    images = [_write(out, drawn.file(index), drawn.facts) for index in range(len(drawn))]
    result = result._replace(files=images)
    if not masks:
        return result
    label_maps = [_write(out, drawn.mask_file(index), drawn.facts) for index in range(len(drawn))]
    write_atomically(out / COCO_FILE, coco_text(coco))
    return result._replace(masks=tuple(label_maps), coco=out / COCO_FILE)


def _shape(spec: OutputSpec, larger: Enlargement | None) -> tuple[int, int]:
    """Height and width of the files' images."""
    side = spec.image_size * (larger.factor if larger else 1)
    return side, side


def _walk(
    generators: Generators,
    order: Order,
    told: Told,
    facts: dict[str, Any],
    marker: Marker,
    form: Form,
) -> ZipMember:
    """The file of a walk through the order's images; `facts` are about it, with its `frames`."""
    images = generators.draw(
        order.version,
        order.labels,
        order.seed,
        truncation=order.truncation,
        frames=facts["frames"],
        layouts=told.layouts,
    )
    strip = strip_of(list(images))
    about: dict[str, Any] = {"images": order.count}
    if told.sha256:
        about["layouts_sha256"] = list(told.sha256)
    about |= marker.facts((strip.shape[0], strip.shape[1]))
    content = marker.encode(form, marker.watermarked(strip), facts | about)
    return ZipMember("", content, about)


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


def _write(out: Path, file: ZipMember, facts: dict[str, Any]) -> Path:
    """Write a file, and beside a PNG the one that says what is lost with its text chunks."""
    written = _write_bytes(out / file.name, file.content)
    if file.name.endswith(".png"):
        about = sidecar_text({**facts, **file.facts})
        write_atomically(out / f"{file.name}{SIDECAR_SUFFIX}", about)
    return written


def _write_bytes(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file
