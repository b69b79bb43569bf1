"""Canonical image statistics, of the ensemble and of single images.

Kelkar et al. 2023 (arXiv 2204.12007) found that generative networks reproduce the statistics of
the ensemble but not those of single images, so the two are separate here.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from skimage.feature import graycomatrix, graycoprops
from skimage.filters import threshold_otsu
from skimage.measure import block_reduce, label, regionprops

Images = NDArray[np.uint8]
Array = NDArray[np.float64]

_LEVELS = np.arange(256)
_ROWS = 256  # images processed at once
_EIGEN_SIDE = 32  # px at most: the covariance of more pixels takes minutes
_GLCM_STEP = 8  # 256 grey levels to 32
_SPECK = 1 / 1024  # of the image: smaller regions are not counted as objects
_NO_POWER = 1e-6  # far below the power of rounding to uint8; keeps the logarithm finite
_ENVELOPE = (0.01, 0.99)


class CanonicalStatistics(NamedTuple):
    """The result of `canonical_statistics` for one set of images.

    Attributes:
        mean_image: float64 [H, W], 0 to 255.
        histogram: float64 [256], share of each grey level.
        frequency: float64 [F], in cycles per pixel, up to 0.5.
        spectrum: float64 [F], radially averaged power, averaged over the images, in grey^2.
        psd_slope: of log power over log frequency of that spectrum; natural images have about -2.
            Very smooth images reach the power of rounding to uint8, which flattens it.
        autocovariance: float64 [F + 1], by lag in pixels from 0, about the mean image, in grey^2.
        eigenvalues: float64 [P], descending, of the pixels' covariance at 32 px or less.
        per_image: name -> float64 [N]; the names are those `canonical_statistics` lists.
    """

    mean_image: Array
    histogram: Array
    frequency: Array
    spectrum: Array
    psd_slope: float
    autocovariance: Array
    eigenvalues: Array
    per_image: dict[str, Array]


class StatisticComparison(NamedTuple):
    """One statistic of single images, real against fake.

    Attributes:
        ks: largest distance between the two distribution functions, 0 to 1.
        p_value: of `ks`, two-sided, asymptotic.
        p_holm: the same after Holm's correction over all the statistics.
        outside_envelope: share of fakes below the 1 % or above the 99 % quantile of real images;
            0.02 is expected.
    """

    ks: float
    p_value: float
    p_holm: float
    outside_envelope: float


class CanonicalComparison(NamedTuple):
    """Two sets of images, statistic by statistic; 0 is equal in every ensemble figure.

    Attributes:
        per_image: name -> `StatisticComparison`.
        histogram_emd: earth mover's distance of the grey histograms, in grey levels.
        mean_image_rms: of the difference of the mean images, in grey levels.
        psd_slope_difference: fake minus real; above 0 the fakes are noisier or sharper.
        autocovariance_difference: sum of absolute differences by the sum of the real ones.
        eigenvalue_difference: the same of the eigen-spectra.
    """

    per_image: dict[str, StatisticComparison]
    histogram_emd: float
    mean_image_rms: float
    psd_slope_difference: float
    autocovariance_difference: float
    eigenvalue_difference: float


def canonical_statistics(images: Images) -> CanonicalStatistics:
    """Ensemble and per-image statistics of grey images.

    Per image, and what each is for an image of one grey level:
        mean, std, skewness, kurtosis (excess), entropy (bits): of the grey levels; skewness and
            kurtosis 0.
        psd_slope: log power over log frequency, from two cycles an image up; 0.
        glcm_contrast, glcm_correlation, glcm_homogeneity: of the co-occurrence matrix at 32 levels,
            distance 1, mean over 0 and 90 degrees (scikit-image); 0, 1 and 1.
        morans_i: correlation of pixels with their four neighbours (Moran 1950); 0.
        object_count, object_area (mean, as a share of the image), object_eccentricity (mean):
            of the 8-connected regions above Otsu's threshold, specks under 1/1024 of the image not
            counted; 0.

    Takes about 8 ms per image of 64 px on one core, mostly for the objects. Only 256 images are
    held as floats at a time: 2,000 images need 0.1 GiB in addition (measured).

    Args:
        images: uint8 [N, H, W], N >= 2, at least 16 px a side.

    Raises:
        ValueError: not such images.
    """
    if images.dtype != np.uint8 or images.ndim != 3 or len(images) < 2 or min(images.shape) < 2:
        raise ValueError(f"images must be uint8 [N >= 2, H, W], got {images.dtype} {images.shape}")
    if min(images.shape[1:]) < 16:
        raise ValueError(f"images must be at least 16 x 16 px, got {images.shape[1:]}")
    counts = np.array([np.bincount(image.ravel(), minlength=256) for image in images])
    mean_image: Array = images.mean(0)
    frequency, power = _spectra(images)
    texture, moran = _texture(images), _morans_i(images)
    return CanonicalStatistics(
        mean_image=mean_image,
        histogram=counts.sum(0) / counts.sum(),
        frequency=frequency,
        spectrum=power.mean(0),
        psd_slope=float(_slope(frequency, power.mean(0)[None])[0]),
        autocovariance=_autocovariance(images, mean_image),
        eigenvalues=_eigenvalues(images),
        per_image=_first_order(counts)
        | {"psd_slope": _slope(frequency, power)}
        | texture
        | {"morans_i": moran}
        | _objects(images),
    )


def compare_statistics(real: CanonicalStatistics, fake: CanonicalStatistics) -> CanonicalComparison:
    """Two-sample tests of each statistic of single images, and distances of the ensembles.

    The p-values assume independent images. Slices of one patient are not independent, so the
    p-values are too small, and with many images they reject invisible differences. Compare `ks` and
    `outside_envelope` with those of held-out real images. Compare eigen-spectra only at equal N.

    Args:
        real, fake: from `canonical_statistics`, of images of one size.

    Raises:
        ValueError: the sizes differ.
    """
    if real.mean_image.shape != fake.mean_image.shape:
        raise ValueError(f"image sizes differ: {real.mean_image.shape} and {fake.mean_image.shape}")
    return CanonicalComparison(
        per_image=_compare_single(real.per_image, fake.per_image),
        histogram_emd=float(
            scipy.stats.wasserstein_distance(_LEVELS, _LEVELS, real.histogram, fake.histogram)
        ),
        mean_image_rms=float(np.sqrt(np.mean((real.mean_image - fake.mean_image) ** 2))),
        psd_slope_difference=fake.psd_slope - real.psd_slope,
        autocovariance_difference=_relative(real.autocovariance, fake.autocovariance),
        eigenvalue_difference=_relative(real.eigenvalues, fake.eigenvalues),
    )


# -- single images ---------------------------------------------------------------------------------


def _first_order(counts: NDArray[np.int64]) -> dict[str, Array]:
    """Moments and entropy of the grey levels from the images' histograms, [N, 256]."""
    share = counts / counts.sum(1, keepdims=True)
    mean = share @ _LEVELS
    away = _LEVELS - mean[:, None]
    second, third, fourth = ((share * away**power).sum(1) for power in (2, 3, 4))
    return {
        "mean": mean,
        "std": np.sqrt(second),
        "skewness": _ratio(third, second**1.5),
        "kurtosis": _ratio(fourth - 3 * second**2, second**2),
        "entropy": scipy.stats.entropy(share, base=2, axis=1),
    }


