"""Images a second of the whole training step, by size, batch and precision."""

import time
from collections.abc import Callable, Iterator
from itertools import product
from statistics import median

import torch

from bench.gpu.plan import Plan, made_data
from model.data import balanced_draw
from model.drawing import to_float
from model.families import make_learner
from model.families.base import Batch, Step
from model.parallel import Draws, Shard, moved
from model.runtime import Runtime
from model.section import Stored
from pipeline.data.processed import Processed


class Speed(Stored):
    """The speed of one setting.

    Attributes:
        side, batch, precision: of the training.
        images_per_second: median over the windows; None: not enough memory.
        slowest, fastest: window.
        noise_ms: the CPU's time to draw the noise of a step, which no GPU shortens.
        gigabytes: of the device's memory at most; None for a CPU.
    """

    side: int
    batch: int
    precision: str
    images_per_second: float | None = None
    slowest: float | None = None
    fastest: float | None = None
    noise_ms: float | None = None
    gigabytes: float | None = None


def speeds(plan: Plan, device: str, time_left: Callable[[], bool]) -> Iterator[Speed]:
    """Measure one setting after the other, as long as there is time.

    Args:
        plan: the settings.
        device: cpu or cuda:N.
        time_left: whether the next one may begin.
    """
    for side, batch, precision in product(plan.sides, plan.batches, plan.precisions):
        if not time_left():
            return
        try:
            yield _speed(plan, made_data(side), device, batch, precision)
        except torch.OutOfMemoryError:
            yield Speed(side=side, batch=batch, precision=precision)
        if device != "cpu":
            torch.cuda.empty_cache()


def _speed(plan: Plan, data: Processed, device: str, batch: int, precision: str) -> Speed:
    side = data.train.images.shape[1]
    step = _stepper(plan, data, device, batch, precision)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(plan.warm_up):
        step()
    found = []
    for _ in range(plan.windows):
        started = _now(device)
        for _ in range(plan.steps):
            step()
        found.append(batch * plan.steps / (_now(device) - started))
    return Speed(
        side=side,
        batch=batch,
        precision=precision,
        images_per_second=median(found),
        slowest=min(found),
        fastest=max(found),
        noise_ms=_noise_ms(batch, side),
        gigabytes=None if device == "cpu" else torch.cuda.max_memory_allocated() / 2**30,
    )


def _stepper(
    plan: Plan, data: Processed, device: str, batch: int, precision: str
) -> Callable[[], None]:
    """One step with its batch, as `model.training.fit` takes it."""
    config, train = plan.config(batch=batch), data.train
    network = config.network(train.images.shape[1], data.classes, data.kinds)
    learner = make_learner(network, config.recipe, config.seed)
    runtime = Runtime(device, precision, True, torch.get_num_threads(), "", "", {})
    learner.place(runtime)
    draw = balanced_draw(train.images, train.labels, len(data.classes), batch, train.layouts)
    there, shard, steps = torch.device(device), Shard(), 0

    def step() -> None:
        nonlocal steps
        images, labels, given = draw(learner.rng)
        shown = Batch(
            to_float(moved(images, there)),
            moved(labels, there),
            None if given is None else moved(given, there),
        )
        learner.step(shown, Step(steps, steps * batch, 0.0), runtime, shard)
        steps += 1

    return step


def _now(device: str) -> float:
    """The clock, when the device has done all that it was told."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def _noise_ms(batch: int, side: int) -> float:
    draws = Draws(torch.Generator().manual_seed(0), Shard(), torch.device("cpu"))
    started = time.perf_counter()
    for _ in range(2):  # fakes for D, and for G
        draws.normal(batch, 1, side, side)
    return 1000 * (time.perf_counter() - started)
