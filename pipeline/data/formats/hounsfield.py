"""Tell CT from other volumes by its numbers alone, as NIfTI does not say what was measured.

Air decides, since no other modality has it at -1000: a share of the voxels lies near there, or has
one number at which the values were clipped. A single voxel below -500, as interpolation leaves it
beside edges, decides nothing; nor do numbers that spread far below, as in phase images and field
maps.
"""

import numpy as np
from numpy.typing import NDArray

_SAMPLE = 1_000_000  # voxels that are looked at
_LOW = -500.0  # HU; air and lung are below
_AIR = (-1100.0, -750.0)  # HU; most air
_NO_AIR = -1200.0  # HU; what is below is padding, of nearly one number
_PADDING_WIDTH = 50.0  # HU; interpolation may have smeared it
_LEAST_LOW = 1e-3  # share of voxels
_LEAST_AIR = 0.4  # share of the low voxels but padding
_MOST_SPREAD = 0.05  # share of the low voxels that are below air and no padding
_CLIPPED = 0.5  # share of the low voxels that have one number, or are padding
_LEAST_NEGATIVE = 0.01  # share of the rest, where nothing is at the number of air: fat
_MIDDLE = (-300.0, 1000.0)  # HU; median of the rest
_HIGHEST = 3100.0  # HU; 99 of 100 voxels are below


def looks_like_ct(values: NDArray[np.floating]) -> bool:
    """Whether values, finite and in any order, are those of a CT in Hounsfield units."""
    values = values[:: max(1, values.size // _SAMPLE) | 1]
    is_low = values <= _LOW
    low, rest = values[is_low], values[~is_low]
    if low.size < _LEAST_LOW * values.size or low.size < 2:
        return False
    if float(np.percentile(values, 99)) > _HIGHEST:
        return False
    if rest.size and not _MIDDLE[0] <= float(np.median(rest)) <= _MIDDLE[1]:
        return False
    below = low[low < _NO_AIR]
    if below.size and _far_from_its_middle(below) > _MOST_SPREAD * low.size:
        return False
    air = low[low >= _NO_AIR]
    near = np.count_nonzero((air >= _AIR[0]) & (air <= _AIR[1]))
    if near and near >= _LEAST_AIR * air.size:
        return True
    negative = int(np.count_nonzero(rest < 0))
    clipped = max(_most_common(low), below.size)
    return clipped >= _CLIPPED * low.size and negative >= _LEAST_NEGATIVE * rest.size


def _far_from_its_middle(values: NDArray[np.floating]) -> int:
    return int(np.count_nonzero(np.abs(values - np.median(values)) > _PADDING_WIDTH))


def _most_common(values: NDArray[np.floating]) -> int:
    """How often the most frequent value occurs."""
    return int(np.unique(values, return_counts=True)[1].max(initial=0))
