"""Whether a device computes what the CPU computes: gradients, samples, a resumed training."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from bench.gpu.plan import Plan
from model.config import TrainConfig
from model.data import balanced_draw
from model.drawing import to_float
from model.families import make_learner
from model.families.base import Batch, Learner, Step
from model.layout_statistics import layout_bank
from model.parallel import Shard, moved
from model.progress import Stopped
from model.runtime import AGREEMENT, Runtime
from model.sampling import draw_layouts, sample
from model.section import Stored
from model.training import TrainResult, fit
from pipeline.data.processed import Processed

EXACT, AS_TRAINED = "float32, TF32 off", "float32"
LEAST_COSINE = {EXACT: 0.9999, AS_TRAINED: 0.999, "bfloat16": AGREEMENT}
"""Least cosine similarity of a gradient with that of the CPU in float32."""
MOST_PIXELS = 0.01
"""Largest share of pixels of the same draw that may differ by more than one grey level."""

_SAMPLES = 8


class Gradient(Stored):
    """The gradient of one network's loss in a first step, beside the CPU's in float32.

    Attributes:
        network: generator or critic.
        precision: a key of `LEAST_COSINE`.
        cosine: similarity of the whole gradient.
        error: length of the difference, as a share of the CPU's gradient.
        worst: the lowest cosine of a single tensor, and its name.
    """

    network: str
    precision: str
    cosine: float
    error: float
    worst: float
    worst_tensor: str

    @property
    def fine(self) -> bool:
        """Whether both gradients point the same way."""
        return self.cosine >= LEAST_COSINE[self.precision]


class Samples(Stored):
    """The same images drawn on CPU and device.

    Attributes:
        equal: share of pixels that are the same.
        near: share of pixels that differ by one grey level at most.
        largest: difference of a pixel, in grey levels.
        repeatable: the device draws the same bytes again.
    """

    equal: float
    near: float
    largest: int
    repeatable: bool

    @property
    def fine(self) -> bool:
        """Whether nobody would see a difference."""
        return self.near >= 1 - MOST_PIXELS


class Resumed(Stored):
    """A training that was interrupted, beside one that was not.

    Attributes:
        difference: length of the difference of all weights, as a share of the weights.
        by_chance: the same of two trainings without an interruption; 0 where a device repeats its
            sums in one order.
        images_seen: by the resumed one, and by that without an interruption.
    """

    difference: float
    by_chance: float
    images_seen: tuple[int, int]

    @property
    def fine(self) -> bool:
        """Whether the interruption changes no more than chance does, up to a factor of 3."""
        return self.difference <= 3 * self.by_chance and len(set(self.images_seen)) == 1


def gradients(data: Processed, plan: Plan, device: str) -> list[Gradient]:
    """Of D's and G's loss in the first step, with R1 + R2, layouts, noise and augmentation.

    All weights, images and random numbers are the same. The learning rate begins at nearly 0, so
    that G's gradient is against the same D.
    """
    reference = _first_step(data, plan, "cpu", AS_TRAINED)
    found = []
    for precision in LEAST_COSINE:
        here = _first_step(data, plan, device, precision)
        for network, theirs in reference.items():
            found.append(_compared(network, precision, here[network], theirs))
    return found


def same_samples(data: Processed, plan: Plan, device: str) -> Samples:
    """Draw the same images on the CPU and, twice, on the device."""
    learner = _learner(data, plan.config())
    generator = learner.average.eval()
    names = [data.classes[index % len(data.classes)] for index in range(_SAMPLES)]
    layouts = draw_layouts(generator, names, 0)
    ours = sample(generator, names, 0, layouts=layouts)
    generator.to(device)
    theirs, again = (sample(generator, names, 0, layouts=layouts) for _ in range(2))
    apart = np.abs(ours.astype(int) - theirs)
    return Samples(
        equal=float((apart == 0).mean()),
        near=float((apart <= 1).mean()),
        largest=int(apart.max()),
        repeatable=bool((theirs == again).all()),
    )


def resumed(data: Processed, plan: Plan) -> Resumed:
    """Train for a few steps whole, twice, and once with an interruption after a third."""
    config = plan.config(
        kimg=plan.resume_kimg,
        checkpoint_kimg=plan.resume_kimg / 3,
        snapshots=1,
        validation_images=0,
        precision="float32",
    )
    whole, again = (_trained(data, config) for _ in range(2))
    with TemporaryDirectory() as place:
        folder = Path(place)
        with suppress(Stopped):
            _trained(data, config, folder, interrupt=True)
        continued = _trained(data, config, folder)
    return Resumed(
        difference=_apart(whole, continued),
        by_chance=_apart(whole, again),
        images_seen=(continued.images_seen, whole.images_seen),
    )


def _learner(data: Processed, config: TrainConfig) -> Learner:
    train = data.train
    network = config.network(train.images.shape[1], data.classes, data.kinds, data.view)
    learner = make_learner(network, config.recipe, config.seed)
    if train.layouts is not None:
        learner.set_bank(layout_bank(train.layouts, train.labels, len(data.classes)))
    return learner


def _first_step(
    data: Processed, plan: Plan, device: str, precision: str
) -> dict[str, dict[str, Tensor]]:
    """The gradients of each network by name of the weight, float64 on the CPU."""
    config, train = plan.config(), data.train
    learner = _learner(data, config)
    kind = "bfloat16" if precision == "bfloat16" else "float32"
    runtime = Runtime(device, kind, True, torch.get_num_threads(), "", "", {})
    learner.place(runtime)
    draw = balanced_draw(
        train.images, train.labels, len(data.classes), config.recipe.batch, train.layouts
    )
    images, labels, given = draw(learner.rng)
    there = torch.device(device)
    batch = Batch(
        to_float(moved(images, there)),
        moved(labels, there),
        None if given is None else moved(given, there),
    )
    with _tensor_cores(on=precision != EXACT):
        learner.step(batch, Step(0, 0, 0.0), runtime, Shard())
    networks = learner.networks()
    return {
        name: {
            weight: value.grad.double().cpu()
            for weight, value in networks[name].named_parameters()
            if value.grad is not None
        }
        for name in ("generator", "critic")
    }


@contextmanager
def _tensor_cores(*, on: bool) -> Iterator[None]:
    """Whether a GPU may round float32 to TF32, as in a training; a CPU does not."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def _compared(
    network: str, precision: str, ours: dict[str, Tensor], theirs: dict[str, Tensor]
) -> Gradient:
    one, other = (torch.cat([part.flatten() for part in side.values()]) for side in (ours, theirs))
    by_tensor = {
        name: _cosine(ours[name].flatten(), value.flatten())
        for name, value in theirs.items()
        if value.any()
    }
    worst = min(by_tensor, key=by_tensor.__getitem__)
    return Gradient(
        network=network,
        precision=precision,
        cosine=_cosine(one, other),
        error=float((one - other).norm() / other.norm()),
        worst=by_tensor[worst],
        worst_tensor=worst,
    )


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.cosine_similarity(one, other, dim=0))


def _trained(
    data: Processed, config: TrainConfig, folder: Path | None = None, *, interrupt: bool = False
) -> TrainResult:
    def stop() -> bool:
        return interrupt and folder is not None and any(folder.glob("checkpoint-*.pt"))

    train = data.train
    return fit(
        train.images,
        train.labels,
        data.classes,
        config,
        kinds=data.kinds,
        layouts=train.layouts,
        checkpoint_folder=folder,
        should_stop=stop,
    )


def _apart(one: TrainResult, other: TrainResult) -> float:
    ours, theirs = (
        torch.cat([side.networks[name].double().flatten() for name in sorted(side.networks)])
        for side in (one, other)
    )
    return float((ours - theirs).norm() / ours.norm())
