"""Turn a stored image into a square of fixed size, the input of networks.

Eight-bit images keep their grey levels. Sixteen-bit images are windowed between two of their own
percentiles: such files use 10 to 16 of their bits, so the full range would make most of them black,
and a plain PNG or TIFF does not say what its numbers mean.
"""

from math import ceil, floor
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, field_validator

from model.section import Section
from pipeline.data.pairs import MODALITY
from pipeline.data.region import Box, RegionConfig, find_region, whole_square

SMALL = "smaller than preprocess.size"
"""Why an image was left out."""

View = Literal["axial", "coronal", "sagittal", "oblique", "unknown"]


class PreprocessConfig(Section):
    """The `preprocess` section of params.yaml."""

    size: int = Field(default=64, ge=32, le=256, description="side of the images, a power of two")
    smaller: Literal["enlarge", "leave_out"] = Field(
        default="enlarge",
        description="what becomes of images with fewer pixels than size: enlarge or leave_out, "
        "with which families that enlarge begin",
    )
    views: tuple[View, ...] = Field(
        default=(),
        description="views to learn from, such as axial; empty: all",
    )
    region: RegionConfig = Field(
        default=RegionConfig(), description="part of each image that networks see"
    )
    modalities: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(),
        description="for a family that fuses: the two modalities of a pair, such as [CT, MR], in "
        "the order in which they are given; empty: each image alone",
    )
    low_percentile: float = Field(
        default=0.5,
        ge=0.0,
        lt=50.0,
        description="percentile of a 16-bit image's pixels that becomes black",
    )
    high_percentile: float = Field(
        default=99.5,
        gt=50.0,
        le=100.0,
        description="percentile of a 16-bit image's pixels that becomes white",
    )

    @field_validator("modalities")
    @classmethod
    def _two_modalities(cls, modalities: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(one.upper() for one in modalities)
        if found and not len(found) == len(set(found)) == 2:
            raise ValueError(
                f"{', '.join(found)} are not two modalities; allowed are two that differ, such as "
                "[CT, MR], or none"
            )
        if wrong := [one for one in found if not MODALITY.fullmatch(one)]:
            raise ValueError(
                f"{wrong[0]!r} is no modality; allowed are 1 to 16 of A-Z, 0-9, - and _, as in the "
                "column modality of medloom.csv"
            )
        return found

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"{size} is not a power of two; allowed are 32, 64, 128, 256")
        return size

    def leaves_out(self, shape: tuple[int, ...]) -> bool:
        """Whether an image is left out for its height and width alone.

        How large a region's square is only its pixels tell; see `find_crop`.
        """
        return self.region.whole and self.too_small(max(shape))

    def too_small(self, side: float) -> bool:
        """Whether a square of this side, in pixels, is left out."""
        return self.smaller == "leave_out" and side < self.size


def find_crop(pixels: NDArray[np.generic], config: PreprocessConfig) -> tuple[Box | None, str]:
    """The square of one image that `preprocess.region` asks for.

    Args:
        pixels: uint8 or uint16 [H, W].
        config: region, window, and what becomes of small images.

    Returns:
        The square in the image's pixels and "", or None and why the image is left out.
    """
    crop = whole_square(pixels.shape)
    if not config.region.whole:
        found, reason = find_region(grey_levels(pixels, config), config.region)
        if found is None:
            return None, reason
        crop = found
    return (None, SMALL) if config.too_small(crop[2] - crop[0]) else (crop, "")


def grey_levels(pixels: NDArray[np.generic], config: PreprocessConfig) -> NDArray[np.uint8]:
    """The image at its own size in uint8 [H, W], 16-bit images windowed."""
    return np.round(_window(pixels, config)).astype(np.uint8)


def to_square(
    pixels: NDArray[np.generic], config: PreprocessConfig, crop: Box | None = None
) -> NDArray[np.uint8]:
    """One square of an image at the size of networks' input.

    Args:
        pixels: uint8 or uint16 [H, W].
        config: size and window.
        crop: the square, from `find_crop`; None: the whole image. Beyond the image it is black.

    Returns:
        uint8 [size, size].
    """
    square = cut_square(_window(pixels, config), crop or whole_square(pixels.shape), config.size)
    return np.clip(np.round(square), 0, 255).astype(np.uint8)


def cut_square(
    values: NDArray[np.float32], crop: Box, size: int, *, area: bool = False
) -> NDArray[np.float32]:
    """A square of an image, resized once, antialiased; beyond the image it is 0.

    Args:
        values: float32 [H, W].
        crop: x0, y0, x1, y1 in pixels.
        size: side of the result, pixels.
        area: average areas, for masks, in the place of bicubic interpolation.
    """
    x0, y0, x1, y1 = crop
    height, width = values.shape
    left, top = max(-floor(x0), 0), max(-floor(y0), 0)
    right, bottom = max(ceil(x1) - width, 0), max(ceil(y1) - height, 0)
    padded = np.pad(values, ((top, bottom), (left, right)))
    # By the box alone: Pillow places it between pixels, and its filter sees the pixels around it.
    small = Image.fromarray(padded).resize(
        (size, size),
        Image.Resampling.BOX if area else Image.Resampling.BICUBIC,
        box=(x0 + left, y0 + top, x1 + left, y1 + top),
    )
    return np.asarray(small)


def _window(pixels: NDArray[np.generic], config: PreprocessConfig) -> NDArray[np.float32]:
    """Grey levels as floats in 0..255."""
    values = pixels.astype(np.float32)
    if pixels.dtype == np.uint8:
        return values
    low, high = np.percentile(values, [config.low_percentile, config.high_percentile])
    if high <= low:  # all but a few pixels are equal: use the full range
        low, high = values.min(), values.max()
    levels: NDArray[np.float32] = (values - low) * np.float32(255 / max(high - low, 1.0))
    return np.clip(levels, 0, 255)
