"""Train a generator on the images of a few classes: `fit`, from arrays to weights.

Relativistic pairing GAN with R1 and R2 (R3GAN, arXiv 2501.05441), sized for CPU cores: small
batches, so that a short budget is many steps; one set of fakes serves both players; everything D
sees is augmented, since medical sets are small.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .checkpoint import Checkpoints, fingerprint
from .config import NetworkConfig, TrainConfig
from .data import balanced_draw, check
from .networks import Generator
from .runtime import Runtime, choose_runtime
from .sampling import sample
from .step import make_players, train_step

GRID_COLUMNS = 8
HISTORY_ROWS = 100
PROGRESS_SECONDS = 1.0

Row = dict[str, float]


@dataclass(frozen=True)
class Progress:
    """How far a training is; the speed is of this process, since it started or resumed."""

    images_seen: int
    images_total: int
    loss_g: float
    loss_d: float
    penalty: float
    images_per_second: float
    eta_seconds: float


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves behind; no clock is in it.

    Attributes:
        weights: of the averaged generator, float32 by name.
        network: what the weights need to become a network again.
        history: a row each hundredth of the run: `images_seen`, and means since the row before.
        grids: images seen -> uint8 [classes * H, 8 * W], one row a class, always the same latents.
        runtime: precision, memory format, threads, processor.
        images_seen: real images shown to D.
    """

    weights: dict[str, Tensor]
    network: NetworkConfig
    history: list[Row]
    grids: dict[int, NDArray[np.uint8]]
    runtime: Runtime
    images_seen: int


class Stopped(Exception):  # noqa: N818 - an order that was followed, not an error
    """`should_stop` said so; nothing was written after it did."""


@dataclass
class _Record:
    """What has happened so far; a part of the checkpoint."""

    images_seen: int = 0
    window: list[Row] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    grids: dict[int, Tensor] = field(default_factory=dict)

    def add(self, report: Row, batch: int) -> None:
        """Count a step; the penalty is that of the last step that took it."""
        last = self.window[-1] if self.window else {"penalty": 0.0}
        self.images_seen += batch
        self.window.append({"penalty": last["penalty"]} | report)

    def close_window(self) -> None:
        """Turn the steps since the last row into a row; the last step opens the next window."""
        row = {"images_seen": float(self.images_seen)}
        for key in self.window[-1]:
            row[key] = math.fsum(step[key] for step in self.window) / len(self.window)
        self.history.append(row)
        self.window = self.window[-1:]


