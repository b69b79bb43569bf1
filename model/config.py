"""The settings of a training. Does not import torch, so the CLI loads it in milliseconds."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator

from .families import names, recipe_class
from .families.recipe import Recipe
from .network import NetworkConfig
from .section import Section


class TrainConfig(Section):
    """The `train` section of params.yaml: settings of any family of generators."""

    family: str = Field(default="rpgan", description="the kind of generator, a folder of families/")
    start: Literal["fresh", "champion"] = Field(
        default="fresh",
        description="networks to begin from: fresh ones, or the champion's when the run is planned",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of every draw in training")
    kimg: float = Field(default=24.0, ge=0.001, description="thousands of real images shown in all")
    emphasis: dict[str, Annotated[float, Field(ge=0.25, le=4)]] = Field(
        default={},
        description="class: how often it is shown, 1 as often as the others; left out: 1",
    )
    budget_minutes: float = Field(
        default=0.0,
        ge=0,
        description="length by the clock instead of kimg, which is not repeatable; 0: kimg",
    )
    snapshots: int = Field(
        default=4, ge=1, description="sample grids and validations over the run, last included"
    )
    validation_images: int = Field(
        default=256,
        ge=0,
        description="generated images a validation, which chooses the weights; 0: the last weights",
    )
    patience: int = Field(
        default=0, ge=0, description="validations without a better one that end the run; 0: never"
    )
    checkpoint_kimg: float = Field(default=2.0, gt=0, description="kimg between two checkpoints")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of convolutions; auto measures both at the start"
    )
    memory_format: Literal["auto", "channels_last", "contiguous"] = Field(
        default="auto",
        description="of convolutions; auto goes with precision, channels_last if that is named",
    )
    threads: int = Field(default=0, ge=0, description="torch threads; 0 takes every core allowed")
    recipe: SerializeAsAny[Recipe] = Field(
        default_factory=dict, validate_default=True, description="the family's own settings"
    )

    @field_validator("recipe", mode="plain")
    @classmethod
    def _recipe_of_the_family(cls, given: object, info: ValidationInfo) -> Recipe:
        if "family" not in info.data:  # invalid, and reported already
            return Recipe()
        kind = recipe_class(info.data["family"])
        if isinstance(given, Recipe) and not isinstance(given, kind):
            raise ValueError(f"is not a recipe of {info.data['family']}")  # noqa: TRY004 - pydantic's
        return kind.model_validate(given)

    @field_validator("family")
    @classmethod
    def _a_family_that_is_there(cls, name: str) -> str:
        if name not in names():
            raise ValueError(f"is not one of {', '.join(names())}")
        return name

    @property
    def images_total(self) -> int:
        """Real images shown over the whole run: `kimg` rounded up to whole batches."""
        batch = self.recipe.batch
        return -(-round(self.kimg * 1000) // batch) * batch

    def emphasis_of(self, classes: Sequence[str]) -> tuple[float, ...]:
        """`emphasis` of each class, in their order; () if it is equal.

        Raises:
            ValueError: it names a class that is not there.
        """
        if unknown := sorted(set(self.emphasis) - set(classes)):
            raise ValueError(
                f"train.emphasis names {', '.join(unknown)}; the classes are {', '.join(classes)}"
            )
        found = tuple(self.emphasis.get(name, 1.0) for name in classes)
        return () if len(set(found)) == 1 else found

    def network(
        self,
        image_size: int,
        classes: tuple[str, ...],
        kinds: tuple[str, ...] = (),
        view: str = "",
    ) -> NetworkConfig:
        """The networks for this data, with `widths` cut or extended to the image size.

        `kinds` of findings are given to the families that take layouts, and made by those that
        make maps of them.

        Raises:
            ValueError: the recipe's `widths` do not fit the family.
        """
        return NetworkConfig(
            family=self.family,
            image_size=image_size,
            classes=classes,
            **self.recipe.shape(image_size),
            given=kinds if self.recipe.takes_layouts else (),
            made=kinds if self.recipe.makes_findings else (),
            view=view,
        )
