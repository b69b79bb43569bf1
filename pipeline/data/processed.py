"""Read and write processed data: preprocess writes it, train and evaluate read it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "val", "test")
VIEW_FILE = "view.json"


@dataclass(frozen=True)
class SplitArrays:
    """One split, aligned row by row.

    Attributes:
        images: uint8 [N, H, W], 0 black to 255 white.
        labels: int64 [N], an index into the sorted class names.
        ids: str [N], the image's identity in the manifest.
        groups: str [N], the group that the image belongs to.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    groups: NDArray[np.str_]

    def rows(self, label: NDArray[np.int64]) -> "SplitArrays":
        """The rows with new labels: `label` maps old labels to new ones, and -1 drops a row."""
        kept = label[self.labels] >= 0
        labels = label[self.labels[kept]]
        return SplitArrays(self.images[kept], labels, self.ids[kept], self.groups[kept])

    def save(self, folder: Path) -> None:
        """Write one .npy file per array into `folder` (created when missing)."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("images", "labels", "ids", "groups"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a split; images are memory-mapped, the rest is small."""
        return cls(
            images=np.load(folder / "images.npy", mmap_mode="r"),
            labels=np.load(folder / "labels.npy"),
            ids=np.load(folder / "ids.npy"),
            groups=np.load(folder / "groups.npy"),
        )


@dataclass(frozen=True)
class Processed:
    """A processed data set.

    Attributes:
        classes: names in label order.
        splits: train, val and test.
        view: the part of the images that is shown, in words; "" for whole images.
    """

    classes: tuple[str, ...]
    splits: dict[str, SplitArrays]
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
        return Processed(kept, splits, view=self.view)

    def save(self, folder: Path) -> None:
        """Write classes.json, view.json and one folder per split."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "classes.json").write_text(json.dumps(list(self.classes)) + "\n")
        (folder / VIEW_FILE).write_text(json.dumps(self.view) + "\n")
        for split, arrays in self.splits.items():
            arrays.save(folder / split)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        classes = tuple(json.loads((folder / "classes.json").read_text()))
        file = folder / VIEW_FILE  # older arrays have none and show whole images
        view = json.loads(file.read_text()) if file.exists() else ""
        return cls(classes, {split: SplitArrays.load(folder / split) for split in SPLITS}, view)
