"""An invisible watermark: keyed, zero-bit spread spectrum with a known rate of false alarms.

A key is a tile g of 64 x 64 independent standard normal numbers, repeated over the plane (Cox et
al. 1997). To look for it, an image is whitened (band pass, then divided by the local deviation, so
that windows and edges matter little) and folded modulo 64 into a tile y. For any image at all, and
a key that was drawn without regard to it,

    z = <g, y> / |y|

is exactly standard normal, and so it is for y shifted by any of 64 x 64 offsets. Half of
`FALSE_ALARMS` is spent on the offset that images are drawn with, and half on all others together
(Bonferroni), which finds cropped images.

Embedding knows the image (Miller et al. 2004: informed embedding): the pattern is strong where the
image has structure, absent where it is black, and no stronger than z needs to become `_TARGET`.
"""

import hashlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

TILE = 64
"""Pixels of a tile's side, and the shortest side of an image that is watermarked."""
FALSE_ALARMS = 1e-6
"""Share of images without this watermark that are said to bear it."""
_BAND = (0.04, 0.36)  # cycles a pixel: above what images are strong in, below what JPEG drops
_TARGET = 8.0  # z of a marked image
_WEAKEST, _STRONGEST = 1.0, 16.0  # grey levels of the pattern's deviation
_NEAR = 5  # pixels of the square that local means and deviations are taken over
_LIT = 24.0  # grey levels of 255 below which the pattern fades, to none in the black
_LARGEST = 1024  # pixels of a side that are looked at
_STEPS = 12  # of a bisection

Grey = NDArray[np.uint8] | NDArray[np.uint16]


class Detection(NamedTuple):
    """How surely an image bears a key's watermark.

    Attributes:
        z: the statistic at the most significant offset.
        p: bound of the chance of as much in an image without the watermark, 0 to 1.
        offset: rows and columns by which the image was cropped, modulo `TILE`.
    """

    z: float
    p: float
    offset: tuple[int, int]

    @property
    def found(self) -> bool:
        """Whether the image bears it, wrong in `FALSE_ALARMS` of other images."""
        return self.p <= FALSE_ALARMS


def is_large_enough(shape: tuple[int, ...]) -> bool:
    """Whether images of this shape [H, W] are watermarked."""
    return min(shape) >= TILE


def embed(image: NDArray[np.uint8], key: bytes) -> NDArray[np.uint8]:
    """The image with the key's watermark; equal arguments give equal pixels.

    Args:
        image: uint8 [H, W], both sides at least `TILE`.
        key: as of `MarkKeys.watermark`.
    """
    plain = image.astype(np.float64)
    pattern = _band_pass(_tiled(_tile_of(key), image.shape))
    pattern *= _deviation_near(_band_pass(plain)) * _lit(plain)
    pattern /= max(float(pattern.std()), 1e-9)

    def marked(strength: float) -> NDArray[np.uint8]:
        return np.clip(np.rint(plain + strength * pattern), 0, 255).astype(np.uint8)

    low, high = _WEAKEST, _STRONGEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if statistic(marked(middle), key) < _TARGET:
            low = middle
        else:
            high = middle
    return marked(high)


def statistic(image: Grey, key: bytes) -> float:
    """z of an image at the offset that images are drawn with."""
    y = _folded(_whitened(image))
    return float((_tile_of(key) * y).sum() / max(float(np.linalg.norm(y)), 1e-12))


def detect(image: Grey, key: bytes) -> Detection:
    """Look for a key's watermark in an image [H, W], whole or cropped; no other image is needed."""
    y = _folded(_whitened(image))
    norm = float(np.linalg.norm(y))
    if norm < 1e-9:
        return Detection(0.0, 1.0, (0, 0))
    # <g shifted by (a, b), y> for all offsets at once, by the correlation theorem.
    z = (
        scipy.fft.irfft2(scipy.fft.rfft2(_tile_of(key)) * np.conj(scipy.fft.rfft2(y)), (TILE, TILE))
        / norm
    )
    best = np.unravel_index(int(z.argmax()), z.shape)
    whole = 2 * float(scipy.special.ndtr(-z[0, 0]))
    anywhere = 2 * z.size * float(scipy.special.ndtr(-z[best]))
    if whole <= anywhere:
        return Detection(float(z[0, 0]), min(whole, 1.0), (0, 0))
    return Detection(float(z[best]), min(anywhere, 1.0), (int(best[0]), int(best[1])))


def thresholds() -> tuple[float, float]:
    """z from which the watermark is found: at the offset of whole images, and at any other."""
    return float(-scipy.special.ndtri(FALSE_ALARMS / 2)), float(
        -scipy.special.ndtri(FALSE_ALARMS / 2 / TILE**2)
    )


@lru_cache(maxsize=8)
def _tile_of(key: bytes) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(b"watermark-tile\0" + key).digest(), "big")
    tile = np.random.Generator(np.random.PCG64(seed)).standard_normal((TILE, TILE))
    tile.flags.writeable = False
    return tile


def _tiled(tile: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    repeats = [-(-side // TILE) for side in shape]
    return np.tile(tile, repeats)[: shape[0], : shape[1]]


def _folded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of all tiles of a plane [H, W], padded with zeros to whole tiles."""
    rows, columns = (-(-side // TILE) * TILE for side in values.shape)
    padded = np.pad(values, ((0, rows - values.shape[0]), (0, columns - values.shape[1])))
    return np.asarray(padded.reshape(rows // TILE, TILE, columns // TILE, TILE).sum((0, 2)))


def _whitened(image: Grey) -> NDArray[np.float64]:
    values = image[:_LARGEST, :_LARGEST].astype(np.float64)
    values *= 255 / max(float(values.max(initial=0)), 1.0)
    fine = _band_pass(values)
    return np.asarray(fine / np.maximum(_deviation_near(fine), 1e-6) * _lit(values))


def _lit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 in the black to 1, where the pattern is not seen and windows clip little."""
    return np.asarray(
        (scipy.ndimage.uniform_filter(values, _NEAR, mode="reflect") / _LIT).clip(0, 1)
    )


def _deviation_near(fine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The local deviation of a filtered image, which half of that of the whole is added to."""
    near = np.sqrt(scipy.ndimage.uniform_filter(fine**2, _NEAR, mode="reflect").clip(0))
    return np.asarray(near + 0.5 * near.mean())


def _band_pass(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Only the frequencies f of `_BAND`, by f^1.5: images have spectra of about 1 / f and more."""
    rows, columns = (np.arange(side) / (2 * side) for side in values.shape)
    frequency = np.hypot(rows[:, None], columns[None])
    inside = (frequency >= _BAND[0]) & (frequency <= _BAND[1])
    return np.asarray(
        scipy.fft.idctn(
            scipy.fft.dctn(values, norm="ortho") * frequency**1.5 * inside, norm="ortho"
        )
    )
