"""Turn a stored image into a square of fixed size, the input of networks.

Eight-bit images keep their grey levels. Sixteen-bit images are windowed between two of their own
percentiles: such files use 10 to 16 of their bits, so the full range would make most of them black,
and a plain PNG or TIFF does not say what its numbers mean.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, field_validator

from model.section import Section

View = Literal["axial", "coronal", "sagittal", "oblique", "unknown"]


class PreprocessConfig(Section):
    """The `preprocess` section of params.yaml."""

    size: int = Field(default=64, ge=32, le=256, description="side of the images, a power of two")
    views: tuple[View, ...] = Field(
        default=(),
        description="views to learn from, such as axial; empty: all",
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

    @field_validator("size")
    @classmethod
    def _power_of_two(cls, size: int) -> int:
        if size & (size - 1):
            raise ValueError(f"{size} is not a power of two; allowed are 32, 64, 128, 256")
        return size


def to_square(pixels: NDArray[np.generic], config: PreprocessConfig) -> NDArray[np.uint8]:
    """One image uint8 or uint16 [H, W] -> uint8 [size, size], padded with black."""
    height, width = pixels.shape
    side = max(height, width)
    square = np.zeros((side, side), np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = _window(pixels, config)
    size = (config.size, config.size)
    small = Image.fromarray(square).resize(size, Image.Resampling.BICUBIC)
    return np.clip(np.round(np.asarray(small)), 0, 255).astype(np.uint8)


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
