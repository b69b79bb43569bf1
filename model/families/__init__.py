"""The families of generators, one folder each; new folders are found automatically.

A family is a package here with three modules:

    recipe.py    `Recipe`, its settings. Without torch: the CLI loads it in milliseconds.
    networks.py  `Generator(NetworkConfig)`: (z, labels) -> images.
    learner.py   `Learner(NetworkConfig, Recipe, seed)`: the training step (base.py).
"""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from ..network import NetworkConfig
from .recipe import Recipe

if TYPE_CHECKING:
    from .base import Generator, Learner


def names() -> tuple[str, ...]:
    """The names of all families, in alphabetical order."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg))


def recipe_class(family: str) -> type[Recipe]:
    """The class of a family's settings."""
    kind: type[Recipe] = import_module(f"{__name__}.{family}.recipe").Recipe
    return kind


def make_generator(network: NetworkConfig) -> "Generator":
    """A generator with weights drawn from torch's global random state.

    Raises:
        ValueError: the family is not one of `names()`.
    """
    if network.family not in names():
        raise ValueError(f"unknown family {network.family!r}; known families: {', '.join(names())}")
    generator: Generator = import_module(f"{__name__}.{network.family}.networks").Generator(network)
    return generator


def make_learner(network: NetworkConfig, recipe: Recipe, seed: int) -> "Learner":
    """A learner initialised by the seed alone; torch's global random state does not change."""
    import torch

    kind = import_module(f"{__name__}.{network.family}.learner").Learner
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        learner: Learner = kind(network, recipe, seed)
    return learner
