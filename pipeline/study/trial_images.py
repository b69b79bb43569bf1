"""The images of a study's trials, real and synthetic ones by one code path.

Both are squares of the size and region that the generator draws, uint8, encoded by one encoder
into PNG files without metadata. Nothing but the pixels tells them apart: synthetic images carry
neither the mark nor the watermark that they carry elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.base.project import Project
from pipeline.data.formats.canonical import encode_png
from pipeline.registry.generators import Generators
from pipeline.study.held_out import test_arrays
from pipeline.study.plan import RIGHT, Plan


@dataclass(frozen=True)
class TrialImages:
    """The images of a study.

    Attributes:
        real: id -> uint8 [S, S].
        synthetic: uint8 [N, S, S], by index.
    """

    real: Mapping[str, NDArray[np.uint8]]
    synthetic: NDArray[np.uint8]

    @classmethod
    def load(cls, project: Project, plan: Plan, generators: Generators) -> Self:
        """Fetch the real images of a plan, and draw the synthetic ones.

        Raises:
            BadInputError: the real images are gone, or the version cannot be drawn from.
            TransientError: the remote cannot be reached.
        """
        wanted = {one.image for one in plan.trials}
        arrays = test_arrays(project, plan.run_key).by_id()
        real = {id_: image.copy() for id_, image in arrays.items() if id_ in wanted}
        labels = plan.drawn_labels
        if labels:
            drawn = generators.draw(plan.version, labels, plan.draw_seed)
        else:
            drawn = np.zeros((0, 1, 1), np.uint8)
        return cls(real, drawn)

    def pngs(self, plan: Plan, trial: int) -> list[bytes]:
        """The PNG files of a trial: left and right, or the single one."""
        asked = plan.trials[trial]
        shown = [self.real[asked.image]] if asked.image else []
        if asked.index is not None:
            shown.append(self.synthetic[asked.index])
        if asked.side == RIGHT:
            shown.reverse()
        return [encode_png(pixels) for pixels in shown]
