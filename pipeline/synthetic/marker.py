"""Marking one project's images by every means that its keys allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic import watermark
from pipeline.synthetic.credentials import sign_png
from pipeline.synthetic.dicom import dicom_bytes
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.png import png_bytes

WATERMARK_FACT = "watermark"
"""The fact that an image is watermarked: the id of the key."""


@dataclass(frozen=True)
class Marker:
    """Marks images.

    Attributes:
        keys: None: images are neither signed nor watermarked.
        watermarks: whether images are watermarked, where there are keys.
    """

    keys: MarkKeys | None
    watermarks: bool = True

    def facts(self, shape: tuple[int, int]) -> dict[str, Any]:
        """What the facts about images of this shape [H, W] say of their watermark, if any."""
        if self.keys is None or not self.watermarks or not watermark.is_large_enough(shape):
            return {}
        return {WATERMARK_FACT: self.keys.watermark_id}

    def watermarked(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An image uint8 [H, W] with the watermark, if `facts` says that it has one."""
        if self.keys is None or not self.facts((image.shape[0], image.shape[1])):
            return image
        return watermark.embed(image, self.keys.watermark)

    def encode(
        self, form: Literal["png", "dicom"], image: NDArray[np.uint8], facts: Mapping[str, Any]
    ) -> bytes:
        """A file of an image, or of a label map; PNG is signed where there are keys.

        Args:
            form: of the file.
            image: uint8 [H, W], as `watermarked` returns it.
            facts: as of `dicom_bytes`.
        """
        if form == "dicom":
            return dicom_bytes(image, facts)
        png = png_bytes(image, facts)
        return png if self.keys is None else sign_png(png, facts, self.keys)
