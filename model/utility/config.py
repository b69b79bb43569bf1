"""The settings of a utility run and its list of fits. Does not import torch."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from ..section import Section

BATCH = 40
"""Images per step of every fit."""

Share = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(ge=0.06, le=16)]  # or a batch would hold no pair of one side
Kind = Literal["real", "classic", "mixed", "synthetic"]


class UtilityConfig(Section):
    """The `evaluate.utility` section of params.yaml.

    Seeds, shares and ratios are in order of importance: if the minutes do not suffice, the last
    ones are dropped first (`plan`).
    """

    minutes: float = Field(
        default=0.0, ge=0, description="for all fits; what does not fit in is not run; 0: none is"
    )
    seeds: Annotated[tuple[int, ...], Field(strict=False, min_length=2)] = Field(
        default=(0, 1, 2, 3, 4),
        description="of subset, synthetic images and fit; last dropped first",
    )
    shares: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)] = Field(
        default=(1.0, 0.1, 0.25, 0.5),
        description="of the real groups, each class; last dropped first",
    )
    ratios: Annotated[tuple[Ratio, ...], Field(strict=False, min_length=1)] = Field(
        default=(1.0, 4.0, 0.25),
        description="synthetic images shown for each real one; last dropped first",
    )
    kimg: float = Field(
        default=16.0, ge=0.001, description="thousands of images shown in every fit"
    )
    learning_rate: float = Field(default=2e-3, gt=0, description="AdamW's, at the start (cosine)")
    synthetic: int = Field(
        default=2000, ge=16, description="generated images to draw from, classes in equal shares"
    )
    resamples: int = Field(default=2000, ge=200, description="of the test groups, for intervals")
    confounded: bool = Field(
        default=False, description="the classes are known to come from different sources"
    )

    @property
    def steps(self) -> int:
        """Steps of every fit: `kimg` rounded up to whole batches."""
        return -(-round(self.kimg * 1000) // BATCH)


class Arm(Section):
    """The training data of a classifier.

    Attributes:
        kind: real images; these with classic augmentation; these mixed with synthetic ones; or
            synthetic ones alone.
        share: of the real training groups; 0 for synthetic alone.
        ratio: synthetic images shown for each real one; 0 unless mixed.
    """

    kind: Kind
    share: float = 0.0
    ratio: float = 0.0

    @property
    def name(self) -> str:
        """The name in records, such as `real 10 % + synthetic x 4`."""
        more = {"classic": " + classic augmentation", "mixed": f" + synthetic x {self.ratio:g}"}
        if self.kind == "synthetic":
            return "synthetic"
        return f"real {100 * self.share:g} %{more.get(self.kind, '')}"

    @property
    def synthetic_share(self) -> float:
        """Share of synthetic images among those shown, 0 to 1."""
        return 1.0 if self.kind == "synthetic" else self.ratio / (1 + self.ratio)


class Fit(NamedTuple):
    """One training: an arm and a seed."""

    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """The name in the list of fits that were not run."""
        return f"{self.arm.name}, seed {self.seed}"


def arms(config: UtilityConfig) -> list[Arm]:
    """Every arm by importance: share by share, with synthetic alone among those of the first."""
    found: list[Arm] = []
    for share in config.shares:
        found += [Arm(kind="real", share=share), Arm(kind="classic", share=share)]
        if share == config.shares[0]:
            found.append(Arm(kind="synthetic"))
        found += [Arm(kind="mixed", share=share, ratio=ratio) for ratio in config.ratios]
    return found


def plan(config: UtilityConfig) -> list[Fit]:
    """Every fit in order of execution: seed by seed, and within a seed arm by arm.

    So a run that ends early has a few seeds of every arm, not all seeds of a few arms, and only
    its last seed lacks the last arms.
    """
    return [Fit(arm, seed) for seed in config.seeds for arm in arms(config)]


def contrasts(config: UtilityConfig) -> list[tuple[Arm, Arm]]:
    """The pairs to compare, (treated, reference), declared before any result is known.

    Classic augmentation, and each mixture, against the same real images alone; synthetic images
    alone against the first share of real ones.
    """
    found = []
    for arm in arms(config):
        if arm.kind != "real":
            share = arm.share or config.shares[0]
            found.append((arm, Arm(kind="real", share=share)))
    return found