def _texture(images: Images) -> dict[str, Array]:
    names = ("contrast", "correlation", "homogeneity")
    found: dict[str, list[Array]] = {f"glcm_{name}": [] for name in names}
    for rows in _chunks(images):
        matrices = [
            graycomatrix(
                image // _GLCM_STEP, [1], [0, np.pi / 2], 256 // _GLCM_STEP, symmetric=True
            )
            for image in rows
        ]
        stacked = np.concatenate(matrices, axis=2)  # images where distances would be
        for name in names:
            found[f"glcm_{name}"].append(graycoprops(stacked, name).mean(1))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _morans_i(images: Images) -> Array:
    """(pixels / pairs) sum of z_i z_j over neighbouring pairs / sum of z_i^2; [N]."""
    found = []
    for rows in _chunks(images):
        z = rows - rows.mean((1, 2), keepdims=True)
        across, down = z[:, :, 1:] * z[:, :, :-1], z[:, 1:] * z[:, :-1]
        pairs = across[0].size + down[0].size
        products = across.sum((1, 2)) + down.sum((1, 2))
        found.append(_ratio(products / pairs, (z * z).mean((1, 2))))
    return np.concatenate(found)


def _objects(images: Images) -> dict[str, Array]:
    table = np.array([_objects_of(image) for image in images])
    names = ("object_count", "object_area", "object_eccentricity")
    return {name: table[:, column] for column, name in enumerate(names)}


def _objects_of(image: Images) -> tuple[float, float, float]:
    """Number, mean share of the image and mean eccentricity of the regions above the threshold."""
    regions = regionprops(label(image > threshold_otsu(image), connectivity=2))
    large = [region for region in regions if region.area >= _SPECK * image.size]
    if not large:
        return 0.0, 0.0, 0.0
    area = np.mean([region.area for region in large]) / image.size
    return len(large), float(area), float(np.mean([region.eccentricity for region in large]))


# -- the ensemble ----------------------------------------------------------------------------------


