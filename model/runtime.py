"""How this machine computes a step fastest, measured once at the start of a training.

bfloat16 on a CPU is twice as fast as float32 or sixteen times slower, by chip and by version
(pytorch#183815), and some convolutions were wrong (pytorch#169688): so it is measured, checked
against float32, and recorded. A resumed training keeps what the first start chose.
"""

import copy
import os
import platform
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .config import TrainConfig
from .losses import discriminator_loss
from .networks import Discriminator

AGREEMENT = 0.98
"""Least cosine between a candidate's gradient and that of float32 (bfloat16 gives 0.999)."""
WORTH_IT = 1.15
"""How many times as fast as float32 a candidate must be: less is noise, and float32 is safer."""
REPEATS = 3


@dataclass(frozen=True)
class Runtime:
    """What a training ran with: part of its checkpoint and of its record.

    Attributes:
        precision: of the convolutions, float32 or bfloat16.
        channels_last: memory format of the convolutions.
        threads: torch's.
        cpu: name of the processor.
        torch: version.
        speed: of each candidate that agreed with float32, as a multiple of float32 channels
            last; empty when the config gave the precision.
    """

    precision: str
    channels_last: bool
    threads: int
    cpu: str
    torch: str
    speed: dict[str, float]

    def autocast(self) -> AbstractContextManager[object]:
        """Convolutions in the chosen precision; losses and logits stay in float32."""
        return _autocast(self.precision)

    def place(self, network: nn.Module) -> None:
        """Lay the weights of a network out in the chosen memory format, in place."""
        _place(network, self.channels_last)

    def activate(self) -> None:
        """Set torch's threads; results are bit-identical for the same number only."""
        torch.set_num_threads(self.threads)


def choose_runtime(
    config: TrainConfig, critic: Discriminator, images: Tensor, labels: Tensor
) -> Runtime:
    """Take the fastest precision and memory format that agree with float32 on this D.

    With `precision: auto` the choice hangs on clocks: two machines, or one machine near the
    margin, may choose differently. Naming the precision makes a run repeatable without reserve.

    Args:
        config: `precision` other than auto, and `threads` other than 0, are taken as given.
        critic: a discriminator; its weights are left alone.
        images: float32 [N, 1, H, W], a batch as training uses it.
        labels: int64 [N].
    """
    threads = config.threads or cores()
    torch.set_num_threads(threads)
    chosen: tuple[str, bool, dict[str, float]] = (config.precision, True, {})
    if config.precision == "auto":
        chosen = _fastest(critic, images, labels)
    return Runtime(*chosen[:2], threads, cpu_name(), str(torch.__version__), chosen[2])


def _fastest(
    critic: Discriminator, images: Tensor, labels: Tensor
) -> tuple[str, bool, dict[str, float]]:
    safe = ("float32", True)
    reference, baseline = _measure(*safe, critic, images, labels)
    speed = {safe: 1.0}
    for candidate in (("bfloat16", True), ("bfloat16", False), ("float32", False)):
        gradient, seconds = _measure(*candidate, critic, images, labels)
        if torch.cosine_similarity(gradient, reference, dim=0) >= AGREEMENT:
            speed[candidate] = baseline / seconds
    best = max(speed, key=speed.__getitem__)
    chosen = best if speed[best] >= WORTH_IT else safe
    return *chosen, {_name(*way): round(ratio, 2) for way, ratio in speed.items()}


def _name(precision: str, channels_last: bool) -> str:
    return f"{precision} {'channels_last' if channels_last else 'contiguous'}"


def _measure(
    precision: str, channels_last: bool, critic: Discriminator, images: Tensor, labels: Tensor
) -> tuple[Tensor, float]:
    """D's gradient, flat, and the best time of a forward and backward pass, in seconds."""
    critic = copy.deepcopy(critic)
    _place(critic, channels_last)
    best = float("inf")
    for _ in range(1 + REPEATS):  # the first run also chooses and packs kernels
        critic.zero_grad()
        started = time.perf_counter()
        with _autocast(precision):
            logits = critic(images, labels)
        torch.autograd.backward(discriminator_loss(*logits.chunk(2)).mean())
        best = min(best, time.perf_counter() - started)
    gradients = [p.grad.flatten() for p in critic.parameters() if p.grad is not None]
    return torch.cat(gradients), best


def _autocast(precision: str) -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")


def _place(network: nn.Module, channels_last: bool) -> None:
    if channels_last:
        network.to(memory_format=torch.channels_last)


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """The processor's name, as the kernel or the platform tells it."""
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
