"""Writing synthetic images as files that are marked as synthetic."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.project import Project
from pipeline.registry.asked import NOTHING_ASKED, Asked
from pipeline.registry.coco import COCO_FILE, coco_of, joined_with_file
from pipeline.registry.generators import Generators, Version
from pipeline.registry.layout_files import MASK_SUFFIX
from pipeline.registry.told import Told
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import WATERMARK_FACT, Marker
from pipeline.synthetic.png import SIDECAR_SUFFIX, sidecar_text
from pipeline.synthetic.zip_file import ZipMember, zip_bytes

Form = Literal["png", "dicom", "zip"]
"""Files of images: PNG or DICOM Secondary Capture, or one archive of PNG files."""
Facts = dict[str, Any]
USUAL_COUNT = 16
"""Images that are drawn if no number is given."""


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
        version: number of the version drawn from.
        aliases: its aliases.
        files: the image files written, or the one archive.
        images: number of images drawn, or of those that a walk passes through.
        region: the part of an image that is shown, in words; "" for whole images.
        findings: how many the images were asked to show in all, by kind; None if the version is
            not told where findings are, or if nothing is known of the class.
        masks: the label maps written, one beside each image; none beside an archive, which holds
            them.
        coco: the COCO file written; None without masks, and beside an archive.
        signed: whether the files bear a C2PA manifest.
        watermarked: whether the images bear the watermark of the project's key.
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
    form: Form = "png",
    watermark: bool = True,
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
    marker = Marker(MarkKeys.of(project), watermark)
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
    suffix = ".dcm" if form == "dicom" else ".png"
    names = [f"{stem}-{index:05d}{suffix}" for index in range(len(labels))]
    if masks:
        told.require_masks(number, label)
    elif not frames and form != "zip":
        _refuse_masks_of_others(out, names)
    images = generators.draw(
        number, labels, seed, truncation=truncation, frames=frames, layouts=told.layouts
    )
    facts = _of_all(project.model, found, label, seed) | {
        name: value
        for name, value in (
            ("region", spec.region),
            ("truncation", truncation if truncation != 1.0 else None),
            ("asked", asked.facts),
            ("frames", frames),
        )
        if value
    }
    if frames:
        of_walk: Facts = {"images": len(labels)}
        if told.sha256:
            of_walk["layouts_sha256"] = list(told.sha256)
        names, about = [f"{stem}-walk{suffix}"], [of_walk]
        images = np.concatenate(list(images), axis=1)[None]
    else:
        about = [{"index": index} | _of_one(told, index) for index in range(len(labels))]
    marks = marker.facts((images.shape[1], images.shape[2]))
    about = [one | marks for one in about]
    written = _image_files(
        marker, "dicom" if form == "dicom" else "png", names, images, facts, about
    )
    drawn = Drawn(
        number,
        found.aliases,
        [],
        len(labels),
        spec.region,
        told.in_all,
        signed=marker.keys is not None and form != "dicom",
        watermarked=bool(marks),
    )
    maps = _mask_files(marker, told, names, facts, about) if masks else []
    coco = coco_of(names, told.label_maps, spec.kinds, {"model": project.model}) if masks else {}
    if form == "zip":
        both = [*written, *maps, *([ZipMember(COCO_FILE, _json(coco))] if masks else [])]
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{stem}.zip").write_bytes(zip_bytes(both, facts))
        return drawn._replace(files=[out / f"{stem}.zip"])
    if masks:
        coco = joined_with_file(out / COCO_FILE, coco)
    drawn = drawn._replace(files=[_write(out, one, facts) for one in written])
    if not masks:
        return drawn
    label_maps = tuple(_write(out, one, facts) for one in maps)
    write_atomically(out / COCO_FILE, _json(coco).decode())
    return drawn._replace(masks=label_maps, coco=out / COCO_FILE)


def _of_all(model: str, version: Version, label: str, seed: int) -> Facts:
    """The facts about all images that every file has."""
    facts: Facts = {"model": model, "version": version.number}
    return facts | {"weights_sha256": version.weights_sha256, "label": label, "seed": seed}


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
    return Path(name).stem + MASK_SUFFIX


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


def _image_files(
    marker: Marker,
    form: Literal["png", "dicom"],
    names: Sequence[str],
    images: NDArray[np.uint8],
    facts: Facts,
    about: Sequence[Facts],
) -> list[ZipMember]:
    """The file of each image [N, H, W], with its watermark if `about` says so."""
    return [
        ZipMember(name, marker.encode(form, marker.watermarked(image), facts | one), one)
        for name, image, one in zip(names, images, about, strict=True)
    ]


def _mask_files(
    marker: Marker, told: Told, names: Sequence[str], facts: Facts, about: Sequence[Facts]
) -> list[ZipMember]:
    """The label map of each image, as PNG."""
    files = []
    for name, labels, one in zip(names, told.label_maps, about, strict=True):
        more = {"kinds": list(told.kinds), "mask_of": name} | one
        more.pop(WATERMARK_FACT, None)  # masks have none
        content = marker.encode("png", labels, facts | more)
        files.append(ZipMember(_mask_of(name), content, more))
    return files


def _json(of: Facts) -> bytes:
    return (json.dumps(of, indent=1) + "\n").encode()


def _write(out: Path, file: ZipMember, facts: Facts) -> Path:
    """Write a file, and beside a PNG the one that says what is lost with its text chunks."""
    out.mkdir(parents=True, exist_ok=True)
    (out / file.name).write_bytes(file.content)
    if file.name.endswith(".png"):
        write_atomically(
            out / f"{file.name}{SIDECAR_SUFFIX}", sidecar_text({**facts, **file.facts})
        )
    return out / file.name
