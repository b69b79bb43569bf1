"""Choose the fastest precision and memory format, measured once at the start of a training.

On a CPU, bfloat16 is twice as fast as float32 or sixteen times slower, depending on chip and
version (pytorch#183815), and some convolutions were wrong (pytorch#169688). So it is measured,
checked against float32, and recorded. A training resumed on the same kind of machine keeps the
choice; on another machine it is measured again, and recorded too.
"""

import os
import platform
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

AGREEMENT = 0.98
"""Least cosine similarity of a candidate's gradient with float32's (bfloat16 gives 0.999)."""
WORTH_IT = 1.15
"""Least speed-up over float32 to choose a candidate: less is noise, and float32 is safer."""
ROUNDS = 5
"""Timings of each candidate, in turn; the best counts, which reduces the effect of other work."""


class Measurable(Protocol):
    """The part of a learner that is timed."""

    def networks(self) -> dict[str, nn.Module]:
        """Every network that computes."""
        ...

    def trial(self, images: Tensor, labels: Tensor) -> Tensor:
        """A loss that is typical of a step."""
        ...


@dataclass(frozen=True)
class Runtime:
    """How a training computes; part of its checkpoint and its record.

    Attributes:
        device: cpu or cuda:N.
        precision: of the convolutions, float32 or bfloat16.
        channels_last: memory format of the convolutions.
        threads: torch's.
        processor: name of the CPU or the GPU.
        torch: version.
        speed: of each candidate that agreed with float32, as a multiple of float32 channels
            last; empty when the config gave the precision.
    """

    device: str
    precision: str
    channels_last: bool
    threads: int
    processor: str
    torch: str
    speed: dict[str, float]

    def autocast(self) -> AbstractContextManager[object]:
        """Convolutions in the chosen precision; losses and logits stay in float32."""
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16")

    def place(self, network: nn.Module) -> None:
        """Move a network to the device and the memory format, in place."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        network.to(self.device).to(memory_format=layout)

    def activate(self) -> None:
        """Set torch's threads (results are bit-identical only for the same number), and TF32."""
        torch.set_num_threads(self.threads)
        torch.set_float32_matmul_precision("high")  # GPUs only; CPUs ignore it

    def differs(self, threads: int) -> str:
        """Why this machine cannot resume such a training bit for bit; "" if it can.

        Args:
            threads: the config's number of torch threads; 0: every core allowed.
        """
        device = default_device()
        now = {
            "device": torch.device(device).type,
            "processor": processor_name(device),
            "threads": str(threads or cores()),
            "torch": str(torch.__version__),
        }
        then = {
            "device": torch.device(self.device).type,
            "processor": self.processor,
            "threads": str(self.threads),
            "torch": self.torch,
        }
        return "; ".join(
            f"{key} was {then[key]} and is {now[key]}" for key in now if now[key] != then[key]
        )


def choose_runtime(
    learner: Measurable,
    images: Tensor,
    labels: Tensor,
    *,
    precision: str = "auto",
    memory_format: str = "auto",
    threads: int = 0,
) -> Runtime:
    """Take the fastest precision and memory format that agree with float32 on this learner.

    With `precision: auto` the choice depends on timings, so two machines, or one near the margin,
    may choose differently. A named precision makes a run repeatable.

    Args:
        learner: its networks are moved to the device; their weights do not change.
        images: float32 [N, 1, H, W], a training batch.
        labels: int64 [N].
        precision: auto, or one to use with `memory_format` without measuring.
        memory_format: auto, channels_last or contiguous.
        threads: of torch; 0: every core allowed.
    """
    device, threads = default_device(), threads or cores()
    torch.set_num_threads(threads)
    channels_last, speed = memory_format != "contiguous", dict[str, float]()
    if precision == "auto":
        precision, channels_last, speed = _fastest(device, threads, learner, images, labels)
    return _runtime(device, precision, channels_last, threads, speed)


def _runtime(
    device: str, precision: str, channels_last: bool, threads: int, speed: dict[str, float]
) -> Runtime:
    processor, version = processor_name(device), str(torch.__version__)
    return Runtime(device, precision, channels_last, threads, processor, version, speed)


def _fastest(
    device: str, threads: int, learner: Measurable, images: Tensor, labels: Tensor
) -> tuple[str, bool, dict[str, float]]:
    def measure(precision: str, channels_last: bool) -> tuple[Tensor, float]:
        candidate = _runtime(device, precision, channels_last, threads, {})
        return _measure(candidate, learner, images, labels)

    safe = ("float32", True)
    ways = (safe, ("bfloat16", True), ("bfloat16", False), ("float32", False))
    gradients = {way: measure(*way)[0] for way in ways}
    rounds = [{way: measure(*way)[1] for way in ways} for _ in range(ROUNDS)]
    seconds = {way: min(found[way] for found in rounds) for way in ways}
    speed = {
        way: seconds[safe] / seconds[way]
        for way in ways
        if way == safe
        or torch.cosine_similarity(gradients[way], gradients[safe], dim=0) >= AGREEMENT
    }
    best = max(speed, key=speed.__getitem__)
    chosen = best if speed[best] >= WORTH_IT else safe
    return *chosen, {_name(*way): round(ratio, 2) for way, ratio in speed.items()}


def _name(precision: str, channels_last: bool) -> str:
    return f"{precision} {'channels_last' if channels_last else 'contiguous'}"


def _measure(
    candidate: Runtime, learner: Measurable, images: Tensor, labels: Tensor
) -> tuple[Tensor, float]:
    """The trial's gradient, flat, and the time of a forward and backward pass, in seconds."""
    networks = list(learner.networks().values())
    weights = [weight for network in networks for weight in network.parameters()]
    for network in networks:
        candidate.place(network)
    images, labels = images.to(candidate.device), labels.to(candidate.device)
    for _ in range(2):  # the first pass also selects and packs kernels
        for weight in weights:
            weight.grad = None
        started = time.perf_counter()
        with candidate.autocast():
            loss = learner.trial(images, labels)
        torch.autograd.backward(loss)
        if candidate.device != "cpu":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
    gradients = [weight.grad.flatten() for weight in weights if weight.grad is not None]
    for weight in weights:
        weight.grad = None
    return torch.cat(gradients), seconds


def default_device() -> str:
    """The GPU that torchrun assigned to this process, else the first GPU, else the CPU."""
    if torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"
    return "cpu"


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name(device: str) -> str:
    """The name of the GPU, or of the CPU by the kernel or the platform."""
    if device != "cpu":
        return str(torch.cuda.get_device_name(device))
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
