"""Modulation, the mean of W, truncation there, and directions."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model.config import TrainConfig
from model.families import make_generator, make_learner, recipe_class
from model.families.base import Batch, Step
from model.families.residual import GAIN, SLOPE
from model.families.style.learner import Learner
from model.families.style.networks import Generator, ModulatedConv, ModulatedSum
from model.network import NetworkConfig
from model.parallel import Shard
from model.runtime import Runtime

CLASSES = ("cyst", "normal", "stone")
RUNTIME = Runtime("cpu", "float32", True, 1, "", "", {})


def _config(size: int = 32, kinds: tuple[str, ...] = ()) -> NetworkConfig:
    recipe = recipe_class("style")().model_copy(update={"latent": 8, "widths": (12, 8, 8)})
    return TrainConfig(family="style", recipe=recipe).network(size, CLASSES, kinds)


def _generator(size: int = 32, kinds: tuple[str, ...] = ()) -> Generator:
    torch.manual_seed(0)
    generator = make_generator(_config(size, kinds))
    assert isinstance(generator, Generator)
    generator.means.copy_(torch.randn(generator.means.shape))
    return generator.eval().requires_grad_(requires_grad=False)


def _weights(layer: ModulatedConv | ModulatedSum, w: Tensor, *, demodulated: bool) -> Tensor:
    """Eq. 1 and 3 of StyleGAN2 as they are written, one set of weights an image."""
    kernel = layer.weight if demodulated else layer.weight[None, :, None, None]
    weights: Tensor = kernel[None] * layer.style(w)[:, None, :, None, None]
    if demodulated:
        weights = weights / (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    return weights


def test_scaled_activations_are_scaled_weights() -> None:
    torch.manual_seed(0)
    conv, x, w = ModulatedConv(8, 5, 6), torch.randn(3, 5, 7, 7), torch.randn(3, 8)
    torch.nn.init.normal_(conv.bias)
    kernels = _weights(conv, w, demodulated=True)
    plain = torch.cat([F.conv2d(a[None], k, padding=1) for a, k in zip(x, kernels, strict=True)])
    wanted = F.leaky_relu(GAIN * plain + conv.bias[:, None, None], SLOPE)
    torch.testing.assert_close(conv(x, w), wanted, rtol=1e-4, atol=1e-5)


def test_the_share_of_an_image_is_a_scaled_convolution_of_one_pixel() -> None:
    torch.manual_seed(0)
    layer, x, w = ModulatedSum(8, 5), torch.randn(3, 5, 7, 7), torch.randn(3, 8)
    kernels = _weights(layer, w, demodulated=False)
    plain = torch.cat([F.conv2d(a[None], k) for a, k in zip(x, kernels, strict=True)])
    torch.testing.assert_close(layer(x, w), plain + layer.bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [32, 64])
def test_signals_keep_their_size_at_the_start(size: int) -> None:
    generator = make_generator(_config(size, ("stone",)))
    images = generator(torch.randn(16, 8), torch.arange(16) % 3).detach()
    assert images.shape == (16, 1, size, size)
    assert 0.1 < images.std() < 0.8


def test_the_class_is_heard_through_w_alone() -> None:
    generator, z = _generator(), torch.randn(2, 8)
    one, other = torch.tensor([0, 0]), torch.tensor([2, 2])
    assert not torch.allclose(generator(z, one), generator(z, other))
    shift = generator.mapping(z, other) - generator.mapping(z, one)
    edited = generator.render(z, one, shift=shift)
    torch.testing.assert_close(edited, generator(z, other), rtol=1e-4, atol=1e-5)


def test_truncation_goes_towards_the_mean_style_of_the_class() -> None:
    generator, z, classes = _generator(), torch.randn(4, 8), torch.tensor([0, 1, 1, 2])
    assert torch.equal(generator.render(z, classes), generator(z, classes))
    none = generator.render(z, classes, truncation=0.0)
    assert torch.equal(none, generator.synthesis(generator.means[classes]))
    w, mean = generator.mapping(z, classes), generator.means[classes]
    half = generator.render(z, classes, truncation=0.5)
    torch.testing.assert_close(half, generator.synthesis((w + mean) / 2), rtol=1e-4, atol=1e-5)
    mixed = torch.tensor([[0.5, 0.5, 0.0]])
    torch.testing.assert_close(generator.mean_of(mixed)[0], generator.means[:2].mean(0))


def test_layouts_and_noise_are_heard() -> None:
    generator, z, classes = _generator(kinds=("stone",)), torch.randn(2, 8), torch.tensor([0, 1])
    given = torch.zeros(2, 2, 32, 32)
    bare = generator(z, classes, given)
    assert torch.equal(bare, generator(z, classes))  # None: it is told nothing
    given[:, :, 8:12, 8:12] = 1
    assert not torch.allclose(bare, generator(z, classes, given))
    noisy = make_generator(_config().model_copy(update={"noise": True})).eval()
    assert isinstance(noisy, Generator)
    assert noisy.grain is not None
    torch.nn.init.ones_(noisy.grain)
    images = [noisy(z, classes, None, noise) for noise in (None, torch.randn(2, 1, 32, 32))]
    assert not torch.allclose(*images)


def test_the_mean_of_w_is_followed_and_kept_by_the_average() -> None:
    recipe = recipe_class("style")().model_copy(update={"latent": 8, "widths": (12, 8, 8)})
    config = TrainConfig(family="style", recipe=recipe)
    learner = make_learner(config.network(32, CLASSES), config.recipe, 0)
    assert isinstance(learner, Learner)
    images, labels = torch.rand(8, 1, 32, 32) * 2 - 1, torch.arange(8) // 2 % 3
    for index in range(12):
        learner.step(Batch(images, labels), Step(index, 8 * index, 0.0), RUNTIME, Shard())
    z = torch.randn(4000, 8, generator=torch.Generator().manual_seed(1))
    for number in range(3):
        w = learner.average.mapping(z, torch.full((4000,), number))
        apart = (learner.average.means[number] - w.mean(0)).norm()
        assert apart < 0.3 * (w - w.mean(0)).norm(dim=1).mean()
    assert torch.equal(learner.average.means, learner.generator.means)
