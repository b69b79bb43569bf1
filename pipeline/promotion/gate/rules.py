"""The `gate` section of params.yaml, and the result of one rule."""

from pydantic import Field

from model.section import Section, Stored


class GateConfig(Section):
    """The `gate` section of params.yaml.

    `kernel_distance_*` keys follow the terms of MLflow's MetricThreshold: an absolute threshold,
    and least absolute and relative changes against the champion. Lower is better.
    """

    kernel_distance_threshold: float = Field(
        default=0.5, gt=0, description="most kernel distance above the floor, for any model"
    )
    kernel_distance_margin: float = Field(
        default=0.0, ge=0, description="improvement that must be exceeded with confidence"
    )
    kernel_distance_min_absolute_change: float = Field(
        default=0.0, ge=0, description="least estimated improvement"
    )
    kernel_distance_min_relative_change: float = Field(
        default=0.0, ge=0, lt=1, description="least estimated improvement, as a share"
    )
    diversity_margin: float = Field(
        default=0.15, ge=0, lt=1, description="most MS-SSIM within a class above real images"
    )
    repeat_margin: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="of the way from training images' repeat share to 1 that is allowed",
    )
    copy_share_threshold: float = Field(
        default=0.02, gt=0, lt=1, description="upper bound of the share of copies, above real"
    )
    composition_likeness: float = Field(
        default=0.35,
        ge=0,
        lt=0.5,
        description="least chance that a thumbnail resembles a training image more than a held-out "
        "one does; 0: any",
    )
    class_contrast: float = Field(
        default=0.35,
        ge=0,
        lt=1,
        description="least share of the real difference of two classes that must be shown; 0: any",
    )
    min_groups: int = Field(default=8, ge=3, description="test groups below which nothing is said")
    looks: int = Field(default=20, ge=1, description="decisions that one test split serves")
    false_promotion: float = Field(
        default=0.10, gt=0, lt=0.5, description="chance of one false promotion over all the looks"
    )

    @property
    def level(self) -> float:
        """One-sided level of a single look."""
        return self.false_promotion / self.looks


class Rule(Stored):
    """The result of one rule.

    Attributes:
        name: guard:… or primary:….
        passed: None if it could not be decided.
        value, limit: the figures compared.
        says: the same in a sentence.
    """

    name: str
    passed: bool | None
    value: float
    limit: float
    says: str


def rule(name: str, passed: bool | None, value: float, limit: float, says: str) -> Rule:
    """The result of one rule; see `Rule`."""
    return Rule(name=name, passed=passed, value=float(value), limit=float(limit), says=says)
