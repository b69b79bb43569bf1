"""What a utility run leaves behind: plain numbers, ready for JSON. No torch."""

from typing import Literal

from ..section import Section
from .config import Arm, UtilityConfig

Claim = Literal["better", "worse", "undecided"]


class Estimate(Section):
    """A figure with its 95 % interval over test groups and seeds.

    Attributes:
        value: the figure.
        low, high: None where nothing tells how far it may be off: one seed, a class with a single
            test group, or no variation at all.
    """

    value: float
    low: float | None = None
    high: float | None = None


class ArmScore(Section):
    """What the classifiers of one arm reach on the test split.

    Attributes:
        arm: what they were trained on.
        seeds: that were run; figures are their means.
        real_images: distinct real images trained on, a seed.
        by_seed: balanced accuracy, a seed.
        balanced_accuracy: mean over classes of the share of a class's images named rightly.
        macro_auc: mean over classes of the area under the curve, one class against the others;
            given without an interval.
    """

    arm: Arm
    seeds: tuple[int, ...]
    real_images: tuple[int, ...]
    by_seed: tuple[float, ...]
    balanced_accuracy: Estimate
    macro_auc: float


class Contrast(Section):
    """Balanced accuracy of one arm minus that of another: same test images, same seeds.

    Attributes:
        treated, reference: the difference is treated minus reference.
        seeds: that both have run.
        difference: with its own 95 % interval.
        p: two-sided, times the number of declared contrasts (Bonferroni), at most 1.
        claim: better or worse where p is below 0.05; else undecided, which is not "no effect".
    """

    treated: Arm
    reference: Arm
    seeds: tuple[int, ...]
    difference: Estimate
    p: float
    claim: Claim


class Control(Section):
    """How well classes are told without any shape: by grey levels, and by the image's border.

    Attributes:
        balanced_accuracy: of a logistic regression on these alone, on the test split.
        chance: 1 / classes.
        fires: it lies above chance (one-sided, 5 %): part of any arm's accuracy may be of that
            kind.
    """

    balanced_accuracy: Estimate
    chance: float
    fires: bool


class UtilityReport(Section):
    """Is synthetic data worth anything for training a classifier of real images?

    Attributes:
        config: the plan.
        classes: names in label order.
        n_train, n_test: real images.
        train_groups, test_groups: patients, or groups of images too alike to be told apart.
        arms: those with at least one fit, in order of the plan.
        contrasts: those with a seed that both sides have run.
        control: accuracy without anatomy.
        not_run: fits of the plan that the minutes did not suffice for.
        repeatable: everything was run; what a clock cut short another run may cut elsewhere.
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
