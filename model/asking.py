"""Which layouts images are drawn by, where the caller gives none."""

from collections.abc import Sequence

from torch import Tensor

from .drawing import require_64_bits, require_draws
from .families.base import Generator
from .families.mixtures import class_weights
from .layout_bank import LEAST_DIAMETER, MOST
from .layouts import Layouts


def draw_layouts(
    generator: Generator,
    labels: Sequence[str],
    seed: int,
    *,
    start: int = 0,
    findings: int | None = None,
    kind: str | None = None,
    diameters: tuple[float, float] | None = None,
) -> Layouts | None:
    """The layouts of images, as `model.sampling.sample` draws them unless it is given others.

    Args:
        generator, labels, seed, start: as in `model.sampling.sample`.
        findings: number of findings in each image, all of `kind`; None: as in the training images
            of its class.
        kind: one of the generator's `config.given`; None: the kind that the class is about.
        diameters: least and largest diameter of a finding in pixels (of the circle of its area);
            None: as in the training images.

    Returns:
        One layout per label; None if the generator takes no layouts.

    Raises:
        ValueError: the generator takes no layouts but `findings`, `kind` or `diameters` is given,
            or one of them is out of range, or the findings do not fit into an image; or it draws
            no images.
    """
    require_draws(generator)
    bank, config = generator.bank, generator.config
    if bank is None:
        if (findings, kind, diameters) != (None, None, None):
            if config.made:
                raise ValueError(
                    "this generator makes findings itself, with maps of them beside its images, "
                    "and cannot be told where they are: leave their number, kind and size out"
                )
            raise ValueError(
                "this generator was trained without findings, so it cannot be told where they "
                "are: leave their number, kind and size out"
            )
        return None
    require_64_bits(seed, start, start + max(len(labels) - 1, 0))
    weights, side = class_weights(config.classes, labels), config.image_size
    if kind is not None and findings is None:
        raise ValueError(f"of kind {kind!r} how many? Give the number of findings, too")
    if findings is not None and not 0 <= findings <= MOST:
        raise ValueError(f"{findings} findings; allowed are 0 to {MOST} in an image")
    if diameters is not None:
        low, high = diameters
        if not LEAST_DIAMETER <= low <= high <= side / 2:
            raise ValueError(
                f"findings of {low:g} to {high:g} px in diameter; allowed are "
                f"{LEAST_DIAMETER:g} to {side / 2:g} px in images of {side} px"
            )
        diameters = (low / side, high / side)
    kinds = [_kind(generator, *one, kind) for one in zip(labels, weights, strict=True) if findings]
    return bank.draw(
        weights, side, seed, start=start, findings=findings, kind=kinds, diameters=diameters
    )


def _kind(generator: Generator, label: str, weights: Tensor, kind: str | None) -> int:
    """The index of the kind of findings that a label is given."""
    bank, kinds = generator.bank, generator.config.given
    if kind is None and label in kinds:
        kind = label
    listed = ", ".join(kinds)
    if kind is not None and kind not in kinds:
        raise ValueError(f"unknown kind {kind!r}; this generator has {listed}")
    found = kinds.index(kind) if kind or bank is None else bank.main_kind(weights)
    if found is None:
        raise ValueError(f"{label} has no kind of findings of its own; give the kind: {listed}")
    if bank is not None and not bank.knows(found):
        raise ValueError(
            f"the training images had too few findings of kind {kinds[found]} to know their size "
            "and place: give a layout of your own"
        )
    return found
