"""The report of a utility run, as pydantic models. Does not import torch."""

from typing import Literal

from ..section import Stored
from .config import Arm, UtilityConfig

Claim = Literal["better", "worse", "undecided"]


class Estimate(Stored):
    """A figure with its 95 % interval over test groups and seeds.

    Attributes:
        value: the figure.
        low, high: None if the error cannot be estimated: one seed, a class with a single test
            group, or no variation at all.
    """

    value: float
    low: float | None = None
    high: float | None = None


class ArmScore(Stored):
    """The scores of one arm's classifiers on the test split.

    Attributes:
        arm: the training data.
        seeds: that were run; figures are their means.
        real_images: distinct real images trained on, by seed.
        by_seed: balanced accuracy by seed.
        balanced_accuracy: mean over classes of the share of correctly classified images.
        macro_auc: mean over classes of the area under the ROC curve, one class against the others;
            without an interval.
    """

    arm: Arm
    seeds: tuple[int, ...]
    real_images: tuple[int, ...]
    by_seed: tuple[float, ...]
    balanced_accuracy: Estimate
    macro_auc: float


class Contrast(Stored):
    """Balanced accuracy of one arm minus that of another: same test images, same seeds.

    Attributes:
        treated, reference: the difference is treated minus reference.
        seeds: that both have run.
        difference: with its own 95 % interval.
        p: two-sided, times the number of declared contrasts (Bonferroni), at most 1.
        claim: better or worse if p is below 0.05, else undecided, which does not mean no effect.
    """

    treated: Arm
    reference: Arm
    seeds: tuple[int, ...]
    difference: Estimate
    p: float
    claim: Claim


class Control(Stored):
    """How well classes are distinguished without shapes, by grey levels and the image's border.

    Attributes:
        balanced_accuracy: of a logistic regression on these features, on the test split.
        chance: 1 / classes.
        fires: whether it is above chance (one-sided, 5 %), so that part of any arm's accuracy may
            need no anatomy.
    """

    balanced_accuracy: Estimate
    chance: float
    fires: bool


class UtilityReport(Stored):
    """The utility of synthetic data for training a classifier of real images.

    Attributes:
        config: the plan.
        classes: names in label order.
        n_train, n_test: real images.
        train_groups, test_groups: number of groups.
        arms: those with at least one fit, in order of the plan.
        contrasts: those with a seed that both sides have run.
        control: accuracy without anatomy.
        not_run: fits of the plan that did not fit into the minutes.
        repeatable: whether all fits were run; otherwise the clock decided which.
        warnings: what a reader must know before any figure.
    """

    config: UtilityConfig
    classes: tuple[str, ...]
    n_train: int
    n_test: int
    train_groups: int
    test_groups: int
    arms: tuple[ArmScore, ...]
    contrasts: tuple[Contrast, ...]
    control: Control
    not_run: tuple[str, ...]
    repeatable: bool
    warnings: tuple[str, ...]
