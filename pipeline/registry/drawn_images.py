"""Images drawn from a version, with what a file of each says about itself."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.data.synthetic import SYNTHETIC_MARK
from pipeline.registry.bundle import OutputSpec
from pipeline.registry.coco import coco_of
from pipeline.registry.generators import Generators, Version
from pipeline.registry.layout_files import MASK_SUFFIX
from pipeline.registry.order import Order
from pipeline.registry.told import Told


@dataclass(frozen=True)
class DrawnImages:
    """The images of an order.

    Attributes:
        model: name of the registered model.
        version: that they were drawn from.
        spec: of the version's images.
        order: as it was given.
        told: where the findings of each image are.
        images: uint8 [N, H, W], 0 black to 255 white.
    """

    model: str
    version: Version
    spec: OutputSpec
    order: Order
    told: Told
    images: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def names(self) -> list[str]:
        """The names of the images' files."""
        return self.order.names(self.model, self.version.number)

    @cached_property
    def masked(self) -> bool:
        """Whether it is known of every image where its findings are."""
        return self.told.layouts is not None and bool(self.told.layouts.told.all())

    @property
    def facts(self) -> dict[str, Any]:
        """What all of the images say about themselves."""
        return self.order.facts(self.model, self.version.number, self.spec)

    def about(self, index: int) -> dict[str, Any]:
        """What one image says about itself."""
        facts = self.facts | {"index": index}
        if (findings := self.told.findings(index)) is not None:
            facts["findings"] = findings
        if self.told.sha256:
            facts["layout_sha256"] = self.told.sha256[index]
        return facts

    def about_mask(self, index: int) -> dict[str, Any]:
        """What the mask of one image says about itself."""
        return self.about(index) | {"kinds": list(self.spec.kinds), "mask_of": self.names[index]}

    def png(self, index: int) -> bytes:
        """The PNG file of one image, with its marks."""
        return png_bytes(self.images[index], self.about(index))

    def mask_png(self, index: int) -> bytes:
        """The PNG file of one image's label map, with its marks."""
        return png_bytes(self.told.label_maps[index], self.about_mask(index))

    def coco(self) -> dict[str, Any]:
        """The findings of all images as a COCO file."""
        maps = self.told.label_maps
        return coco_of(self.names, maps, self.spec.kinds, {"model": self.model})


def tell(generators: Generators, order: Order, layout: Path | None = None) -> Told:
    """What the generator is told of the findings of an order's images.

    Args:
        generators: of the project.
        order: what is drawn.
        layout: instead of what the order asks for: as in `read_layouts`.

    Raises:
        BadInputError: the version does not exist, or cannot draw what is asked for.
    """
    number = generators.find(order.version).number
    spec = generators.output_spec(number)
    if layout is not None:
        return Told.by_files(number, layout, spec, order.count)
    layouts = generators.layouts(number, order.labels, order.seed, asked=order.asked)
    return Told(layouts, spec.kinds)


def draw_images(
    model: str, generators: Generators, order: Order, told: Told | None = None
) -> DrawnImages:
    """Draw the images of an order.

    Args:
        model: name of the registered model.
        generators: of the project.
        order: what is drawn.
        told: from `tell`; None: what the order asks for.

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
    )
    return DrawnImages(model, version, generators.output_spec(version.number), order, told, images)


def png_bytes(image: NDArray[np.uint8], facts: dict[str, Any]) -> bytes:
    """A PNG file that says that it is synthetic, and the facts.

    Args:
        image: uint8 [H, W].
        facts: model, version, label, seed and more; stored as JSON in the text chunk `medloom`.
    """
    marks = PngInfo()
    for key, value in {**SYNTHETIC_MARK, "medloom": json.dumps(facts)}.items():
        marks.add_text(key, value)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", pnginfo=marks)
    return file.getvalue()


def sidecar_text(facts: dict[str, Any]) -> str:
    """The file beside an image: that it is synthetic, and the facts."""
    return json.dumps({"synthetic": True, **facts}, indent=2) + "\n"


def mask_name(name: str) -> str:
    """The name of the file of an image's mask."""
    return name.removesuffix(".png") + MASK_SUFFIX


def coco_text(coco: dict[str, Any]) -> str:
    """A COCO file."""
    return json.dumps(coco, indent=1) + "\n"


def strip_of(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Images side by side, uint8 [H, N W]."""
    return np.concatenate(list(images), axis=1)
