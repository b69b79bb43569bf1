import pytest
import torch

from model.config import NetworkConfig, TrainConfig
from model.families.rpgan.networks import Discriminator, Generator
from model.families.rpgan.recipe import Recipe

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


def test_generated_images_start_without_a_checkerboard() -> None:
    head = Generator(_network(32)).head
    assert torch.equal(head.weight[:1].expand_as(head.weight), head.weight)


def test_even_phases_turn_flat_features_into_a_flat_image_and_keep_the_rest_free() -> None:
    torch.manual_seed(0)
    generator = Generator(_network(32))
    head = generator.head
    torch.nn.init.normal_(head.weight)
    assert head.bias is not None
    torch.nn.init.normal_(head.bias)
    before = head.weight.clone()
    generator.even_phases()
    flat = torch.nn.functional.pixel_shuffle(head(torch.ones(1, head.in_channels, 8, 8)), 2)
    inside = flat[..., 4:-4, 4:-4]
    assert inside.std() < 1e-5 * flat.std()
    # A projection: it changes a kernel by a constant only, and doing it twice is doing it once.
    change = head.weight - before
    assert (change - change.mean((2, 3), keepdim=True)).abs().max() < 1e-6
    again = head.weight.clone()
    generator.even_phases()
    torch.testing.assert_close(head.weight, again)


def test_what_alternates_along_both_axes_does_not_leave_the_generator() -> None:
    torch.manual_seed(0)
    generator = Generator(_network(32))
    torch.nn.init.normal_(generator.head.weight)  # phases as different as can be
    images = generator(torch.randn(8, 8), torch.zeros(8).long()).detach()
    power = torch.fft.fft2(images[:, 0]).abs().square().mean(0)
    assert power[16, 16] < 1e-2 * power[16, 0]
    assert power[15, 15] < 2e-2 * power[15, 0]


def test_signals_keep_their_size_at_the_start() -> None:
    torch.manual_seed(0)
    network = TrainConfig().network(64, CLASSES)
    images = Generator(network)(torch.randn(16, 64), torch.zeros(16).long())
    assert 0.1 < images.std() < 3


@pytest.mark.parametrize("size", [16, 48, 100])
def test_a_size_that_does_not_halve_down_to_4_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="image_size"):
        NetworkConfig(family="rpgan", image_size=size, classes=CLASSES, latent=8, widths=(8, 8))
