"""Metrics as pure functions of arrays, in float64: features or images in, numbers out.

None of them knows a file, a network or a configuration. What a number may be compared with is
its protocol, which the caller records beside it.
"""

from .copies import best_correlation
from .frechet import frechet_distance
from .kernel import (
    Interval,
    fake_term_variance,
    kernel_distance,
    kernel_distance_by_group,
    kernel_distance_interval,
)
from .ms_ssim import WithinClass, ms_ssim, ms_ssim_within_class
from .nearest import Nearest, nearest_ssim

__all__ = [
    "Interval",
    "Nearest",
    "WithinClass",
    "best_correlation",
    "fake_term_variance",
    "frechet_distance",
    "kernel_distance",
    "kernel_distance_by_group",
    "kernel_distance_interval",
    "ms_ssim",
    "ms_ssim_within_class",
    "nearest_ssim",
]
