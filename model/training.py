"""Train a generator on the images of a few classes: `fit`, from arrays to weights.

A family (families/) defines one step. This module has what all families share: batches,
checkpoints, history, sample grids, validation and the end of the run.
"""

import dataclasses
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .checkpoint import Checkpoints, fingerprint
from .config import TrainConfig
from .data import Draw, TrainingData, balanced_draw, check
from .drawing import to_float
from .families import make_learner
from .families.base import Batch, Learner, Row, Step
from .grids import sample_grid
from .layout_statistics import layout_bank
from .layouts import Layouts
from .network import NetworkConfig
from .parallel import Shard, moved, this_shard
from .progress import Progress, Record, Watch, copy_of
from .runtime import Runtime, choose_runtime
from .tasks import task_of
from .validation import Judge
from .warm_start import Networks, begin_from, weights_of

HISTORY_ROWS = 100
SETTLE_EVERY = 16
"""Steps after which losses are read, so that NaN ends a training. Each reading waits for the GPU.
History, snapshots, checkpoints and progress read them, too, before they use anything."""
WATCH_EVERY = 8
"""Steps between two calls of `Learner.watch`."""
MEMBERS, MEMBERS_AT_ONCE = 1000, 50
"""Most images per side in the membership scores, and how many are scored at once."""


@dataclass(frozen=True)
class TrainResult:
    """The result of a training; it contains no times.

    Attributes:
        weights: of the averaged generator, float32 by name: the best on the held-out images, or
            the last ones without a judge.
        network: the config that the weights belong to.
        networks: of all networks at the end, float32 by `<network>.<name>` (see `weights_of`).
        history: one row per hundredth of the run: `images_seen`, and means since the row before.
        validations: one row per snapshot with a judge: `images_seen`, `kernel_distance`, `ms_ssim`
            and `ms_ssim_real` of the worst class, `collapsed` 0 or 1.
        grids: images seen -> uint8 [classes * H, 8 * W], one row per class, always with the same
            latents; of a paired task what the rival and the generator make of computed examples.
        runtime: device, precision, memory format, threads, processor.
        resumed: one entry per resume with another runtime, which is not bit for bit:
            `images_seen`, `why`, and the runtimes `before` and `after` as dicts.
        images_seen: real images shown in the whole run.
        best_images_seen: real images shown until the weights that were kept.
        ended: finished, or patience if the run ended early.
        repeatable: whether the result depends only on the arguments on this machine: no
            `budget_minutes`, and not resumed with another runtime.
        membership: `Learner.familiarity` of up to `MEMBERS` training images and as many held-out
            ones, float64 [N] by `train` and `held_out`; empty without held-out images.
    """

    weights: dict[str, Tensor]
    network: NetworkConfig
    networks: dict[str, Tensor]
    history: list[Row]
    validations: list[Row]
    grids: dict[int, NDArray[np.uint8]]
    runtime: Runtime
    images_seen: int
    best_images_seen: int
    ended: str
    repeatable: bool
    resumed: list[dict[str, Any]]
    membership: dict[str, NDArray[np.float64]]


