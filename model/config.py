"""What shapes a generator and how it is trained. No torch: the CLI reads it in milliseconds."""

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .section import Section

BASE_SIZE = 4
"""Height and width, in pixels, of the coarsest stage of both networks."""

Width = Annotated[int, Field(ge=4, le=1024)]
# YAML has lists only; a strict tuple would refuse them. The numbers inside stay strict.
Widths = Annotated[tuple[Width, ...], Field(strict=False, min_length=1)]


class NetworkConfig(Section):
    """What the weights need to become a network again; it travels beside them."""

    family: str = Field(description="the kind of generator, a folder of families/")
    image_size: int = Field(ge=32, le=1024, description="height and width of an image, in pixels")
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        description="class names, in label order"
    )
    latent: int = Field(ge=1, description="length of the latent vector z")
    widths: Widths = Field(description="channels of each stage, from 4 px upward")
    head: Literal["smooth", "shuffle"] = Field(
        default="smooth", description="how features at half size become an image"
    )

    @model_validator(mode="after")
    def _stages_reach_the_image(self) -> Self:
        if self.image_size & (self.image_size - 1):
            raise ValueError(f"image_size {self.image_size} is not a power of two (32, 64, 128)")
        if len(self.widths) != stages(self.image_size):
            raise ValueError(
                f"{len(self.widths)} widths for {self.image_size} px: "
                f"it takes {stages(self.image_size)}, from 4 px to {self.image_size // 2} px"
            )
        return self


def stages(image_size: int) -> int:
    """How many stages lie between 4 px and half of `image_size`, both included."""
    return (image_size // 2 // BASE_SIZE).bit_length()


class Recipe(Section):
    """What every family's settings hold; a family gives its own defaults and adds its own keys."""

    batch: int = Field(default=8, ge=2, multiple_of=2, description="real images a step")
    latent: int = Field(default=64, ge=1, description="length of the latent vector z")
    widths: Widths = Field(
        default=(128, 96, 64, 32),
        description="channels from 4 px upward; a finer stage not listed takes half the one below",
    )
    learning_rate: float = Field(default=8e-4, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(
        default=3.2e-4, gt=0, description="Adam's, at the end (cosine)"
    )
    beta1: float = Field(default=0.0, ge=0, lt=1, description="Adam's first-moment decay")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="Adam's second-moment decay")
    ema_fraction: float = Field(
        default=0.05, gt=0, le=1, description="EMA half-life as a share of the images seen so far"
    )


class TrainConfig(Section):
    """The `train` section of params.yaml: what holds for any family of generators."""

    family: str = Field(default="rpgan", description="the kind of generator, a folder of families/")
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of every draw in training")
    kimg: float = Field(default=18.0, gt=0, description="thousands of real images shown in all")
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
        if "family" not in info.data:  # it was wrong itself, and is told already
            return Recipe()
        from .families import recipe_class

        kind = recipe_class(info.data["family"])
        if isinstance(given, Recipe) and not isinstance(given, kind):
            raise ValueError(f"is not a recipe of {info.data['family']}")  # noqa: TRY004 - pydantic's
        return kind.model_validate(given)

    @field_validator("family")
    @classmethod
    def _a_family_that_is_there(cls, name: str) -> str:
        from .families import names

        if name not in names():
            raise ValueError(f"is not one of {', '.join(names())}")
        return name

    @property
    def images_total(self) -> int:
        """Real images shown over the whole run: `kimg` rounded up to whole batches."""
        batch = self.recipe.batch
        return -(-round(self.kimg * 1000) // batch) * batch

    def network(self, image_size: int, classes: tuple[str, ...]) -> NetworkConfig:
        """The networks for this data: `widths` cut or continued to the size of the images."""
        widths = list(self.recipe.widths)
        while len(widths) < stages(image_size):
            widths.append(max(widths[-1] // 2, 4))
        return NetworkConfig(
            family=self.family,
            image_size=image_size,
            classes=classes,
            latent=self.recipe.latent,
            widths=tuple(widths[: stages(image_size)]),
        )
