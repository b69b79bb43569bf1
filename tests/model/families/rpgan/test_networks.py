import pytest
import torch

from model.config import TrainConfig
from model.families.critic import Discriminator
from model.families.rpgan.networks import Generator
from model.families.rpgan.recipe import Recipe
from model.network import NetworkConfig

CLASSES = ("cyst", "normal", "stone")


def _network(size: int) -> NetworkConfig:
    return TrainConfig(recipe=Recipe(widths=(16, 16, 8, 8), latent=8)).network(size, CLASSES)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_one_code_serves_every_size(size: int) -> None:
    network = _network(size)
    labels = torch.tensor([0, 2])
    images = Generator(network)(torch.randn(2, 8), labels)
    logits = Discriminator(network)(images, labels)
    assert images.shape == (2, 1, size, size)
    assert logits.shape == (2,)
    assert images.dtype == logits.dtype == torch.float32


def test_logits_are_float32_under_bfloat16_convolutions() -> None:
    network = _network(32)
    with torch.autocast("cpu", torch.bfloat16):
        images = Generator(network)(torch.randn(2, 8), torch.tensor([0, 1]))
        logits = Discriminator(network)(images, torch.tensor([0, 1]))
    assert images.dtype == logits.dtype == torch.float32


def test_the_class_reaches_both_players() -> None:
    torch.manual_seed(0)
    network = _network(32)
    z, labels, others = torch.randn(4, 8), torch.zeros(4).long(), torch.ones(4).long()
    generator, critic = Generator(network), Discriminator(network)
    images = generator(z, labels)
    assert not torch.allclose(images, generator(z, others))
    assert not torch.allclose(critic(images, labels), critic(images, others))


def _beyond_the_grid(generator: Generator) -> float:
    """Power of what alternates pixel by pixel, along either axis, as a share of all but the mean.

    A new generator's features are smooth at half the image's size, so that there is no reason for
    any but the way they are enlarged.
    """
    images = generator(torch.randn(16, 8), torch.zeros(16).long()).detach()[:, 0]
    power = torch.fft.fft2(images).abs().square().mean(0)
    power[0, 0] = 0
    return float((power[16].sum() + power[:, 16].sum()) / power.sum())


def test_a_smooth_head_starts_without_a_lattice_of_two_pixels() -> None:
    torch.manual_seed(0)
    network = _network(32)
    smooth = _beyond_the_grid(Generator(network))
    shuffled = _beyond_the_grid(Generator(network.model_copy(update={"head": "shuffle"})))
    assert smooth < 0.01
    assert shuffled > 10 * smooth


def test_signals_keep_their_size_at_the_start() -> None:
    torch.manual_seed(0)
    network = TrainConfig().network(64, CLASSES)
    images = Generator(network)(torch.randn(16, 64), torch.zeros(16).long())
    assert 0.1 < images.std() < 3


@pytest.mark.parametrize("size", [16, 48, 100])
def test_a_size_that_does_not_halve_down_to_4_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="image_size"):
        NetworkConfig(family="rpgan", image_size=size, classes=CLASSES, latent=8, widths=(8, 8))
