"""Train each family of enlargers equally long, and score it on the test split."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import Field

from model.config import TrainConfig
from model.families import names
from model.progress import Progress
from model.sampling import load_generator
from model.section import Stored
from model.tasks import task_of, work_of
from pipeline.data.processed import Processed
from pipeline.evaluation.paired import score_pairs
from pipeline.evaluation.record import EvaluateConfig, Evaluation
from pipeline.stages.evaluate import write_pairs
from pipeline.stages.train import train

FAMILIES = tuple(name for name in names() if task_of(name).name == "enlarge")
OnTraining = Callable[[str, Progress], None]


class Enlarged(Stored):
    """A family's result.

    Attributes:
        family: its name.
        images_seen: real images shown in a training.
        folds: trainings, each scored on its own fold; 1: one, scored on the test split.
        evaluation: of what it makes of the images held out; its baseline is bicubic.
        robust: PSNR on noisy small images, see `robustness`; empty if not asked for.
    """

    family: str
    images_seen: int
    folds: int = 1
    evaluation: Evaluation
    robust: dict[str, list[float]] = Field(default={})


def measure_enlargers(
    processed: Path,
    families: Sequence[str],
    factor: int,
    kimg: float,
    out: Path,
    tell: OnTraining,
    *,
    seed: int = 0,
    noise: Sequence[float] = (),
) -> list[Enlarged]:
    """Train and score each family.

    Args:
        processed: output folder of preprocess.
        families: of enlargers.
        factor: how many times larger images become.
        kimg: thousands of images shown in each training.
        out: folder for weights, evaluation and pictures, one folder a family.
        tell: called with a training's progress.
        seed: of each training.
        noise: deviations for `robustness`, in grey levels.

    Raises:
        BadInputError: the data cannot be trained on or scored.
    """
    data, found = Processed.load(processed), []
    for family in families:
        folder, config = out / family, config_of(family, factor, kimg, seed)
        trained = train(processed, folder, config, on_progress=partial(tell, family))
        generator = load_generator(folder)
        scored = score_pairs(
            partial(work_of(task_of(family)).make, generator),
            generator.config,
            data,
            EvaluateConfig(),
            trained.sha256,
            cache=out / "features",
        )
        write_pairs(folder, scored.evaluation, scored.pairs, data.classes)
        found.append(
            Enlarged(
                family=family,
                images_seen=trained.images_seen,
                evaluation=scored.evaluation,
                robust=robustness(folder, processed, noise) if noise else {},
            )
        )
    return found


def config_of(family: str, factor: int, kimg: float, seed: int) -> TrainConfig:
    """The family's own recipe on one thread."""
    return TrainConfig.model_validate(
        {
            "family": family,
            "kimg": kimg,
            "seed": seed,
            "threads": 1,
            "recipe": {"factor": factor},
        }
    )


def robustness(folder: Path, processed: Path, noise: Sequence[float]) -> dict[str, list[float]]:
    """PSNR on noisy inputs, told and not told of the noise, beside bicubic's of the same.

    Args:
        folder: of a trained enlarger.
        processed: output folder of preprocess; the validation split is used.
        noise: deviations, in grey levels.

    Returns:
        Mean PSNR in dB by way: told, not_told, bicubic; one number for each deviation.
    """
    from model.sampling import enlarge

    generator, data = load_generator(folder), Processed.load(processed)
    work = work_of(task_of(generator.config.family))
    rows = np.unique(np.linspace(0, len(data.val.labels) - 1, 24).astype(int))
    truth = np.array(data.val.images[rows])
    small, rng = work.given(truth, generator.config), np.random.default_rng(0)
    found: dict[str, list[float]] = {"told": [], "not_told": [], "bicubic": []}
    for level in noise:
        noisy = small + level * rng.standard_normal(small.shape)
        given = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
        ways = {
            "told": enlarge(generator, given, noise=level),
            "not_told": enlarge(generator, given),
            "bicubic": work.rival(given, generator.config),
        }
        for way, made in ways.items():
            found[way].append(float(work.measure(made, given, truth)["psnr"].mean()))
    return found
