"""Images drawn from a version, with what a file of each says about itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.registry.coco import coco_of
from pipeline.registry.generators import Generators, Version
from pipeline.registry.layout_files import MASK_SUFFIX
from pipeline.registry.order import Order
from pipeline.registry.output_spec import OutputSpec
from pipeline.registry.told import Told
from pipeline.synthetic.marker import WATERMARK_FACT, Marker
from pipeline.synthetic.zip_file import ZipMember

Form = Literal["png", "dicom"]
"""Files of images: PNG, or DICOM Secondary Capture; masks are always PNG."""
SUFFIX = {"png": ".png", "dicom": ".dcm"}
UNMARKED = Marker(None)
"""Marks images of a project without keys: they say that they are synthetic, unsigned."""


@dataclass(frozen=True)
class DrawnImages:
    """The images of an order.

    Attributes:
        model: name of the registered model.
        version: that they were drawn from.
        spec: of the version's images.
        order: as it was given.
        told: where the findings of each image are.
        images: uint8 [N, H, W], 0 black to 255 white, without a watermark.
        marker: marks the files.
        form: of the images' files.
        enlarged: what the files say of the images' enlargement; None if they are as drawn.
    """

    model: str
    version: Version
    spec: OutputSpec
    order: Order
    told: Told
    images: NDArray[np.uint8]
    marker: Marker = UNMARKED
    form: Form = "png"
    enlarged: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def names(self) -> list[str]:
        """The names of the images' files."""
        return self.order.names(self.model, self.version.number, SUFFIX[self.form])

    @cached_property
    def masked(self) -> bool:
        """Whether it is known of every image where its findings are."""
        return self.told.where is not None and bool(self.told.where.told.all())

    @property
    def facts(self) -> dict[str, Any]:
        """What all of the images say about themselves."""
        return self.order.facts(self.model, self.version, self.spec) | (self.enlarged or {})

    def about(self, index: int) -> dict[str, Any]:
        """What one image says about itself."""
        return self.facts | self._of_one(index)

    def _of_one(self, index: int) -> dict[str, Any]:
        facts: dict[str, Any] = {"index": index}
        if (findings := self.told.findings(index)) is not None:
            facts["findings"] = findings
        if self.told.sha256:
            facts["layout_sha256"] = self.told.sha256[index]
        return facts | self.marker.facts((self.images.shape[1], self.images.shape[2]))

    def _of_mask(self, index: int) -> dict[str, Any]:
        facts = {"kinds": list(self.told.kinds), "mask_of": self.names[index]}
        facts |= self._of_one(index)
        facts.pop(WATERMARK_FACT, None)  # masks have none
        return facts

    def file(self, index: int) -> ZipMember:
        """The file of one image, with its marks."""
        marked = self.marker.watermarked(self.images[index])
        content = self.marker.encode(self.form, marked, self.about(index))
        return ZipMember(self.names[index], content, self._of_one(index))

    def png(self, index: int) -> bytes:
        """The PNG file of one image, with its marks, whatever the form of the files."""
        return replace(self, form="png").file(index).content

    def dicom(self, index: int) -> bytes:
        """The DICOM file of one image, likewise."""
        return replace(self, form="dicom").file(index).content

    def mask_file(self, index: int) -> ZipMember:
        """The file of one image's label map, with its marks."""
        facts = self._of_mask(index)
        content = self.marker.encode("png", self.told.label_maps[index], self.facts | facts)
        return ZipMember(mask_name(self.names[index]), content, facts)

    def coco(self) -> dict[str, Any]:
        """The findings of all images as a COCO file."""
        maps = self.told.label_maps
        return coco_of(self.names, maps, self.told.kinds, {"model": self.model})


def tell(generators: Generators, order: Order, layout: Path | None = None) -> Told:
    """What the generator is told of the findings of an order's images, or says of them.

    Args:
        generators: of the project.
        order: what is drawn.
        layout: instead of what the order asks for: as in `read_layouts`.

    Raises:
        BadInputError: the version does not exist, or cannot draw what is asked for.
    """
    number = generators.find(order.version).number
    spec = generators.output_spec(number)
    if order.edit and order.edit.moves_findings and order.asked.nothing and layout is None:
        return Told(None, spec.kinds)  # they fade on the way, so none is where it was asked for
    if layout is not None:
        return Told.by_files(number, layout, spec, order.count)
    layouts = generators.layouts(number, order.labels, order.seed, asked=order.asked)
    if not spec.made:
        return Told(layouts, spec.kinds)
    made = generators.made_layouts(number, order.labels, order.seed, truncation=order.truncation)
    return Told(layouts, spec.made, made=made)


def draw_images(
    model: str,
    generators: Generators,
    order: Order,
    told: Told | None = None,
    marker: Marker = UNMARKED,
    form: Form = "png",
) -> DrawnImages:
    """Draw the images of an order.

    Args:
        model: name of the registered model.
        generators: of the project.
        order: what is drawn.
        told: from `tell`; None: what the order asks for.
        marker: marks the files.
        form: of the images' files.

    Raises:
        BadInputError: the version or class does not exist, or it cannot draw what is asked for.
    """
    version = generators.find(order.version)
    told = tell(generators, order) if told is None else told
    images = generators.draw(
        version.number,
        order.labels,
        order.seed,
        truncation=order.truncation,
        layouts=told.layouts,
        edit=order.edit,
    )
    spec = generators.output_spec(version.number)
    return DrawnImages(model, version, spec, order, told, images, marker, form)


def mask_name(name: str) -> str:
    """The name of the file of an image's mask."""
    return Path(name).stem + MASK_SUFFIX


def coco_text(coco: dict[str, Any]) -> str:
    """A COCO file."""
    return json.dumps(coco, indent=1) + "\n"


def strip_of(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Images side by side, uint8 [H, N W]."""
    return np.concatenate(list(images), axis=1)
