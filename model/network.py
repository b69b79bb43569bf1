"""The shape of a generator. Does not import torch, so the CLI loads it in milliseconds."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from .section import Section

BASE_SIZE = 4
"""Height and width, in pixels, of the coarsest stage."""

Width = Annotated[int, Field(ge=4, le=1024)]
# YAML has only lists, which a strict tuple rejects. The numbers inside stay strict.
Widths = Annotated[tuple[Width, ...], Field(strict=False, min_length=1)]


class NetworkConfig(Section):
    """The config of a network; it is saved with the weights."""

    family: str = Field(description="the kind of generator, a folder of families/")
    image_size: int = Field(ge=32, le=1024, description="height and width of an image, in pixels")
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = Field(
        description="class names, in label order"
    )
    latent: int = Field(ge=1, description="length of the latent vector z")
    widths: Widths = Field(
        description="channels of each stage, from 4 px upward; of the trunk, if images are given"
    )
    head: Literal["smooth", "shuffle"] = Field(
        default="smooth", description="how features at half size become an image"
    )
    noise: bool = Field(
        default=False, description="a map of noise is given, for grain that z need not hold"
    )
    given: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="kinds of findings whose places the generator is given"
    )
    made: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(), description="kinds of findings whose maps the generator makes beside the image"
    )
    view: str = Field(
        default="", description="the part of an image that it draws, in words; '': whole images"
    )

    factor: Literal[1, 2, 4] = Field(
        default=1, description="how many times smaller a given image is; 1: none is given"
    )
    blocks: int = Field(
        default=0, ge=0, description="blocks of a network that enlarges or fuses images"
    )
    sources: Annotated[int, Field(ge=1, le=2)] = Field(
        default=1, description="registered images that are made one; 1: none are"
    )
    uniform: bool = Field(
        default=False, description="all pixels of two images are mixed alike, by one share"
    )

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later fields that have their defaults, as configs were saved before them."""
        usual = {"made": (), "factor": 1, "blocks": 0, "sources": 1, "uniform": False}
        absent = {name for name, value in usual.items() if getattr(self, name) == value}
        written: dict[str, Any] = handler(self)
        return {name: value for name, value in written.items() if name not in absent}

    @model_validator(mode="after")
    def _stages_reach_the_image(self) -> Self:
        if self.image_size & (self.image_size - 1):
            raise ValueError(f"image_size {self.image_size} is not a power of two (32, 64, 128)")
        if self.draws and len(self.widths) != stages(self.image_size):
            raise ValueError(
                f"{len(self.widths)} widths for {self.image_size} px: "
                f"give {stages(self.image_size)}, for 4 px to {self.image_size // 2} px"
            )
        return self

    @property
    def draws(self) -> bool:
        """Whether images are drawn, and not made of given ones."""
        return self.factor == 1 and self.sources == 1


def stages(image_size: int) -> int:
    """The number of stages from 4 px to half of `image_size`, both included."""
    return (image_size // 2 // BASE_SIZE).bit_length()
