"""What is drawn from a version: by name, in an address, and on the command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from pipeline.base.errors import BadInputError
from pipeline.registry.asked import NOTHING_ASKED, Asked, Size
from pipeline.registry.edits import Edit
from pipeline.registry.generators import Version
from pipeline.registry.output_spec import OutputSpec

USUAL_COUNT = 16
"""Images that are drawn if no number is given."""
MOST_AT_ONCE = 64
"""Images that a server draws for one request."""


@dataclass(frozen=True)
class Order:
    """What is drawn; an equal order of the same version gives the same images, bit for bit.

    Attributes:
        version: version number or alias.
        label: class name, or a mixture such as 3*cyst+stone.
        count: number of images.
        seed: 0 to 2^64 - 1.
        truncation: factor of the latent, 0 to 2; below 1, images are more typical and less varied.
        asked: the findings of each image.
        edit: in W, of a version with styles; None for images as they are drawn.
        enlarged: how, for the files' names, such as x4-v3; "" for images as they are drawn.
    """

    version: int | str
    label: str
    count: int = USUAL_COUNT
    seed: int = 0
    truncation: float = 1.0
    asked: Asked = NOTHING_ASKED
    edit: Edit | None = None
    enlarged: str = ""

    @property
    def labels(self) -> list[str]:
        """The label of each image."""
        return [self.label] * self.count

    def stem(self, model: str, number: int) -> str:
        """How the names of the images' files begin."""
        changes = [self.edit.in_words] if self.edit else []
        changes += [self.enlarged] if self.enlarged else []
        parts = [model, f"v{number}", self.label.replace("*", "x"), f"seed{self.seed}", *changes]
        return "-".join(parts)

    def names(self, model: str, number: int, suffix: str = ".png") -> list[str]:
        """The names of the images' files."""
        stem = self.stem(model, number)
        return [f"{stem}-{index:05d}{suffix}" for index in range(self.count)]

    def facts(self, model: str, version: Version, spec: OutputSpec) -> dict[str, Any]:
        """What all of the images say about themselves, without what is as usual."""
        facts: dict[str, Any] = {"model": model, "version": version.number}
        facts |= {"weights_sha256": version.weights_sha256, "label": self.label, "seed": self.seed}
        return facts | ({"region": spec.region} if spec.region else {}) | self.unusual

    @property
    def unusual(self) -> dict[str, Any]:
        """What else was asked for, without what is as usual: truncation, findings, an edit."""
        found: dict[str, Any] = {"truncation": self.truncation} if self.truncation != 1.0 else {}
        found |= {"asked": self.asked.facts} if self.asked.facts else {}
        return found | ({"edit": self.edit.facts} if self.edit else {})

    @property
    def options(self) -> list[str]:
        """The options of `medloom generate` that draw these images."""
        options = ["--version", str(self.version), "--label", self.label]
        options += ["-n", str(self.count), "--seed", str(self.seed)]
        if self.truncation != 1.0:
            options += ["--truncation", f"{self.truncation:g}"]
        for name, value in self.asked.facts.items():
            options += [f"--{name}", str(value)]
        return options

    @classmethod
    def of_address(cls, params: Mapping[str, str], most: int = MOST_AT_ONCE) -> Self:
        """The order that the query of an address names, as the app writes it.

        Args:
            params: version and label; n, seed, truncation, findings, kind and size if they are
                not as usual.
            most: images at once.

        Raises:
            BadInputError: one of them is missing, or not such a value.
        """
        if not params.get("version", "").isdecimal() or not params.get("label"):
            raise BadInputError(
                "the address names no version and label; give both, such as ?version=3&label=stone"
            )
        findings = _number(params, "findings", -1, int)
        size = params.get("size", "")
        order = cls(
            int(params["version"]),
            params["label"],
            _number(params, "n", USUAL_COUNT, int),
            _number(params, "seed", 0, int),
            _number(params, "truncation", 1.0, float),
            Asked(
                findings if findings >= 0 else None,
                params.get("kind", ""),
                Size.parse(size) if size else None,
            ),
        )
        if not 1 <= order.count <= most:
            raise BadInputError(f"n is {order.count}; allowed are 1 to {most} images at once")
        return order


Number = TypeVar("Number", int, float)


def _number(
    params: Mapping[str, str], name: str, usual: Number, kind: Callable[[str], Number]
) -> Number:
    try:
        return kind(params[name]) if params.get(name) else usual
    except ValueError:
        raise BadInputError(f"{name} is {params[name]!r}, which is not a number") from None
