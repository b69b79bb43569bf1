"""Train each family of fusers equally long on pairs of phantoms, and score it on others."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from model.config import TrainConfig
from model.families import names
from model.progress import Progress
from model.sampling import load_generator
from model.section import Stored
from model.tasks import task_of, work_of
from model.tasks.fuse.registered import require_registered
from model.tasks.fuse.rivals import RIVALS
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.evaluation.figures import draw_rows
from pipeline.evaluation.paired import rows_of, score_pairs
from pipeline.evaluation.record import EvaluateConfig, Evaluation
from pipeline.phantoms.phantom_pairs import Kind, make_pairs
from pipeline.phantoms.phantom_study import CLASSES, PhantomConfig
from pipeline.stages.evaluate import write_pairs
from pipeline.stages.train import train

FAMILIES = tuple(name for name in names() if task_of(name).name == "fuse")
RULES = {
    "first alone": lambda pairs: np.array(pairs[:, 0]),
    "second alone": lambda pairs: np.array(pairs[:, 1]),
    **RIVALS,
}
"""What needs no training, the floor first: one of the two images as it is."""

OnTraining = Callable[[str, Progress], None]

SLICES, VAL, TEST = 3, 4, 10
"""Slices of a patient; patients of each class in the validation and in the test split."""


class Fused(Stored):
    """What rules and families make of the same pairs.

    Attributes:
        kind: how the two images of a pair differ.
        rivals: of `RULES`, by name; the gains of each are over the maximum.
        families: by name.
        images_seen: pairs shown in each training.
    """

    kind: str
    rivals: dict[str, Evaluation]
    families: dict[str, Evaluation]
    images_seen: int


def phantom_pairs(kind: Kind, size: int, patients: int, seed: int) -> Processed:
    """Registered pairs of phantoms; no patient is in two splits.

    Args:
        kind: how the two images of a pair differ.
        size: of the images, in pixels.
        patients: of each class in the training split.
        seed: of the phantom.
    """
    config = PhantomConfig(size=size, slices=SLICES)
    ends = np.cumsum([0, patients, VAL, TEST])
    splits = {}
    for name, (first, last) in zip(SPLITS, pairwise(ends.tolist()), strict=True):
        made = make_pairs(range(first, last), seed, kind, config)
        splits[name] = SplitArrays(made.images, made.labels, made.ids, made.groups)
    return Processed(CLASSES, splits)


def measure_fusers(
    kind: Kind,
    families: Sequence[str],
    size: int,
    patients: int,
    kimg: float,
    seed: int,
    out: Path,
    tell: OnTraining,
) -> Fused:
    """Train and score each family.

    Args:
        kind, size, patients: as in `phantom_pairs`.
        families: of fusers.
        kimg: thousands of pairs shown in each training.
        seed: of the phantom and of each training.
        out: folder for arrays, weights, evaluations and pictures.
        tell: called with a training's progress.

    Raises:
        BadInputError: the data cannot be trained on or scored.
    """
    data = phantom_pairs(kind, size, patients, seed)
    require_registered(data.test.images, data.test.ids.tolist())
    data.save(out / "processed")
    found: dict[str, Evaluation] = {}
    rivals: dict[str, Evaluation] = {}
    seen = 0
    for family in families:
        config = TrainConfig.model_validate(
            {"family": family, "kimg": kimg, "seed": seed, "threads": 1}
        )
        folder = out / family
        trained = train(
            out / "processed", folder, config, on_progress=partial(tell, f"{family}, {kind}")
        )
        generator = load_generator(folder)
        make = partial(work_of(task_of(family)).make, generator)
        score = partial(
            score_pairs, network=generator.config, processed=data, config=EvaluateConfig()
        )
        scored = score(make, model=trained.sha256)
        write_pairs(folder, scored.evaluation, scored.pairs, data.classes)
        draw_rows(folder / "pairs.png", rows_of(scored.pairs, _one_of_each(data.test)))
        found[family], seen = scored.evaluation, trained.images_seen
        if not rivals:  # they are the same beside every family
            rivals = {name: score(rule, model=name).evaluation for name, rule in RULES.items()}
    return Fused(kind=kind, rivals=rivals, families=found, images_seen=seen)


def _one_of_each(split: SplitArrays) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The middle slice of a patient of each class."""
    return np.array(
        [np.flatnonzero(split.labels == label)[SLICES // 2] for label in range(len(CLASSES))]
    )
