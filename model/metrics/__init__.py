"""Metrics as pure functions of arrays, in float64: features or images in, numbers out.

They use no files, networks or configuration. The caller records the protocol of a figure, which
defines the figures that it may be compared with.
"""

from .authenticity import Beside, CopyingReport, copying_report
from .canonical import (
    CanonicalComparison,
    CanonicalStatistics,
    StatisticComparison,
    canonical_statistics,
    compare_statistics,
)
from .class_margin import ClassMatrix, Kernels, class_matrix, matrix_of_kernels
from .copies import best_correlation
from .frechet import FrechetInfinity, frechet_distance, frechet_distance_infinity
from .kernel import (
    Interval,
    fake_term_variance,
    kernel_distance,
    kernel_distance_by_group,
    kernel_distance_interval,
    stratified_variance,
)
from .membership import MembershipInference, membership_inference
from .ms_ssim import WithinClass, ms_ssim, ms_ssim_within_class
from .nearest import Nearest, nearest_ssim
from .prdc import PRDC, precision_recall_density_coverage

__all__ = [
    "PRDC",
    "Beside",
    "CanonicalComparison",
    "CanonicalStatistics",
    "ClassMatrix",
    "CopyingReport",
    "FrechetInfinity",
    "Interval",
    "Kernels",
    "MembershipInference",
    "Nearest",
    "StatisticComparison",
    "WithinClass",
    "best_correlation",
    "canonical_statistics",
    "class_matrix",
    "compare_statistics",
    "copying_report",
    "fake_term_variance",
    "frechet_distance",
    "frechet_distance_infinity",
    "kernel_distance",
    "kernel_distance_by_group",
    "kernel_distance_interval",
    "matrix_of_kernels",
    "membership_inference",
    "ms_ssim",
    "ms_ssim_within_class",
    "nearest_ssim",
    "precision_recall_density_coverage",
    "stratified_variance",
]
