"""The figures of an evaluation: each metric beside what real images score in the same place."""

from .copying import copies, copy_share, nearness, resemblance
from .coverage import coverage
from .distances import distances
from .diversity import diversity, repeats, repetition
from .privacy import membership, nearness_of_features
from .side import LEAST_IMAGES, Images, Side, matched
from .statistics import Canonical, canonical

__all__ = [
    "LEAST_IMAGES",
    "Canonical",
    "Images",
    "Side",
    "canonical",
    "copies",
    "copy_share",
    "coverage",
    "distances",
    "diversity",
    "matched",
    "membership",
    "nearness",
    "nearness_of_features",
    "repeats",
    "repetition",
    "resemblance",
]
