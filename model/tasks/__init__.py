"""The tasks of generators, one folder each: what is given, what is made, and how it is scored.

A task is a package here with a `TASK` (task.py), read without torch. A task whose results have a
truth to be compared with has `work.py`, too, with the functions of `Work`.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..families import recipe_class
from ..network import NetworkConfig
from .task import Task

if TYPE_CHECKING:
    from ..families.base import Generator

__all__ = ["Task", "Work", "names", "task_named", "task_of", "work_of"]

Images = NDArray[np.uint8]


class Work(Protocol):
    """The module `work` of a task whose results have a truth."""

    def given(self, images: Images, network: NetworkConfig) -> Images:
        """What a generator is given, made of real images, uint8 [N, ..., h, w].

        Real images are uint8 [N, H, W], and [N, 2, H, W] for a task of two sources.
        """

    def make(self, generator: "Generator", given: Images, /) -> Images:
        """What a generator makes of it, uint8 [N, H, W]."""

    def rival(self, given: Images, network: NetworkConfig) -> Images:
        """What `Task.rival` makes of it."""

    def measure(
        self, made: Images, given: Images, truth: Images
    ) -> Mapping[str, NDArray[np.float64]]:
        """Each quality of the task, float64 [N]."""

    def example(self, side: int) -> Images:
        """Something of that side that can be given, computed; no patient's image."""


def names() -> tuple[str, ...]:
    """The names of all tasks, in alphabetical order."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg))


def task_named(name: str) -> Task:
    """The task of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in names():
        raise ValueError(f"unknown task {name!r}; known tasks: {', '.join(names())}")
    task: Task = import_module(f"{__name__}.{name}").TASK
    return task


def task_of(family: str) -> Task:
    """The task of a family's generators."""
    return task_named(recipe_class(family).task)


def work_of(task: Task) -> Work:
    """How a paired task is done and measured; imports torch.

    Raises:
        ValueError: the task is not paired.
    """
    if not task.paired:
        raise ValueError(f"what the task {task.name} makes has no truth to be compared with")
    return cast("Work", import_module(f"{__name__}.{task.name}.work"))
