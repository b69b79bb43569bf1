"""Groups of patients by class: which groups stand for one another when variation is estimated."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Stratum(NamedTuple):
    """Groups whose variation is taken to be alike.

    Attributes:
        groups: their indices.
        freedom: degrees of freedom of that variation; 0 of a single group.
    """

    groups: NDArray[np.int64]
    freedom: int


def strata_of(sizes: ArrayLike) -> list[Stratum]:
    """The strata of groups, by the class of most of a group's images.

    A stratum of a single group says nothing of the variation between groups. So strata of one group
    are joined (collapsed strata, Cochran, Sampling Techniques, 3rd ed. 1977, section 5A.12): with
    each other or, if there is only one, with the smallest other one. That estimates the variation
    rather too large than too small, but it may all come from one group: it has one degree of
    freedom.

    Args:
        sizes: images of each group and class, [G, C].

    Returns:
        Each row of `sizes` in one stratum; every stratum has two or more, unless there is only one
        row.
    """
    home = np.asarray(sizes).argmax(1)
    found = sorted((np.flatnonzero(home == label) for label in np.unique(home)), key=len)
    alone = [one for one in found if len(one) == 1]
    others = found[len(alone) :]
    if len(alone) == 1 and others:
        alone.append(others.pop(0))
    strata = [Stratum(one, len(one) - 1) for one in others]
    if alone:
        joined = np.sort(np.concatenate(alone))
        strata.append(Stratum(joined, min(len(joined) - 1, 1)))
    return strata
