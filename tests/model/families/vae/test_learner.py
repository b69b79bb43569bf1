"""The VAE learns pictures that are mostly black, as CT slices are."""

import torch

from model.config import TrainConfig
from model.families import make_learner, recipe_class
from model.families.base import Batch, Step
from model.parallel import Shard
from model.runtime import Runtime

RUNTIME = Runtime("cpu", "float32", True, 1, "", "", {})
STEPS, BATCH = 100, 8


def test_dark_pictures_do_not_turn_it_black_for_good() -> None:
    torch.manual_seed(0)
    config = TrainConfig(family="vae", recipe=recipe_class("vae")())
    learner = make_learner(config.network(32, ("a", "b")), config.recipe, config.seed)
    labels = torch.arange(2).repeat(BATCH // 2)
    rows, columns = torch.meshgrid(*[torch.linspace(-1, 1, 32)] * 2, indexing="ij")
    rng = torch.Generator().manual_seed(1)
    for index in range(STEPS):
        radius = 0.3 + 0.3 * torch.rand(BATCH, 1, 1, 1, generator=rng)
        body = (rows**2 + columns**2)[None, None] < radius**2
        images = torch.where(body, -0.2, -1.0)
        progress = Step(index, BATCH * index, index / STEPS)
        learner.step(Batch(images, labels), progress, RUNTIME, Shard())
    noise = torch.randn(16, config.recipe.latent, generator=rng)
    made = learner.average(noise, torch.arange(2).repeat(8))
    assert made[:, 0, 16, 16].mean() > -0.6, "the body is there"
    assert made[:, 0, :4, :4].mean() < -0.8, "and black around it"
