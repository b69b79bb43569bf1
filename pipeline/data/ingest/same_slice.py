"""Tell whether two images are one slice, saved again: as JPEG, resized or with another window.

By correlation a neighbouring slice of the same patient may be as near as a copy. It differs in
kind: JPEG and resizing change fine grain all over the image, while anatomy moves in patches, and
another slice has other noise. So one image is mapped onto the other by the gain and offset of
their windows, and the difference is examined. docs/lab-notes.md has the figures.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.formats import Pixels

_Grey = NDArray[np.float32]
_Mask = NDArray[np.bool_]

_SIDE = 128  # pixels to compare at, at most: beyond that JPEG's errors cost more than detail gives
_NEAR_ENDS = 2.0  # of 255: grey levels this near black or white may have been cut by a window
_WIDE, _SMALL = 7, 3  # sides of the boxes that deviations, and means of differences, are taken over
_LEAST_PIXELS = 80  # whose values neither window cut
_LEAST_GAIN = 0.1
_FLOOR = 6.0  # grey levels that may differ where nothing is to be seen
_DETAIL = 1.5  # grey levels of deviation from which there is detail to agree on

_AGREE = 0.7  # least agreement of detail, at its lower quartile
_SURE = 0.2  # difference, against the local deviation, that only copies stay below
_GRAIN = 0.28, 0.6  # share of the difference that is coarse; 1/3 is white noise, so another slice's
_SMOOTH = 1.5, 0.3  # grey levels of difference in smooth pictures, whose JPEG errors are coarse


@dataclass(frozen=True)
class Slice:
    """An image to be compared.

    Attributes:
        grey: grey levels 0 to 255 [H, W].
        small: the same [S, S], at the side at which it is compared.
        cut: where a window may have cut grey levels [S, S].
    """

    grey: _Grey
    small: _Grey
    cut: _Mask


def prepare(pixels: Pixels) -> Slice:
    """An image of 8 bits as it is, of 16 bits by its own range."""
    if pixels.dtype == np.uint8:
        return _at(pixels.astype(np.float32), _SIDE)
    low, high = float(pixels.min()), float(pixels.max())
    scaled = (pixels - np.float32(low)) * np.float32(255 / max(high - low, 1.0))
    return _at(np.asarray(scaled, dtype=np.float32), _SIDE)


def is_same_slice(one: Slice, other: Slice) -> bool:
    """Whether two images show one slice, whatever their format, size and window."""
    side = min(len(one.small), len(other.small))
    narrow, wide = (each if len(each.small) == side else _at(each.grey, side)
                    for each in (one, other))  # fmt: skip
    both = ~(narrow.cut | wide.cut)
    if both.sum() < _LEAST_PIXELS:
        return False
    gain, offset = _window_between(narrow.small[both], wide.small[both])
    if not _LEAST_GAIN < gain < 1 / _LEAST_GAIN:
        return False
    if gain > 1:  # differences are counted in grey levels of the wider window
        narrow, wide, gain, offset = wide, narrow, 1 / gain, -offset / gain
    return _is_copy(narrow, wide, gain, offset, both)


def _at(grey: _Grey, side: int) -> Slice:
    side = min(side, *grey.shape)
    ends = (grey <= _NEAR_ENDS) | (grey >= 255 - _NEAR_ENDS)
    near = Image.fromarray(ends.astype(np.uint8) * 255)
    cut = np.asarray(near.resize((side, side), Image.Resampling.BOX)) > 0
    return Slice(grey, _resized(grey, side), _mean(cut.astype(np.float32), _SMALL) > 1e-6)


def _is_copy(narrow: Slice, wide: Slice, gain: float, offset: float, both: _Mask) -> bool:
    mapped = gain * narrow.small + offset
    spread, detail = _spread_and_agreement(mapped, wide.small, both)
    tolerated = _FLOOR + spread
    plain = np.abs(_mean(np.where(both, wide.small - mapped, np.float32(0)), _SMALL)) / tolerated
    if detail < _AGREE or plain[both].max() > _GRAIN[1]:
        return False  # most pairs, at little cost
    # Cut as the other window would have, before resizing: the order matters at edges.
    side = len(wide.small)
    forth = wide.small - _resized(np.clip(gain * narrow.grey + offset, 0, 255), side)
    back = narrow.small - _resized(np.clip((wide.grey - offset) / gain, 0, 255), side)
    coarse = [
        _mean(np.where(view.cut, np.float32(0), difference), _SMALL)
        for view, difference in ((narrow, forth), (wide, gain * back))
    ]
    worst = float((np.maximum(*map(np.abs, coarse)) / tolerated).max())
    fine = float(np.sqrt((forth[both] ** 2).mean()))
    share = float(np.sqrt((coarse[0][both] ** 2).mean())) / max(fine, 1e-3)
    return (
        worst <= _SURE
        or (share <= _GRAIN[0] and worst <= _GRAIN[1])
        or (fine <= _SMOOTH[0] and worst <= _SMOOTH[1])
    )


def _spread_and_agreement(one: _Grey, other: _Grey, both: _Mask) -> tuple[_Grey, float]:
    """The lesser local deviation [S, S], and how well local detail agrees, up to 1.

    The covariance is held against the lesser variance: JPEG takes detail away and adds none.
    """
    means = _mean(one, _WIDE), _mean(other, _WIDE)
    variances = [
        np.maximum(_mean(each * each, _WIDE) - mean * mean, 0)
        for each, mean in zip((one, other), means, strict=True)
    ]
    common = _mean(one * other, _WIDE) - means[0] * means[1]
    lesser = np.minimum(*variances)
    seen = both & (np.maximum(*variances) > _DETAIL**2)
    spread = np.asarray(np.sqrt(lesser), dtype=np.float32)
    if seen.sum() < _LEAST_PIXELS:
        return spread, 0.0
    agreement = np.minimum(common / np.maximum(lesser, _DETAIL**2), 1)[seen]
    return spread, float(np.quantile(agreement, 0.25))


def _window_between(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """Gain and offset that map grey levels of one image [N] onto the other's; (0, 0) for none.

    By the two deviations, so that either may be the noisier; what does not fit is left out.
    """
    kept = np.ones(len(one), dtype=np.bool_)
    gain = offset = 0.0
    for _ in range(4):
        x, y = one[kept].astype(np.float64), other[kept].astype(np.float64)
        if len(x) < _LEAST_PIXELS / 2 or min(x.std(), y.std()) < 0.5:
            return 0.0, 0.0
        if ((x - x.mean()) * (y - y.mean())).mean() <= 0:
            return 0.0, 0.0
        gain = float(y.std() / x.std())
        offset = float(y.mean() - gain * x.mean())
        away = np.abs(other - gain * one - offset) / max(gain, 1.0)
        kept = away <= max(2.5 * float(np.median(away)), 1.5)
    return gain, offset


def _resized(grey: _Grey, side: int) -> _Grey:
    if grey.shape == (side, side):
        return grey
    image = Image.fromarray(np.asarray(grey, dtype=np.float32))
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS), dtype=np.float32)


def _mean(grey: _Grey, side: int) -> _Grey:
    """Means over boxes of `side` pixels around each pixel."""
    return np.asarray(scipy.ndimage.uniform_filter(grey, side, mode="nearest"), dtype=np.float32)
