"""A training whose weights are kept every minute, for another machine to judge."""

import time
from pathlib import Path

import torch

from bench.gpu.plan import Plan
from model.families.base import Generator
from model.progress import copy_of
from model.section import Stored
from model.training import fit
from model.validation import Judgement
from model.weights import save_generator
from pipeline.data.processed import Processed


class Kept(Stored):
    """Weights of a moment.

    Attributes:
        folder: name below the output, with generator.safetensors and config.json.
        seconds: since the training began.
        images_seen: real images shown until then.
        sha256: of the weights.
    """

    folder: str
    seconds: float
    images_seen: int
    sha256: str


class Training(Stored):
    """A training by the clock.

    Attributes:
        side, batch, precision: of it.
        minutes: of wall-clock time.
        images_seen: real images shown in all.
        images_per_second: over all of it, the saving of weights included.
        kept: about once a minute, the last weights included.
        history: of losses.
    """

    side: int
    batch: int
    precision: str
    minutes: float
    images_seen: int
    images_per_second: float
    kept: tuple[Kept, ...]
    history: tuple[dict[str, float], ...]


def train_for(data: Processed, plan: Plan, minutes: float, out: Path, batch: int) -> Training:
    """Train the default recipe, and write the averaged weights about once a minute.

    Args:
        data: images, with layouts.
        plan: its recipe.
        minutes: wall-clock time.
        out: folder of minute-01, minute-02, ...
        batch: real images a step.
    """
    snapshots = max(1, round(minutes))
    config = plan.config(
        batch=batch, budget_minutes=minutes, snapshots=snapshots, validation_images=1
    )
    kept: list[tuple[str, float, str]] = []
    started = time.monotonic()

    def keep(generator: Generator) -> Judgement:
        name = f"minute-{len(kept) + 1:02d}"
        sha256 = save_generator(out / name, copy_of(generator), generator.config)
        kept.append((name, time.monotonic() - started, sha256))
        # Nothing is judged here. The last weights count as the best.
        return Judgement(kernel_distance=-float(len(kept)), ms_ssim=0.0, ms_ssim_real=0.0)

    train = data.train
    result = fit(
        train.images,
        train.labels,
        data.classes,
        config,
        kinds=data.kinds,
        layouts=train.layouts,
        mm=train.millimetres,
        view=data.view,
        judge=keep,
    )
    if result.runtime.device != "cpu":
        torch.cuda.synchronize()
    took = time.monotonic() - started
    return Training(
        side=train.images.shape[1],
        batch=batch,
        precision=result.runtime.precision,
        minutes=took / 60,
        images_seen=result.images_seen,
        images_per_second=result.images_seen / took,
        kept=tuple(
            Kept(folder=name, seconds=at, images_seen=int(row["images_seen"]), sha256=sha256)
            for (name, at, sha256), row in zip(kept, result.validations, strict=True)
        ),
        history=tuple(result.history),
    )
