"""The grids of samples that a training keeps, always of the same latents."""

import numpy as np
import torch
from torch import Tensor

from .families.base import Generator
from .sampling import sample
from .tasks import Work, task_of, work_of

GRID_COLUMNS = 8


def sample_grid(generator: Generator, seed: int) -> Tensor:
    """What a generator makes, as one picture.

    Returns:
        uint8 [classes * H, GRID_COLUMNS * W], one row per class. Of a generator that is given
        images: computed examples, made by the task's rival left and by the generator right.
    """
    task = task_of(generator.config.family)
    if task.paired:
        return _paired_grid(generator, work_of(task))
    size, classes = generator.config.image_size, generator.config.classes
    labels = [name for name in classes for _ in range(GRID_COLUMNS)]
    images = sample(generator, labels, seed).reshape(len(classes), GRID_COLUMNS, size, size)
    return torch.from_numpy(images.swapaxes(1, 2).reshape(len(classes) * size, -1).copy())


def _paired_grid(generator: Generator, work: Work) -> Tensor:
    """Computed examples, as no patient's image belongs here."""
    network = generator.config
    given = work.example(network.image_size // network.factor)
    sides = work.rival(given, network), work.make(generator, given)
    return torch.from_numpy(np.concatenate([np.concatenate(list(side)) for side in sides], axis=1))
