"""Where the findings of generated images are: as the generator is told, or as it makes them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from model.layouts import Layouts, label_maps
from pipeline.base.errors import BadInputError
from pipeline.registry.layout_files import layout_files, read_layouts
from pipeline.registry.output_spec import OutputSpec


@dataclass(frozen=True)
class Told:
    """What a generator is told of the findings of some images, or says of them.

    Attributes:
        layouts: one for each image; None for a generator that takes none.
        kinds: of findings.
        sha256: of each image's layout file; empty where the layouts are drawn.
        made: by a generator that makes maps of findings beside its images; None by another.
    """

    layouts: Layouts | None
    kinds: tuple[str, ...]
    sha256: Sequence[str] = ()
    made: Layouts | None = None

    @property
    def where(self) -> Layouts | None:
        """Where the findings of each image are; None: nothing is known of any."""
        return self.layouts if self.made is None else self.made

    @classmethod
    def by_files(cls, version: int, path: Path, spec: OutputSpec, count: int | None) -> "Told":
        """The layouts of a file, for `count` images; or of a folder, one for each image.

        Args:
            version: number of the version, for errors.
            path: as in `read_layouts`.
            spec: of the version's images.
            count: number of images; None: as many as there are files.

        Raises:
            BadInputError: the version takes no layouts, or as `read_layouts`.
        """
        if spec.made:
            raise BadInputError(
                f"version {version} makes its findings itself, so it takes no layouts; leave the "
                "layout out"
            )
        if not spec.kinds:
            raise BadInputError(
                f"version {version} was trained without findings, so it takes no layouts; leave "
                "the layout out"
            )
        read = read_layouts(
            path, spec.kinds, spec.image_size, len(layout_files(path)) if count is None else count
        )
        return cls(read.layouts, spec.kinds, read.sha256)

    def require_masks(self, version: int, label: str) -> None:
        """Check that the images have masks.

        Raises:
            BadInputError: it is not known where the findings are.
        """
        if self.where is None:
            raise BadInputError(
                f"version {version} was trained without findings, so its images have no masks"
            )
        if not self.where.told.all():
            instead = "" if self.made is not None else ". Give their number, or a layout"
            raise BadInputError(
                f"where the findings of {label} are is not known: too few of its training images "
                f"are annotated{instead}"
            )

    @cached_property
    def label_maps(self) -> NDArray[np.uint8]:
        """uint8 [N, S, S], 0 none, k the k-th kind; no image for a generator without findings."""
        return np.empty((0, 0, 0), np.uint8) if self.where is None else label_maps(self.where)

    def findings(self, index: int) -> dict[str, int] | None:
        """Findings of an image by kind, without kinds of which it has none; None: not known."""
        return self._counted[index] if self._counted else None

    @cached_property
    def _counted(self) -> list[dict[str, int] | None]:
        """`findings` of each image; empty for a generator without findings."""
        return [] if self.where is None else [self._count(row) for row in range(len(self.where))]

    def _count(self, index: int) -> dict[str, int] | None:
        if self.where is None or not self.where.told[index]:
            return None
        labels = self.label_maps[index]
        counts = {
            kind: int(scipy.ndimage.label(labels == number, np.ones((3, 3)))[1])
            for number, kind in enumerate(self.kinds, 1)
        }
        return {kind: count for kind, count in counts.items() if count}

    @property
    def in_all(self) -> dict[str, int] | None:
        """Findings of all images by kind; None if nothing is known of any."""
        if self.where is None or not self.where.told.any():
            return None
        total: Counter[str] = Counter()
        for index in range(len(self.where)):
            total.update(self.findings(index) or {})
        return dict(total)
