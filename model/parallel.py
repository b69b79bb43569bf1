"""Data parallel training: each process takes its share of every batch.

Every process makes the same draws from the same seed and keeps its own slice, so only gradients
are exchanged, and two processes compute what one does with the same batch, up to rounding. The
processes are started by `torchrun`; in a single process, this module does nothing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """The rank of this process and the number of processes."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0

    def take(self, everything: Tensor) -> Tensor:
        """This process's slice of a shared tensor: [N, ...] -> [N / world, ...]."""
        return everything if self.world == 1 else everything.chunk(self.world)[self.rank]

    def average_gradients(self, weights: Iterable[Tensor]) -> None:
        """Make each gradient the mean over the processes, in one message."""
        if self.world == 1:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over the processes, in every process."""
        if self.world > 1:
            dist.all_reduce(value)
            value = value / self.world
        return value

    def same(self, value: T) -> T:
        """The leader's value, in every process; for values that depend on clocks or files."""
        if self.world == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0)
        return held[0]

    def check_batch(self, batch: int) -> None:
        """Check that a batch can be divided among the processes in pairs.

        Raises:
            ValueError: it cannot.
        """
        if batch % (2 * self.world):
            raise ValueError(
                f"a batch of {batch} cannot be divided into pairs among {self.world} processes: "
                f"set recipe.batch to a multiple of {2 * self.world}"
            )


@dataclass(frozen=True)
class Draws:
    """Random numbers that do not depend on the number of processes.

    Every process draws the numbers of the whole batch on the CPU, and keeps its share on its
    device.
    """

    rng: torch.Generator
    shard: Shard
    device: torch.device

    def uniform(self, count: int, *shape: int) -> Tensor:
        """In [0, 1): float32 [count, *shape], where `count` is this process's share."""
        return self._share(torch.rand(count * self.shard.world, *shape, generator=self.rng))

    def signed(self, count: int, *shape: int) -> Tensor:
        """In [-1, 1): float32 [count, *shape]."""
        return self.uniform(count, *shape) * 2 - 1

    def normal(self, count: int, *shape: int) -> Tensor:
        """Standard normal: float32 [count, *shape]."""
        return self._share(torch.randn(count * self.shard.world, *shape, generator=self.rng))

    def _share(self, everything: Tensor) -> Tensor:
        return moved(self.shard.take(everything), self.device)


def moved(values: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on a device; neither waits for the other.

    A GPU copies from pinned memory while the CPU goes on. From other memory, the CPU would wait
    until the GPU has done all that it was told before.
    """
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


def this_shard() -> Shard:
    """The shard that `joined` set up, or that of a single process."""
    if dist.is_available() and dist.is_initialized():
        return Shard(dist.get_rank(), dist.get_world_size())
    return Shard()


@contextmanager
def joined() -> Iterator[Shard]:
    """Join the processes that torchrun started (nccl on GPUs, gloo elsewhere), and leave them."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Shard()
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield this_shard()
    finally:
        dist.destroy_process_group()