def fit(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    config: TrainConfig,
    *,
    checkpoint_folder: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainResult:
    """Train a generator, or go on with a training that was killed.

    Classes are drawn in equal shares (`balanced_draw` says why), and a fake takes the label of
    the real image it is paired with.

    Args:
        images: uint8 [N, H, W], square, a power of two from 32 px; 0 black to 255 white.
        labels: int64 [N], an index into `classes`.
        classes: names, in label order.
        config: the recipe.
        checkpoint_folder: where the state is kept; None trains without a net.
        on_progress: told about once a second.
        should_stop: asked about once a second, before each checkpoint and at the end.

    Returns:
        A function of the arguments alone on one machine, interrupted or not, as long as the
        precision chosen is the same (see `choose_runtime`).

    Raises:
        ValueError: the arrays do not fit each other, or the checkpoint is another training's.
        FloatingPointError: a loss became NaN or infinite.
        Stopped: `should_stop` said so.
    """
    # Initialise.
    check(images, labels, classes)
    network = config.network(images.shape[1], tuple(classes))
    total, batch = config.images_total, config.batch
    every_row, every_grid = total / HISTORY_ROWS, total / config.snapshots
    every_checkpoint = config.checkpoint_kimg * 1000

    # Load.
    draw = balanced_draw(images, labels, len(classes), batch)
    checkpoints = None
    if checkpoint_folder is not None:
        checkpoints = Checkpoints(checkpoint_folder, fingerprint(images, labels, classes, config))

    # Construct.
    players = make_players(network, config)
    record = _Record()

    # Resume, or choose how this machine computes.
    state = checkpoints.load() if checkpoints else None
    if state is not None:
        runtime = Runtime(**state["runtime"])
    else:
        runtime = choose_runtime(config, players.critic, *_trial_batch(draw, config))
    runtime.activate()
    for module in (players.generator, players.critic, players.average):
        runtime.place(module)
    if state is not None:
        players.restore(state["players"])
        record = _Record(**state["record"])

    # Train.
    watch = _Watch(record.images_seen, total, on_progress, should_stop)
    while record.images_seen < total:
        report = train_step(players, config, runtime, record.images_seen, draw(players.rng))
        record.add(report, batch)
        _refuse_nan(report, record.images_seen)
        watch.look(record)

        # Maintenance: what happens at round numbers of images.
        if _passed(record.images_seen, batch, every_row):
            record.close_window()
        if _passed(record.images_seen, batch, every_grid):
            record.grids[record.images_seen] = _grid(players.average, config.seed)
        if checkpoints and _passed(record.images_seen, batch, every_checkpoint):
            watch.stop_if_told()
            checkpoints.save(
                record.images_seen,
                {
                    "players": players.state(),
                    "record": vars(record),
                    "runtime": dataclasses.asdict(runtime),
                },
            )

    watch.stop_if_told()
    return TrainResult(
        weights={name: value.contiguous() for name, value in players.average.state_dict().items()},
        network=network,
        history=record.history,
        grids={seen: grid.numpy() for seen, grid in sorted(record.grids.items())},
        runtime=runtime,
        images_seen=record.images_seen,
    )


class _Watch:
    """Tells and asks the caller, about once a second."""

    def __init__(
        self,
        seen: int,
        total: int,
        on_progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.seen_at_start, self.total = seen, total
        self.on_progress, self.should_stop = on_progress, should_stop
        self.started = self.told = time.monotonic()

    def look(self, record: _Record) -> None:
        now = time.monotonic()
        if now - self.told < PROGRESS_SECONDS and record.images_seen < self.total:
            return
        self.told = now
        self.stop_if_told()
        if self.on_progress:
            speed = (record.images_seen - self.seen_at_start) / (now - self.started)
            last = record.window[-1]
            self.on_progress(
                Progress(
                    images_seen=record.images_seen,
                    images_total=self.total,
                    loss_g=last["loss_g"],
                    loss_d=last["loss_d"],
                    penalty=last["penalty"],
                    images_per_second=speed,
                    eta_seconds=(self.total - record.images_seen) / speed,
                )
            )

    def stop_if_told(self) -> None:
        if self.should_stop and self.should_stop():
            raise Stopped("training was told to stop")


def _passed(images_seen: int, batch: int, every: float) -> bool:
    """Whether this step reached or passed a multiple of `every` images (rounding allowed for)."""
    return math.floor(images_seen / every + 1e-9) > math.floor((images_seen - batch) / every + 1e-9)


def _trial_batch(draw: Any, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """As many images as D sees in a step, drawn apart from training's own random state."""
    rng = torch.Generator().manual_seed(config.seed)
    first, second = draw(rng), draw(rng)
    return torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]])


def _grid(generator: Generator, seed: int) -> Tensor:
    size, classes = generator.config.image_size, generator.config.classes
    labels = [name for name in classes for _ in range(GRID_COLUMNS)]
    images = sample(generator, labels, seed).reshape(len(classes), GRID_COLUMNS, size, size)
    return torch.from_numpy(images.swapaxes(1, 2).reshape(len(classes) * size, -1).copy())


def _refuse_nan(report: Row, images_seen: int) -> None:
    if bad := sorted(name for name, value in report.items() if not math.isfinite(value)):
        raise FloatingPointError(
            f"{', '.join(bad)} became NaN or infinite after {images_seen} images: training has "
            "diverged; halve train.learning_rate or double train.gamma"
        )
