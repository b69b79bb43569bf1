"""The record of whether each class is drawn as itself. It is read without torch."""

from model.section import Stored

Cell = float | None

_SURE = 0.25  # of the real difference of two classes, by which they must differ for certain


class ClassPair(Stored):
    """Two classes: how far real images of them differ, and how much of it generated images show.

    Attributes:
        first, second: names.
        real: kernel distance between training images of the two, by images of different groups.
        real_low: lower end of its 95 % interval over groups; None: not to be computed.
        value: share of that difference that generated images show: 1 as training images, 0 if one
            class is drawn as the other, below 0 if they are exchanged. None: not to be computed.
        low, high: its 95 % interval over training groups and generated images.
        floor: the same of held-out real images.
    """

    first: str
    second: str
    real: Cell
    real_low: Cell
    value: Cell
    low: Cell
    high: Cell
    floor: Cell

    @property
    def told_apart(self) -> bool:
        """Whether training images of the two surely differ by a quarter of what they seem to.

        If not, these features cannot tell them apart, and nothing is concluded.
        """
        if self.real is None or self.real_low is None:
            return False
        return self.real_low > _SURE * self.real > 0


class ClassMatrix(Stored):
    """Kernel distance of each generated class (row) to each real class (column).

    Attributes:
        grey: "as drawn", or "matched": grey levels inside the body made the same in all images, so
            that brightness tells no class.
        protocol: its name, such as class_margin_efflite0_n600.
        classes: names of rows and columns.
        distance, low, high: to held-out images, with the 95 % interval over their groups; None
            where a class has too few images.
        floor: the same of training images in the place of generated ones.
        pairs: every two classes.
        n_real, n_fake: images on each side.
    """

    grey: str
    protocol: str
    classes: tuple[str, ...]
    distance: tuple[tuple[Cell, ...], ...]
    low: tuple[tuple[Cell, ...], ...]
    high: tuple[tuple[Cell, ...], ...]
    floor: tuple[tuple[Cell, ...], ...]
    pairs: tuple[ClassPair, ...]
    n_real: int
    n_fake: int

    def flat(self) -> dict[str, float]:
        """Contrasts as metrics for a tracker: `class_contrast_normal_stone`, …_floor, …"""
        what = "class_contrast" + ("_matched" if self.grey == "matched" else "")
        flat: dict[str, float] = {}
        for pair in self.pairs:
            name = f"{what}_{pair.first}_{pair.second}"
            values = {"": pair.value, "_floor": pair.floor, "_low": pair.low, "_high": pair.high}
            flat |= {name + end: value for end, value in values.items() if value is not None}
        return flat