def _spectra(images: Images) -> tuple[Array, Array]:
    """Frequencies [F], and each image's radially averaged power, [N, F].

    Uses a Hann window, because the step between opposite borders would fill the high frequencies.
    """
    height, width = images.shape[1:]
    side = min(height, width)
    window = np.outer(np.hanning(height), np.hanning(width))
    window /= np.sqrt(np.sum(window**2))
    radius = np.hypot(
        *np.meshgrid(scipy.fft.fftfreq(height), scipy.fft.fftfreq(width), indexing="ij")
    )
    average = _radial_average(radius * side, side // 2)[1:]
    found = []
    for rows in _chunks(images):
        power = np.abs(scipy.fft.fft2((rows - rows.mean((1, 2), keepdims=True)) * window)) ** 2
        found.append((average @ power.reshape(len(rows), -1).T).T)
    return np.arange(1, side // 2 + 1) / side, np.concatenate(found)


def _slope(frequency: Array, power: Array) -> Array:
    """Least-squares slope of log power over log frequency, [N], without the lowest bin, which
    the window's own width affects."""
    x = np.log(frequency[1:])
    y = np.log(np.maximum(power[:, 1:], _NO_POWER))
    x = x - x.mean()
    slope: Array = (y - y.mean(1, keepdims=True)) @ x / (x @ x)
    return slope


def _autocovariance(images: Images, mean_image: Array) -> Array:
    """Covariance of pixels at a distance, about the mean image, averaged over places and
    directions; [side // 2 + 1]. Padded with zeros, so that borders do not meet."""
    height, width = images.shape[1:]
    padded = (2 * height, 2 * width)
    power = np.zeros((padded[0], width + 1))
    for rows in _chunks(images):
        power += (np.abs(scipy.fft.rfft2(rows - mean_image, s=padded)) ** 2).sum(0)
    pairs = scipy.fft.irfft2(
        np.abs(scipy.fft.rfft2(np.ones((height, width)), s=padded)) ** 2, s=padded
    )
    covariance = scipy.fft.irfft2(power, s=padded) / (np.maximum(pairs, 1) * (len(images) - 1))
    lags = np.meshgrid(*(scipy.fft.fftfreq(n) * n for n in padded), indexing="ij")
    average = _radial_average(np.hypot(*lags), min(height, width) // 2)
    result: Array = average @ covariance.ravel()
    return result


def _eigenvalues(images: Images) -> Array:
    """Of the covariance of the pixels, descending; box means bring the images to 32 px or less."""
    step = -(-min(images.shape[1:]) // _EIGEN_SIDE)
    height, width = (side // step * step for side in images.shape[1:])
    means = [
        block_reduce(rows[:, :height, :width], (1, step, step), np.mean) for rows in _chunks(images)
    ]
    flat = np.concatenate(means).reshape(len(images), -1)
    flat -= flat.mean(0)
    values: Array = np.linalg.eigvalsh(flat.T @ flat / (len(flat) - 1))[::-1]
    return np.maximum(values, 0.0)


def _radial_average(radius: Array, largest: int) -> "scipy.sparse.csr_array":
    """[largest + 1, places]: the mean over the places whose radius rounds to 0, 1, …, largest."""
    ring = radius.round().astype(np.int64).ravel()
    (inside,) = np.nonzero(ring <= largest)
    ring = ring[inside]
    weights = 1 / np.bincount(ring)[ring]
    return scipy.sparse.csr_array((weights, (ring, inside)), shape=(largest + 1, radius.size))


# -- two sets --------------------------------------------------------------------------------------


def _compare_single(
    real: dict[str, Array], fake: dict[str, Array]
) -> dict[str, StatisticComparison]:
    tests = [scipy.stats.ks_2samp(real[name], fake[name], method="asymp") for name in real]
    p_values = np.array([test.pvalue for test in tests])
    result = {}
    for name, test, corrected in zip(real, tests, _holm(p_values), strict=True):
        low, high = np.quantile(real[name], _ENVELOPE)
        outside = float(((fake[name] < low) | (fake[name] > high)).mean())
        result[name] = StatisticComparison(
            float(test.statistic), float(test.pvalue), float(corrected), outside
        )
    return result


def _holm(p_values: Array) -> Array:
    """Step-down correction (Holm 1979): the i-th smallest of m times m - i + 1, never falling."""
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected


def _relative(real: Array, fake: Array) -> float:
    return float(np.abs(fake - real).sum() / np.abs(real).sum())


def _ratio(above: Array, below: Array) -> Array:
    """above / below; 0 instead of 0 / 0, for images of one grey level."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 1e-12)


def _chunks(images: Images) -> Iterator[Images]:
    return (images[start : start + _ROWS] for start in range(0, len(images), _ROWS))
