"""What happens to images on their way: each change takes and gives a grey image, uint8 [H, W]."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
Change = Callable[[Grey], Grey]

_EDGE = 20  # one in so many rows and columns is cut off at each edge


def jpeg(image: Grey, quality: int) -> Grey:
    """Saved as JPEG and read again."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def smaller(image: Grey, share: float) -> Grey:
    """Both sides shortened to a share of them, bicubic."""
    rows, columns = (max(round(side * share), 1) for side in image.shape)
    small = Image.fromarray(image).resize((columns, rows), Image.Resampling.BICUBIC)
    return np.asarray(small)


def smaller_and_back(image: Grey, share: float) -> Grey:
    """Both sides shortened to a share of them, and enlarged again, bicubic."""
    rows, columns = image.shape
    small = Image.fromarray(smaller(image, share))
    return np.asarray(small.resize((columns, rows), Image.Resampling.BICUBIC))


def cropped(image: Grey) -> Grey:
    """A twentieth of each side cut off at each of the four edges."""
    top, left = (side // _EDGE for side in image.shape)
    return image[top : image.shape[0] - top, left : image.shape[1] - left]


def windowed(image: Grey, contrast: float, brightness: float) -> Grey:
    """Contrast about the middle grey, then brightness in grey levels, clipped to 0 to 255."""
    shown = (image.astype(np.float64) - 128) * contrast + 128 + brightness
    return np.rint(shown).clip(0, 255).astype(np.uint8)


def noisy(image: Grey, deviation: float) -> Grey:
    """White noise of a deviation in grey levels, the same for each image of one size."""
    noise = np.random.default_rng(0).normal(0, deviation, image.shape)
    return np.rint(image + noise).clip(0, 255).astype(np.uint8)


def mirrored(image: Grey) -> Grey:
    """Left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "none": lambda image: image,
        "JPEG of quality 75": partial(jpeg, quality=75),
        "JPEG of quality 50": partial(jpeg, quality=50),
        "to 75 % of the size and back": partial(smaller_and_back, share=0.75),
        "a twentieth cut off at each edge": cropped,
        "the same, then JPEG 75": lambda image: jpeg(cropped(image), 75),
        "window: contrast 1.25, brightness +10": partial(windowed, contrast=1.25, brightness=10),
        "window: contrast 1.5, brightness -18": partial(windowed, contrast=1.5, brightness=-18),
        "noise of 3 grey levels": partial(noisy, deviation=3),
        "to 75 % of the size": partial(smaller, share=0.75),
        "mirrored": mirrored,
    }
)
"""The changes by the name that a table shows. Nobody promises the last two."""