def fit(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    config: TrainConfig,
    *,
    kinds: Sequence[str] = (),
    layouts: Layouts | None = None,
    mm: float = 0.0,
    view: str = "",
    judge: Judge | None = None,
    held_out: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None,
    start: Networks | None = None,
    checkpoint_folder: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainResult:
    """Train a generator, or resume a training that was killed.

    A checkpoint from another processor or thread count cannot be resumed bit for bit: the run
    continues with this machine's runtime, warns, and records it in the result.

    Classes are drawn in equal shares, or as `config.emphasis` says (see `balanced_draw`). Under
    torchrun every process makes the same call, takes its share of each batch, and returns the same
    weights.

    Args:
        images: uint8 [N, H, W], square, a power of two from 32 px; 0 black to 255 white. For a
            family that fuses, two registered images a row: uint8 [N, 2, H, W].
        labels: int64 [N], an index into `classes`.
        classes: names, in label order.
        config: the `train` section.
        kinds: of findings, in the order of the layouts' maps.
        layouts: where the images' findings are; None: the generator takes no layouts, and makes
            none.
        mm: millimetres to the image's side, to be asked for findings by their size; 0: unknown.
        view: the part of an image that is shown, in words, for whoever loads the generator.
        judge: called at each snapshot (see `make_judge`); chooses the weights to keep.
        held_out: images and labels that are not trained on, with every class, for a learner to
            detect overfitting.
        start: networks of another training to begin from; None: fresh ones. Optimisers, random
            draws, the learning rate's rise and the average are those of a new training.
        checkpoint_folder: for checkpoints; None: no checkpoints.
        on_progress: called about once a second.
        should_stop: called about once a second, before each checkpoint and at the end.

    Returns:
        The result. On one machine it depends only on the arguments, interrupted or not, if the
        same precision is chosen (see `choose_runtime`) and `budget_minutes` is 0.

    Raises:
        ValueError: the arrays do not fit each other, the checkpoint is of another training, or
            `start` does not fit the config and the classes.
        FloatingPointError: a loss became NaN or infinite, at most `SETTLE_EVERY` steps before.
        Stopped: `should_stop` returned true.
    """
    check(images, labels, classes, task_of(config.family).sources)
    data = TrainingData(images, labels, tuple(classes), tuple(kinds), layouts, mm, view)
    data.check_layouts()
    run = _start(data, config, start, checkpoint_folder)
    run.judge = judge
    if run.learner.watches and held_out is None:
        raise ValueError(
            "recipe.adapt_to needs held-out images of every class: add some, or set it to 0"
        )
    if held_out is not None:
        run.draw_held_out = balanced_draw(*held_out, len(classes), config.recipe.batch)
    run.watch = Watch(config, run.record, on_progress if run.shard.leads else None, should_stop)
    while not run.over():
        run.step()
    run.watch.stop_if_told()
    sides = {} if held_out is None else {"train": (images, labels), "held_out": held_out}
    return run.result({side: run.familiarity(*arrays) for side, arrays in sides.items()})


@dataclass
class _Run:
    """The state of a running training."""

    config: TrainConfig
    draw: Draw
    learner: Learner
    runtime: Runtime
    shard: Shard
    record: Record
    checkpoints: Checkpoints | None
    judge: Judge | None = None
    draw_held_out: Draw | None = None
    watch: Watch = field(init=False)

    def over(self) -> bool:
        """Whether the run is complete, or its patience is exhausted."""
        return self.record.done >= 1 or self._out_of_patience()

    def _out_of_patience(self) -> bool:
        since_best = len(self.record.validations) - 1 - self.record.best_validation
        return 0 < self.config.patience <= since_best

    def step(self) -> None:
        """Train on one batch, then write history, snapshots and checkpoints when due."""
        record, shard = self.record, self.shard
        batch = self._batch(self.draw)
        before = Step(record.steps, record.images_seen, record.done)
        report = self.learner.step(batch, before, self.runtime, shard)
        if self.learner.watches and self.draw_held_out and before.index % WATCH_EVERY == 0:
            unseen = self._batch(self.draw_held_out)
            report |= self.learner.watch(batch, unseen, self.runtime, shard)
        record.add(report, self.config.recipe.batch)
        if record.steps % SETTLE_EVERY == 0:
            record.settle()
        done = self.watch.share_done()
        record.done = shard.same(done) if self.config.budget_minutes else done
        self.watch.look()
        self._maintain(before)

    def _batch(self, draw: Draw) -> Batch:
        """This process's share of a batch, on its device."""

        def mine(part: Tensor) -> Tensor:
            return moved(self.shard.take(part), torch.device(self.runtime.device))

        images, labels, given = draw(self.learner.rng)
        return Batch(to_float(mine(images)), mine(labels), None if given is None else mine(given))

    def _maintain(self, before: Step) -> None:
        record, average = self.record, self.learner.average
        if _passed(before.done, record.done, HISTORY_ROWS):
            record.close_window()
        if _passed(before.done, record.done, self.config.snapshots):
            record.settle()
            record.grids[record.images_seen] = sample_grid(average, self.config.seed)
            if self.judge is not None:
                record.validate(average, self.judge)
        every = 1 / (self.config.checkpoint_kimg * 1000)
        if self.checkpoints and _passed(before.images_seen, record.images_seen, every):
            self.watch.stop_if_told()
            self._save(self.checkpoints)

    def _save(self, checkpoints: Checkpoints) -> None:
        self.record.settle()
        self.record.seconds = self.watch.seconds()
        if self.shard.leads:
            state = {
                "learner": self.learner.state(),
                "record": vars(self.record),
                "runtime": dataclasses.asdict(self.runtime),
            }
            checkpoints.save(self.record.images_seen, state)

    def familiarity(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The learner's scores of at most `MEMBERS` images, evenly spaced over the arrays."""
        rows = np.unique(np.linspace(0, len(images) - 1, min(len(images), MEMBERS)).astype(int))
        device, scores = self.runtime.device, []
        for start in range(0, len(rows), MEMBERS_AT_ONCE):
            chosen = rows[start : start + MEMBERS_AT_ONCE]
            batch = to_float(torch.from_numpy(np.array(images[chosen])).to(device))
            which = torch.from_numpy(np.array(labels[chosen])).to(device)
            with torch.no_grad():
                scores.append(self.learner.familiarity(batch, which).double().cpu().numpy())
        return np.concatenate(scores)

    def result(self, membership: dict[str, NDArray[np.float64]]) -> TrainResult:
        record = self.record
        best = float(record.images_seen)
        if record.best:
            best = record.validations[record.best_validation]["images_seen"]
        return TrainResult(
            weights=record.best or copy_of(self.learner.average),
            network=self.learner.average.config,
            networks=weights_of(self.learner),
            history=record.history,
            validations=record.validations,
            grids={seen: grid.numpy() for seen, grid in sorted(record.grids.items())},
            runtime=self.runtime,
            images_seen=record.images_seen,
            best_images_seen=int(best),
            ended="finished" if record.done >= 1 else "patience",
            repeatable=not self.config.budget_minutes and not record.resumed,
            resumed=record.resumed,
            membership=membership,
        )


def _start(
    data: TrainingData, config: TrainConfig, start: Networks | None, checkpoint_folder: Path | None
) -> _Run:
    """Make a learner and choose the runtime, or take both from a checkpoint."""
    shard = this_shard()
    shard.check_batch(config.recipe.batch)
    network = config.network(data.images.shape[-1], data.classes, data.kinds, data.view)
    layouts = data.layouts if network.given or network.made else None
    draw = balanced_draw(
        data.images,
        data.labels,
        len(data.classes),
        config.recipe.batch,
        layouts,
        config.emphasis_of(data.classes),
    )
    checkpoints = None
    if checkpoint_folder is not None:
        key = fingerprint(
            data.images,
            data.labels,
            data.classes,
            config,
            layouts,
            data.kinds,
            start.sha256 if start else "",
        )
        checkpoints = Checkpoints(checkpoint_folder, key)
    learner = make_learner(network, config.recipe, config.seed)
    record = Record()
    state = checkpoints.load() if checkpoints else None
    if start is not None and state is None:
        begin_from(learner, start)
    if layouts is not None and state is None:
        # After networks that it may begin from, which have the layouts of their own data.
        learner.set_bank(layout_bank(layouts, data.labels, len(data.classes), data.mm))
    difference = ""
    if state is not None:
        runtime, record = Runtime(**state["runtime"]), Record(**state["record"])
        difference = runtime.differs(config.threads)
    if state is None or difference:
        trial_images, trial_labels, _ = draw(torch.Generator().manual_seed(config.seed))
        runtime = choose_runtime(
            learner,
            to_float(trial_images),
            trial_labels,
            precision=config.precision,
            memory_format=config.memory_format,
            threads=config.threads,
        )
        runtime = dataclasses.replace(shard.same(runtime), device=runtime.device)
    if state is not None and difference:
        _note_resumption(record, difference, state["runtime"], runtime)
    runtime.activate()
    learner.place(runtime)
    if state is not None:
        learner.restore(state["learner"])
    return _Run(config, draw, learner, runtime, shard, record, checkpoints)


def _note_resumption(record: Record, why: str, before: dict[str, Any], after: Runtime) -> None:
    """Warn and record that the rest of the run is not bit for bit that of an undisturbed run."""
    warnings.warn(
        f"going on after {record.images_seen} images, not bit for bit: {why}", stacklevel=2
    )
    seen, now = record.images_seen, dataclasses.asdict(after)
    record.resumed.append({"images_seen": seen, "why": why, "before": before, "after": now})


def _passed(before: float, after: float, times: float) -> bool:
    """Whether a share of the run reached or passed a multiple of 1 / times (up to rounding)."""
    return math.floor(after * times + 1e-9) > math.floor(before * times + 1e-9)
