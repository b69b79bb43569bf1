"""What shapes a generator and how it is trained. No torch: the CLI reads it in milliseconds."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

BASE_SIZE = 4
"""Height and width, in pixels, of the coarsest stage of both networks."""

Width = Annotated[int, Field(ge=4, le=1024)]
# YAML has lists only; a strict tuple would refuse them. The numbers inside stay strict.
Widths = Annotated[tuple[Width, ...], Field(strict=False, min_length=1)]


class Section(BaseModel):
    """One section of params.yaml: frozen, strict, no unknown keys, all errors at once.

    Strict matters: PyYAML reads `2e-4` as a string where DVC reads a float, and a lenient model
    would let the two disagree about what was trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NetworkConfig(Section):
    """What the weights need to become a network again; it travels beside them."""

    image_size: int = Field(ge=32, le=1024, description="height and width of an image, in pixels")
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        description="class names, in label order"
    )
    latent: int = Field(ge=1, description="length of the latent vector z")
    widths: Widths = Field(description="channels of each stage, from 4 px upward")

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


class TrainConfig(Section):
    """The `train` section of params.yaml. Time is counted in thousands of images seen (kimg)."""

    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of every draw in training")
    kimg: float = Field(default=22.0, gt=0, description="thousands of real images shown to D")
    batch: int = Field(default=8, ge=2, description="real images, and fakes, a step")
    latent: int = Field(default=64, ge=1, description="length of the latent vector z")
    widths: Widths = Field(
        default=(128, 96, 64, 32),
        description="channels from 4 px upward; a finer stage not listed takes half the one below",
    )
    learning_rate: float = Field(default=5e-4, gt=0, description="Adam's, at the start")
    learning_rate_end: float = Field(default=2e-4, gt=0, description="Adam's, at the end (cosine)")
    beta1: float = Field(default=0.0, ge=0, lt=1, description="Adam's first-moment decay")
    beta2: float = Field(default=0.99, ge=0, lt=1, description="Adam's second-moment decay")
    gamma: float = Field(default=0.25, ge=0, description="weight of R1 + R2, at the start")
    gamma_end: float = Field(default=0.25, ge=0, description="weight of R1 + R2, at the end")
    penalty_every: int = Field(default=4, ge=1, description="steps from one R1 + R2 to the next")
    ema_fraction: float = Field(
        default=0.05, gt=0, le=1, description="EMA half-life as a share of the images seen so far"
    )
    translate: float = Field(
        default=0.1, ge=0, le=0.5, description="largest shift D sees, as a share of the side"
    )
    scale: float = Field(
        default=0.15, ge=0, lt=1, description="largest enlargement or reduction D sees, log2"
    )
    brightness: float = Field(
        default=0.2, ge=0, le=1, description="largest shift of grey D sees, images in [-1, 1]"
    )
    contrast: float = Field(
        default=0.2, ge=0, lt=1, description="largest relative change of contrast D sees"
    )
    cutout: float = Field(
        default=0.0, ge=0, lt=1, description="side of the square hidden from D, share of the side"
    )
    checkpoint_kimg: float = Field(default=2.0, gt=0, description="kimg between two checkpoints")
    snapshots: int = Field(default=5, ge=1, description="sample grids over the run, last included")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of convolutions; auto measures both at the start"
    )
    threads: int = Field(default=0, ge=0, description="torch threads; 0 takes every core allowed")

    @property
    def images_total(self) -> int:
        """Real images shown over the whole run: `kimg` rounded up to whole batches."""
        return -(-round(self.kimg * 1000) // self.batch) * self.batch

    def network(self, image_size: int, classes: tuple[str, ...]) -> NetworkConfig:
        """The networks for this data: `widths` cut or continued to the size of the images."""
        widths = list(self.widths)
        while len(widths) < stages(image_size):
            widths.append(max(widths[-1] // 2, 4))
        return NetworkConfig(
            image_size=image_size,
            classes=classes,
            latent=self.latent,
            widths=tuple(widths[: stages(image_size)]),
        )
