"""Making drawn images larger by a version of another project, whose task is to enlarge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.drawn_images import DrawnImages
from pipeline.registry.generators import Generators, Version
from pipeline.registry.output_spec import OutputSpec

USUAL_NOISE = 2.0
"""Grey levels that pixels of generated images are taken to be wrong by."""


@dataclass(frozen=True)
class Enlargement:
    """An enlarger, and how it is used.

    Attributes:
        model: name of its registered model.
        version: its version.
        factor: how many times larger images become.
        noise: that images are said to have, in grey levels.
        generators: of its project.
    """

    model: str
    version: Version
    factor: int
    noise: float
    generators: Generators

    @classmethod
    def choose(
        cls,
        project: Project,
        version: str,
        factor: int,
        drawn: OutputSpec,
        noise: float = USUAL_NOISE,
        *,
        withheld: bool = False,
        generators: Generators | None = None,
    ) -> Self:
        """A version of a project that makes images as they are drawn `factor` times larger.

        Args:
            project: of the enlarger.
            version: a number or an alias.
            factor: how many times larger images become.
            drawn: what the generator draws.
            noise: that images are said to have, in grey levels.
            withheld: use also a version that is not handed out; for auditors.
            generators: that have the version loaded already.

        Raises:
            BadInputError: it enlarges nothing, by another factor, or images of another size or
                region; or it is withheld.
        """
        generators = generators or Generators(
            project, DrawCounter.of(project, "enlarge"), withheld=withheld
        )
        generators.require_handed_out(version)
        found = generators.find(version)
        spec = generators.output_spec(found.number)
        who = f"version {found.number} of {project.model}"
        if spec.task != "enlarge":
            does = "draws images" if spec.draws else spec.does
            raise BadInputError(
                f"{who} {does} and enlarges none; name a project whose train.family enlarges "
                "(enlarge_multipath, enlarge_se) with --enlarger"
            )
        if spec.factor != factor:
            raise BadInputError(f"{who} enlarges {spec.factor} times; give --enlarge {spec.factor}")
        if spec.given_size != drawn.image_size or spec.region != drawn.region:
            raise BadInputError(
                f"{who} learned to enlarge images of {spec.given_size} px{_of(spec.region)}, and "
                f"these are {drawn.image_size} px{_of(drawn.region)}; train an enlarger with "
                f"preprocess.size {drawn.image_size * factor} and this region"
            )
        return cls(project.model, found, factor, noise, generators)

    @property
    def in_words(self) -> str:
        """How often and by which version, for names of files: x4-v3."""
        return f"x{self.factor}-v{self.version.number}"

    @property
    def facts(self) -> dict[str, Any]:
        """What a file says of its enlargement."""
        return {
            "enlarged_by": {
                "model": self.model,
                "version": self.version.number,
                "weights_sha256": self.version.weights_sha256,
                "factor": self.factor,
                "noise": self.noise,
            }
        }

    def of(self, images: NDArray[np.uint8], labels: Sequence[str]) -> NDArray[np.uint8]:
        """Images, uint8 [N, h, h], of these labels, `factor` times larger."""
        return self.generators.make(self.version.number, images, labels, noise=self.noise)

    def enlarged(self, drawn: DrawnImages) -> DrawnImages:
        """Drawn images, larger; their names and what they say of themselves tell by whom."""
        return replace(
            drawn,
            order=replace(drawn.order, enlarged=self.in_words),
            images=self.of(drawn.images, drawn.order.labels),
            enlarged=self.facts,
        )


def _of(region: str) -> str:
    return f" of {region}" if region else ""
