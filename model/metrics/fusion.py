"""How much a fused image keeps of the two that it was made of: pure functions of 8-bit images.

Each takes uint8 [H, W] and compares with both sources; none needs a true fused image, as there is
none. They disagree by design: average keeps the structure of both (SSIM) and dims every edge
(Qabf), a maximum keeps bright edges and loses dark ones.
"""

import numpy as np
from numpy.typing import NDArray

from ..information import entropies
from .ssim import ssim

Image = NDArray[np.uint8]

# Xydeas and Petrovic 2000: gain, slope and centre of the sigmoids of strength and orientation.
_STRENGTH, _ORIENTATION = (0.9994, 15.0, 0.5), (0.9879, 22.0, 0.8)


def fused_information(made: Image, a: Image, b: Image) -> float:
    """2 [I(F; A) / (H(F) + H(A)) + I(F; B) / (H(F) + H(B))], 0 to 2.

    The sum of mutual informations (Qu et al. 2002), each normalised by the entropies of its two
    images as Hossny et al. 2008 (doi 10.1049/el:20081754) propose: the plain sum favours the
    source with the larger entropy. It is 2 for F = A = B. All 256 greys are counted: with fewer,
    the greys of a blend fall together, which in an 8-bit image they do not. A histogram of so many
    greys says too much of small images, alike for all that is made of the same sources.
    """
    return sum(_shared(made, source) for source in (a, b))


def fused_ssim(made: Image, a: Image, b: Image) -> float:
    """The mean of SSIM(F, A) and SSIM(F, B), -1 to 1; see `model.metrics.ssim`."""
    return sum(ssim(made, source) / 2 for source in (a, b))


def kept_edges(made: Image, a: Image, b: Image) -> float:
    """Qabf, 0 to 1: how much of both sources' edges is kept (Xydeas and Petrovic 2000).

    doi 10.1049/el:20000267. With g the strength and t the orientation of Sobel edges,
    Q^AF = Qg Qt, each a sigmoid of how alike they are in A and F, and
    Qabf = sum(Q^AF g_A + Q^BF g_B) / sum(g_A + g_B). It is about 0.97 for F = A = B, and 0 if the
    sources have no edge.
    """
    strength_made, turn_made = _edges(made)
    kept = total = 0.0
    for source in (a, b):
        strength, turn = _edges(source)
        larger = np.maximum(np.maximum(strength, strength_made), 1e-12)
        alike = np.minimum(strength, strength_made) / larger
        aligned = np.abs(np.abs(turn - turn_made) - np.pi / 2) / (np.pi / 2)
        quality = _sigmoid(alike, _STRENGTH) * _sigmoid(aligned, _ORIENTATION)
        kept += float((quality * strength).sum())
        total += float(strength.sum())
    return kept / total if total else 0.0


def spatial_frequency(made: Image) -> float:
    """sqrt(RF^2 + CF^2) in grey levels, 0 or more (Eskicioglu and Fisher 1995).

    RF and CF are the root mean square differences of neighbours along rows and columns. It is of
    one image alone, and noise raises it as detail does.
    """
    pixels = made.astype(np.float64)
    rows, columns = (np.square(np.diff(pixels, axis=axis)).mean() for axis in (1, 0))
    return float(np.sqrt(rows + columns))


def _shared(one: Image, other: Image) -> float:
    first, second, joint = entropies(one, other)
    together = first + second
    return 2 * (together - joint) / together if together else 1.0


def _edges(image: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Strength and orientation (radians, -pi/2 to pi/2) of Sobel edges."""
    from scipy.ndimage import sobel

    pixels = image.astype(np.float64)
    across, down = sobel(pixels, 1), sobel(pixels, 0)
    turn = np.arctan2(down, across)
    turn = np.where(turn > np.pi / 2, turn - np.pi, turn)
    return np.hypot(across, down), np.where(turn < -np.pi / 2, turn + np.pi, turn)


def _sigmoid(
    x: NDArray[np.float64], gain_slope_centre: tuple[float, float, float]
) -> NDArray[np.float64]:
    gain, slope, centre = gain_slope_centre
    found: NDArray[np.float64] = gain / (1 + np.exp(-slope * (x - centre)))
    return found
