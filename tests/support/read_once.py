"""`recover` of phantoms, each image read once however many tests ask for it: that takes longest."""

import functools

import numpy as np
from numpy.typing import NDArray

from pipeline.data.region import RegionConfig
from pipeline.phantoms import recovery
from pipeline.phantoms.recovery import Found


@functools.cache
def _read(image: bytes, side: int, region: RegionConfig | None) -> Found:
    (found,) = recovery.recover(np.frombuffer(image, np.uint8).reshape(1, side, side), region)
    return found


def recover_once(images: NDArray[np.uint8], region: RegionConfig | None = None) -> list[Found]:
    """As `recovery.recover`."""
    return [_read(image.tobytes(), len(image), region) for image in images]
