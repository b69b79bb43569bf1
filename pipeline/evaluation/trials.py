"""How many independent trials a share is worth whose trials come in clusters."""

import numpy as np
from numpy.typing import NDArray


def independent_trials(hits: NDArray[np.bool_], clusters: NDArray[np.int64]) -> float:
    """How many independent trials tell as much about a share: at most as many as there are.

    Findings of one image, or images of one seed, have much in common. This is their number over the
    design effect: the variance of the share with clusters (linearised) over that of independent
    trials (Korn and Graubard, Survey Methodology 24:193, 1998). Where all trials are alike no
    variance can be seen, and each cluster counts as one.

    Args:
        hits: bool [N], N of 1 or more.
        clusters: which trials belong together, int64 [N].
    """
    count, value = len(hits), float(hits.mean())
    known, cluster = np.unique(clusters, return_inverse=True)
    if value in (0.0, 1.0) or len(known) < 2:
        return float(len(known))
    apart = np.bincount(cluster, weights=hits - value)
    variance = len(known) / (len(known) - 1) * float(np.square(apart).sum()) / count**2
    return min(count, value * (1 - value) / variance) if variance else float(count)
