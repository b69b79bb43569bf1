"""Read and write processed data: preprocess writes it, train and evaluate read it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model.layouts import Layouts

SPLITS = ("train", "val", "test")
CLASSES_FILE, KINDS_FILE, VIEW_FILE = "classes.json", "kinds.json", "view.json"


@dataclass(frozen=True)
class SplitArrays:
    """One split, aligned row by row.

    Attributes:
        images: uint8 [N, H, W], 0 black to 255 white; of pairs uint8 [N, 2, H, W].
        labels: int64 [N], an index into the sorted class names.
        ids: str [N], the image's identity in the manifest; of pairs that of the first image.
        groups: str [N], the group that the image belongs to.
        layouts: where the findings are, for the kinds of the data set; None if no image of it is
            annotated.
        mm: float32 [N], millimetres to the image's side, 0 where unknown; None in old arrays.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    groups: NDArray[np.str_]
    layouts: Layouts | None = None
    mm: NDArray[np.float32] | None = None

    @property
    def millimetres(self) -> float:
        """To the image's side, the median of the images that tell it; 0: none does."""
        told = self.mm[self.mm > 0] if self.mm is not None else np.zeros(0)
        return float(np.median(told)) if len(told) else 0.0

    def rows(self, label: NDArray[np.int64]) -> "SplitArrays":
        """The rows with new labels: `label` maps old labels to new ones, and -1 drops a row."""
        kept = label[self.labels] >= 0
        return SplitArrays(
            self.images[kept],
            label[self.labels[kept]],
            self.ids[kept],
            self.groups[kept],
            None if self.layouts is None else self.layouts[kept],
            None if self.mm is None else self.mm[kept],
        )

    def save(self, folder: Path) -> None:
        """Write one .npy file per array into `folder` (created when missing)."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self, name) for name in ("images", "labels", "ids", "groups")}
        if self.layouts is not None:
            arrays |= {"maps": self.layouts.maps, "annotated": self.layouts.told}
        if self.mm is not None:
            arrays["mm"] = self.mm
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a split; images and maps are memory-mapped, the rest is small."""
        layouts = mm = None
        if (folder / "maps.npy").exists():
            maps = np.load(folder / "maps.npy", mmap_mode="r")
            layouts = Layouts(maps, np.load(folder / "annotated.npy"))
        if (folder / "mm.npy").exists():
            mm = np.load(folder / "mm.npy")
        return cls(
            images=np.load(folder / "images.npy", mmap_mode="r"),
            labels=np.load(folder / "labels.npy"),
            ids=np.load(folder / "ids.npy"),
            groups=np.load(folder / "groups.npy"),
            layouts=layouts,
            mm=mm,
        )


@dataclass(frozen=True)
class Processed:
    """A processed data set.

    Attributes:
        classes: names in label order.
        splits: train, val and test.
        kinds: of findings, in the order of the layouts' maps; () if no image is annotated.
        view: the part of the images that is shown, in words; "" for whole images.
    """

    classes: tuple[str, ...]
    splits: dict[str, SplitArrays]
    kinds: tuple[str, ...] = ()
    view: str = ""

    @property
    def train(self) -> SplitArrays:
        """The images that the generator learns from."""
        return self.splits["train"]

    @property
    def val(self) -> SplitArrays:
        """The images for choices during training."""
        return self.splits["val"]

    @property
    def test(self) -> SplitArrays:
        """The images for reported figures and for the gate; nothing else may use them."""
        return self.splits["test"]

    def only(self, classes: Collection[str]) -> "Processed":
        """Only the images of these classes, in every split, relabelled to match.

        Raises:
            ValueError: there is no such class.
        """
        kept = tuple(name for name in self.classes if name in classes)
        if set(kept) != set(classes):
            raise ValueError(f"no class {sorted(set(classes) - set(kept))} among {self.classes}")
        if kept == self.classes:
            return self
        label = np.full(len(self.classes), -1, dtype=np.int64)
        label[[self.classes.index(name) for name in kept]] = range(len(kept))
        splits = {name: one.rows(label) for name, one in self.splits.items()}
        return Processed(kept, splits, self.kinds, self.view)

    def save(self, folder: Path) -> None:
        """Write classes.json, view.json, with layouts kinds.json, and one folder per split."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {CLASSES_FILE: list(self.classes), VIEW_FILE: self.view}
        if self.kinds:
            facts[KINDS_FILE] = list(self.kinds)
        for name, value in facts.items():
            (folder / name).write_text(json.dumps(value) + "\n")
        for split, arrays in self.splits.items():
            arrays.save(folder / split)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""

        def read(name: str, default: Any) -> Any:  # older arrays have no kinds and whole images
            file = folder / name
            return json.loads(file.read_text()) if file.exists() else default

        return cls(
            tuple(json.loads((folder / CLASSES_FILE).read_text())),
            {split: SplitArrays.load(folder / split) for split in SPLITS},
            tuple(read(KINDS_FILE, ())),
            read(VIEW_FILE, ""),
        )
