"""What every format is decoded to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Decoded:
    """One image.

    Attributes:
        pixels: uint8 or uint16 [H, W] in native byte order, 0 black.
        synthetic: the file carries medloom's mark of a generated image.
    """

    pixels: Pixels
    synthetic: bool = False
