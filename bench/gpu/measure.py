"""All that is measured on one device, as a record and as text."""

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from bench.gpu.checks import (
    Gradient,
    Resumed,
    Samples,
    gradients,
    resumed,
    same_samples,
)
from bench.gpu.minutes import Training, train_for
from bench.gpu.plan import PLANS, Plan, made_data
from bench.gpu.speed import Speed, speeds
from model.runtime import cores, default_device, processor_name
from model.section import Stored
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed

RESULT_FILE = "gpu.json"
CPU_NOTE = "This was a CPU: it shows that the measurement works, and claims nothing about GPUs."

_LEAST_MINUTES = 0.05  # of training
_SPARE_MINUTES = 0.15  # for what comes after the training


class GpuBench(Stored):
    """The outcome of `measure`.

    Attributes:
        device: cpu or cuda:N.
        note: what must not be concluded; "" for a GPU.
        environment: versions and hardware, by name.
        gradients, samples, resumed: checks against the CPU.
        speeds: by size, batch and precision; fewer than planned if time ran out.
        speeds_left_out: settings for which there was no time.
        training: the rest of the time.
        minutes: in all.
    """

    device: str
    note: str
    environment: dict[str, str]
    gradients: tuple[Gradient, ...]
    samples: Samples
    resumed: Resumed
    speeds: tuple[Speed, ...]
    speeds_left_out: int
    training: Training
    minutes: float

    @property
    def fine(self) -> bool:
        """Whether the device computes what the CPU computes."""
        checks: tuple[Gradient | Samples | Resumed, ...] = (
            *self.gradients,
            self.samples,
            self.resumed,
        )
        return all(check.fine for check in checks)


def measure(
    device: str,
    minutes: float,
    out: Path,
    *,
    data: Path | None = None,
    batch: int = 8,
    plan: Plan | None = None,
    tell: Callable[[str], None] = print,
) -> GpuBench:
    """Check a device against the CPU, time it, and train on it for the rest of the minutes.

    Args:
        device: cpu, or cuda for the first GPU.
        minutes: of all. What is not done by then is left out, but for the checks.
        out: folder for the record and the weights of each minute.
        data: folder of arrays that preprocess wrote, to train on; None: made images.
        batch: real images a step of that training.
        plan: None: that of the device.
        tell: called with a line now and then.

    Raises:
        BadInputError: there is no such device, or the data cannot be read or is not annotated.
    """
    started = time.monotonic()
    there = _device(device)
    plan = plan or PLANS[device]
    arrays = None if data is None else _annotated(data)
    tell(f"{there}: checks against the CPU")
    checked = arrays or made_data(plan.check_side)
    of_gradients = gradients(checked, plan, there)
    of_samples, of_resumption = same_samples(checked, plan, there), resumed(checked, plan)
    rows = []
    for row in speeds(plan, there, lambda: time.monotonic() - started < plan.share * 60 * minutes):
        rows.append(row)
        tell(_speed_line(row))
    left = minutes - (time.monotonic() - started) / 60 - _SPARE_MINUTES
    tell(f"training for {max(left, _LEAST_MINUTES):.1f} minutes")
    to_learn = arrays or made_data(plan.train_side)
    training = train_for(to_learn, plan, max(left, _LEAST_MINUTES), out, batch)
    found = GpuBench(
        device=there,
        note=CPU_NOTE if there == "cpu" else "",
        environment=_environment(there),
        gradients=tuple(of_gradients),
        samples=of_samples,
        resumed=of_resumption,
        speeds=tuple(rows),
        speeds_left_out=len(plan.sides) * len(plan.batches) * len(plan.precisions) - len(rows),
        training=training,
        minutes=(time.monotonic() - started) / 60,
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / RESULT_FILE).write_text(found.model_dump_json(indent=1) + "\n")
    return found


def _device(device: str) -> str:
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # or a training would take the GPU
    elif not torch.cuda.is_available():
        raise BadInputError("torch sees no GPU; give --device cpu to see what is measured")
    return default_device()


def _annotated(folder: Path) -> Processed:
    try:
        data = Processed.load(folder)
    except (FileNotFoundError, ValueError) as error:
        raise BadInputError(f"cannot read the arrays of {folder}: {error}") from error
    if not data.kinds:
        raise BadInputError(
            f"no image of {folder} is annotated, and what is measured takes layouts; give arrays "
            "of annotated images, or leave --data out"
        )
    return data


def _environment(device: str) -> dict[str, str]:
    facts = {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "cpu": processor_name("cpu"),
        "cores": str(cores()),
        "threads": str(torch.get_num_threads()),
    }
    if device != "cpu":
        found = torch.cuda.get_device_properties(device)
        facts |= {
            "gpu": found.name,
            "memory": f"{found.total_memory / 2**30:.1f} GiB",
            "capability": f"{found.major}.{found.minor}",
            "multiprocessors": str(found.multi_processor_count),
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
        }
    return facts


def as_text(found: GpuBench) -> str:
    """The record as lines of at most 80 columns, without the losses."""
    return "\n".join(_lines(found))


def _lines(found: GpuBench) -> Iterator[str]:
    if found.note:
        yield found.note
    for name, value in found.environment.items():
        yield f"{name:<16}{value}"
    yield ""
    yield "gradients beside the CPU's in float32"
    for one in found.gradients:
        yield (
            f"  {one.network:<10}{one.precision:<19}cosine {one.cosine:.6f}  error {one.error:.1e}"
            f"{_verdict(fine=one.fine)}"
        )
    samples, again = found.samples, found.resumed
    yield (
        f"same samples    {samples.equal:.2%} of pixels equal, {samples.near:.2%} within 1, most "
        f"{samples.largest}{_verdict(fine=samples.fine)}"
    )
    yield f"drawn twice     {'the same bytes' if samples.repeatable else 'other bytes'}"
    yield (
        f"resumed         weights differ by {again.difference:.1e}, by chance "
        f"{again.by_chance:.1e}{_verdict(fine=again.fine)}"
    )
    yield ""
    yield "images a second (median, slowest to fastest window), noise drawn by the CPU"
    yield from map(_speed_line, found.speeds)
    if found.speeds_left_out:
        yield f"  no time for {found.speeds_left_out} more"
    yield ""
    training = found.training
    yield (
        f"trained {training.minutes:.1f} min at {training.side} px, batch {training.batch}, "
        f"{training.precision}: {training.images_seen} images"
    )
    yield f"  {training.images_per_second:.0f} a second; weights of {len(training.kept)} moments"


def _speed_line(one: Speed) -> str:
    setting = f"  {one.side:>3} px  batch {one.batch:>2}  {one.precision:<9}"
    if one.images_per_second is None:
        return f"{setting}  not enough memory"
    line = f"{setting}{one.images_per_second:>8.0f} ({one.slowest:.0f} to {one.fastest:.0f})"
    memory = "" if one.gigabytes is None else f"  {one.gigabytes:.1f} GiB"
    return f"{line}  noise {one.noise_ms:.1f} ms{memory}"


def _verdict(*, fine: bool) -> str:
    return "" if fine else "  NOT FINE"
