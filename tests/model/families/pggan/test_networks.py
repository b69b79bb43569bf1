"""Networks that grow: fading, pairs, maps that are not known, and what is saved."""

import pytest
import torch

from model.families.pggan.networks import Critic, Generator, deviation, seen
from model.network import NetworkConfig
from model.parallel import Shard

KINDS = ("cyst", "stone")


def config(made: tuple[str, ...] = KINDS) -> NetworkConfig:
    return NetworkConfig(
        family="pggan", image_size=32, classes=("a", "b"), latent=8, widths=(12, 8, 8), made=made
    )


@pytest.fixture(name="generator")
def _generator() -> Generator:
    torch.manual_seed(0)
    return Generator(config())


def latents(count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.randn(count, 8, generator=torch.Generator().manual_seed(1))
    return z, torch.arange(count) // 2 % 2


def test_it_draws_at_full_size_at_any_growth(generator: Generator) -> None:
    z, labels = latents()
    for growth, side in ((0.0, 8), (0.4, 16), (1.0, 16), (1.7, 32), (2.0, 32)):
        generator.grow(growth)
        assert generator.channels(z, labels).shape == (4, 3, side, side)
        drawn = generator(z, labels)
        assert drawn.shape == (4, 3, 32, 32)
        assert drawn[:, 1:].min() >= 0
        assert drawn[:, 1:].max() <= 1
        squares = drawn.unfold(2, 32 // side, 32 // side).unfold(3, 32 // side, 32 // side)
        assert torch.equal(squares.amin((4, 5)), squares.amax((4, 5)))


def test_a_new_stage_changes_nothing_at_first(generator: Generator) -> None:
    z, labels = latents()
    generator.grow(1.0)
    before = generator(z, labels)
    generator.grow(1.0 + 1e-6)
    torch.testing.assert_close(generator(z, labels), before, rtol=1e-4, atol=1e-4)


def test_the_growth_is_saved_with_the_weights(generator: Generator) -> None:
    generator.grow(1.3)
    other = Generator(config())
    other.load_state_dict(generator.state_dict())
    assert other.grown == generator.grown == float(generator.growth)
    assert torch.equal(other(*latents()), generator(*latents()))


def test_weights_are_drawn_alike_and_images_neither_vanish_nor_saturate(
    generator: Generator,
) -> None:
    z, labels = latents(64)
    generator.grow(2.0)
    assert 0.2 < float(generator.channels(z, labels).detach().std()) < 0.9
    for name, weight in generator.named_parameters():
        if name.endswith("weight") and weight.numel() > 500:
            assert float(weight.detach().std()) == pytest.approx(1.0, abs=0.1), name


def test_the_critic_sees_how_much_a_pair_of_one_class_differs() -> None:
    x = torch.zeros(4, 2, 4, 4)
    x[1] = 2.0
    torch.testing.assert_close(deviation(x), torch.tensor([1.0, 1.0, 0.0, 0.0]), atol=1e-3, rtol=0)


def test_the_critic_fades_and_judges_an_image_alone_where_it_is_asked_to() -> None:
    torch.manual_seed(0)
    critic = Critic(config())
    images, labels = torch.rand(4, 3, 16, 16), torch.tensor([0, 0, 1, 1])
    logits = critic(images, labels, 0.5)
    assert logits.shape == (4,)
    changed = images.clone()
    changed[1] += 1
    assert critic(changed, labels, 0.5)[0] != logits[0]
    assert torch.equal(critic(changed, labels, 0.5)[2:], logits[2:])
    critic.note(images, 0.5, Shard(), 0)
    assert critic.usual > 0
    alone = critic.alone(images[:3], labels[:3], 0.5)
    torch.testing.assert_close(critic.alone(changed[:1], labels[:1], 0.5), alone[:1])


def test_the_usual_deviation_is_not_drawn_towards_the_zero_that_it_starts_at() -> None:
    torch.manual_seed(0)
    critic = Critic(config())
    batches = [torch.rand(4, 3, 16, 16) * scale for scale in (1, 2, 3)]
    alone = []
    for images in batches:
        critic.note(images, 1.0, Shard(), 0)
        alone.append(float(critic.usual))
    assert alone[0] < alone[1] < alone[2]
    for before, images in enumerate(batches):
        critic.note(images, 1.0, Shard(), before)
        assert float(critic.usual) == pytest.approx(sum(alone[: before + 1]) / (before + 1))
    critic.note(batches[0], 1.0, Shard(), 500)
    assert float(critic.usual) == pytest.approx(0.9 * sum(alone) / 3 + 0.1 * alone[0])


def test_what_is_not_known_is_neither_a_finding_nor_none() -> None:
    images, given = torch.zeros(2, 1, 32, 32), torch.zeros(2, 3, 32, 32)
    given[0, 1, 4:8, 4:8] = 1.0
    given[0, 2] = 1.0
    channels = seen(images, given, 2, 2.0)
    assert set(channels[0, 1].flatten().tolist()) == {-1.0}
    assert set(channels[0, 2].flatten().tolist()) == {-1.0, 1.0}
    assert set(channels[1, 1:].flatten().tolist()) == {0.0}
    assert torch.equal(seen(images, None, 2, 2.0)[:, 1:], torch.zeros(2, 2, 32, 32))
    assert seen(images, None, 0, 2.0).shape == (2, 1, 32, 32)
