"""Images to look at side by side: walks, likenesses, versions, and what a finding changes.

Each is a `Look`, whose file says that it is synthetic as those of `medloom generate` do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.layouts import joined
from pipeline.base.errors import BadInputError, MedloomError
from pipeline.registry.drawn_images import draw_images
from pipeline.registry.edits import Edit
from pipeline.registry.generators import Generators
from pipeline.registry.order import Order
from pipeline.synthetic.png import png_bytes

_OTHER = 2**32
"""Seeds of the images that a likeness goes towards count from the image's own seed plus this."""


@dataclass(frozen=True)
class Look:
    """One image, what is said below it, and the facts about it.

    Attributes:
        image: uint8 [H, W].
        caption: in a few words.
        facts: for the file, as in `png_bytes`.
    """

    image: NDArray[np.uint8]
    caption: str
    facts: dict[str, Any]

    @property
    def png(self) -> bytes:
        """The PNG file, with its marks."""
        return png_bytes(self.image, self.facts)


def mixture(shares: Mapping[str, int]) -> str:
    """The label of a mixture of classes, such as 3*cyst+1*stone; "" if all shares are 0."""
    told = {name: share for name, share in shares.items() if share}
    if len(told) == 1:
        return next(iter(told))
    return "+".join(f"{share}*{name}" for name, share in told.items())


def walk(model: str, generators: Generators, order: Order, to_seed: int, steps: int) -> list[Look]:
    """The way from the first image of one seed to the first of another, both ends included.

    Args:
        model: name of the registered model.
        generators: of the project.
        order: version, label, seed and truncation; its count and findings are not used.
        to_seed: the seed at the end.
        steps: from one to the other, 1 or more.

    Raises:
        BadInputError: as `Generators.between`.
    """
    shares = [step / steps for step in range(steps + 1)]
    ends = (order.label, order.seed, 0), (order.label, to_seed, 0)
    images = generators.between(order.version, *ends, shares, truncation=order.truncation)
    facts = _facts(model, generators, order) | {"to_seed": to_seed}
    return [
        Look(image, f"{share:.0%}", facts | {"share": share})
        for image, share in zip(images, shares, strict=True)
    ]


def alike(
    model: str, generators: Generators, order: Order, index: int, count: int, share: float
) -> list[Look]:
    """Images that are like one of an order's: a small step from it towards each of some others.

    The findings stay where they are.

    Args:
        model: name of the registered model.
        generators: of the project.
        order: that the image is of.
        index: of the image.
        count: number of images.
        share: of the way to the other image, 0 to 1; 0.1 is hard to tell from the image.

    Raises:
        BadInputError: as `Generators.between`.
    """
    first = (order.label, order.seed, index)
    drawn = generators.layouts(
        order.version, [order.label], order.seed, start=index, asked=order.asked
    )
    layouts = None if drawn is None else joined([drawn, drawn])
    facts = _facts(model, generators, order) | {"index": index, "share": share}
    looks = []
    for number in range(count):
        towards = (order.seed + _OTHER + number) % 2**64
        second = (order.label, towards, index)
        (image,) = generators.between(
            order.version, first, second, [share], truncation=order.truncation, layouts=layouts
        )
        looks.append(Look(image, f"{number + 1}", facts | {"towards_seed": towards}))
    return looks


class Across(NamedTuple):
    """The same image of several versions.

    Attributes:
        looks: of those that draw it.
        refused: why each other version does not, by its number.
    """

    looks: list[Look]
    refused: dict[int, str]


def across(model: str, generators: Mapping[int, Generators], order: Order) -> Across:
    """The first image of the same seed of several versions.

    A version is refused that cannot draw it, or whose weights cannot be had now.

    Args:
        model: name of the registered model.
        generators: by the number of the version that each is asked for.
        order: label, seed, truncation and findings; its version and count are not used.
    """
    found = Across([], {})
    for version, one in generators.items():
        try:
            drawn = draw_images(model, one, replace(order, version=version, count=1))
        except MedloomError as refusal:
            found.refused[version] = str(refusal)
            continue
        found.looks.append(Look(drawn.images[0], f"version {version}", drawn.about(0)))
    return found


def edited(model: str, generators: Generators, order: Order, edits: Sequence[Edit]) -> list[Look]:
    """The first image of an order, moved in W by each edit.

    Raises:
        BadInputError: as `draw_images`, or the version has no styles.
    """
    looks = []
    for edit in edits:
        drawn = draw_images(model, generators, replace(order, count=1, edit=edit))
        looks.append(Look(drawn.images[0], f"{edit.amount:g}", drawn.about(0)))
    return looks


class Effect(NamedTuple):
    """One image with and without findings, and what differs.

    Attributes:
        shown: with the findings.
        without: drawn by the same seed and the same class, without them.
        difference: see `difference_image`.
        mask: uint8 [H, W], where the findings were asked for.
        kinds: of findings, by their number in the mask from 1.
        mean_inside, mean_outside: mean absolute difference in grey levels, where findings were
            asked for and elsewhere.
    """

    shown: Look
    without: Look
    difference: Look
    mask: NDArray[np.uint8]
    kinds: tuple[str, ...]
    mean_inside: float
    mean_outside: float


def effect(model: str, generators: Generators, order: Order) -> Effect:
    """What the findings change in the first image of an order: the anatomy's seed stays.

    Raises:
        BadInputError: as `draw_images`, or the order asks for no finding.
    """
    if not order.asked.findings:
        raise BadInputError("no finding is asked for; give their number, 1 or more")
    one = replace(order, count=1)
    shown = draw_images(model, generators, one)
    bare = replace(one, asked=replace(order.asked, findings=0, size=None))
    without = draw_images(model, generators, bare)
    changed = shown.images[0].astype(np.int16) - without.images[0]
    mask = shown.told.label_maps[0]
    inside, size = np.abs(changed), mask > 0
    return Effect(
        Look(shown.images[0], "with", shown.about(0)),
        Look(without.images[0], "without", without.about(0)),
        Look(difference_image(changed), "difference", shown.about(0) | {"difference": True}),
        mask,
        shown.spec.kinds,
        float(inside[size].mean()) if size.any() else 0.0,
        float(inside[~size].mean()) if not size.all() else 0.0,
    )


def difference_image(changed: NDArray[np.int16]) -> NDArray[np.uint8]:
    """A signed difference as an image: grey where nothing changed, brighter where it did so.

    Args:
        changed: int16 [H, W], -255 to 255.

    Returns:
        uint8 [H, W], 128 for no change; differences over 127 are clipped.
    """
    shifted: NDArray[np.uint8] = np.clip(changed + 128, 0, 255).astype(np.uint8)
    return shifted


def _facts(model: str, generators: Generators, order: Order) -> dict[str, Any]:
    found = generators.find(order.version)
    return order.facts(model, found, generators.output_spec(found.number))
