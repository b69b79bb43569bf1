"""Membership inference: how well a model's score separates training from held-out images."""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike


class MembershipInference(NamedTuple):
    """How well the score identifies training images; guessing reaches 0.5 and 0.01.

    Attributes:
        auc: chance that a training image scores above a held-out one, ties as half.
        auc_low, auc_high: 95 % interval.
        tpr_at_1_percent_fpr: share of training images above the score that at most 1 % of the
            held-out images exceed.
        tpr_low, tpr_high: 95 % Clopper-Pearson interval of that share, at a fixed threshold.
        n_train, n_holdout: number of images.
    """

    auc: float
    auc_low: float
    auc_high: float
    tpr_at_1_percent_fpr: float
    tpr_low: float
    tpr_high: float
    n_train: int
    n_holdout: int


def membership_inference(train_scores: ArrayLike, holdout_scores: ArrayLike) -> MembershipInference:
    """The threshold attack of Yeom et al. 2018 (arXiv 1709.01604), read at a low false positive
    rate as in Carlini et al. 2022 (arXiv 2112.03570), because an average hides the few recognised
    patients.

    Both sides must differ only in membership: scored by one network in the same state, prepared
    alike, with the same mix of classes. Images are assumed independent; slices of one patient are
    not, so the intervals are too short. With fewer than 100 held-out images, none may exceed the
    threshold, so the rate is that at 0 % false positives.

    Args:
        train_scores: [N], higher for "more like a member", such as D's output.
        holdout_scores: [M], of real images that were never trained on.

    Raises:
        ValueError: a side is empty, or a score is not finite.
    """
    train, holdout = (np.asarray(side, np.float64) for side in (train_scores, holdout_scores))
    if min(train.size, holdout.size) == 0 or not np.isfinite([train.sum(), holdout.sum()]).all():
        raise ValueError(
            "membership inference needs finite scores on both sides, got "
            f"{np.isfinite(train).sum()} of {train.size} and "
            f"{np.isfinite(holdout).sum()} of {holdout.size}"
        )
    pairs = len(train) * len(holdout)
    u = scipy.stats.mannwhitneyu(train, holdout, method="asymptotic").statistic
    auc = float(u / pairs)
    low, high = _auc_interval(auc, len(train), len(holdout))
    threshold = np.sort(holdout)[::-1][len(holdout) // 100]
    found = int((train > threshold).sum())
    share = scipy.stats.binomtest(found, len(train)).proportion_ci(0.95, method="exact")
    return MembershipInference(
        auc=auc,
        auc_low=low,
        auc_high=high,
        tpr_at_1_percent_fpr=found / len(train),
        tpr_low=float(share.low),
        tpr_high=float(share.high),
        n_train=len(train),
        n_holdout=len(holdout),
    )


def _auc_interval(auc: float, m: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The range of AUC values t consistent with the estimate: |auc - t| <= z sqrt(V(t)).

    V is the variance of Hanley and McNeil 1982, taken at t rather than at the estimate and with
    both sizes replaced by their mean in the numerator: method 5 of Newcombe 2006 (Statistics in
    Medicine 25:559). It stays inside 0 to 1 and keeps a length at an estimate of 0 or 1.
    """
    z, mean = scipy.stats.norm.isf((1 - confidence) / 2), (m + n) / 2

    def excess(t: float) -> float:
        spread = 1 + (mean - 1) * ((1 - t) / (2 - t) + t / (1 + t))
        return float((auc - t) ** 2 - z**2 * t * (1 - t) * spread / (m * n))

    inside = min(max(auc, 1e-12), 1 - 1e-12)  # at 0 and 1 themselves the variance is 0
    low, high = (scipy.optimize.brentq(excess, *ends) for ends in ((0, inside), (inside, 1)))
    return float(low), float(high)
