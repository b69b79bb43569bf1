import math

import pytest
import torch
from torch import Tensor

from model.families.adversarial_losses import (
    difference_penalty,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    mode_seeking_loss,
)


def test_losses_equal_numbers_worked_by_hand() -> None:
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 0.0])
    of_d = [math.log(1 + math.exp(-2)), math.log(2)]
    of_g = [math.log(1 + math.exp(2)), math.log(2)]
    assert discriminator_loss(real, fake).tolist() == pytest.approx(of_d)
    assert generator_loss(real, fake).tolist() == pytest.approx(of_g)


def test_a_quotient_of_gradients_turns_the_one_loss_into_the_other() -> None:
    real = torch.tensor([1.0, -2.0, 0.5])
    fake = torch.tensor([0.3, 1.0, -4.0], requires_grad=True)
    (of_d,) = torch.autograd.grad(discriminator_loss(real, fake).sum(), fake)
    (of_g,) = torch.autograd.grad(generator_loss(real, fake).sum(), fake)
    torch.testing.assert_close(of_g, of_d * -torch.exp(real - fake.detach()))


def test_the_penalty_of_a_linear_critic_is_the_square_of_its_weights() -> None:
    weight = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)

    def critic(images: Tensor, labels: Tensor) -> Tensor:
        return (images * weight).sum((1, 2, 3)) + labels

    penalty = gradient_penalty(critic, torch.randn(3, 1, 8, 8), torch.arange(3))
    torch.testing.assert_close(penalty, weight.square().sum().expand(3))
    (slope,) = torch.autograd.grad(penalty.mean(), weight)
    torch.testing.assert_close(slope, 2 * weight)


def test_the_penalty_of_a_quadratic_critic_is_summed_over_pixels_not_averaged() -> None:
    images = torch.full((1, 1, 4, 4), 3.0)

    def critic(images: Tensor, labels: Tensor) -> Tensor:
        return images.square().sum((1, 2, 3)) / 2 + 0 * labels

    penalty = gradient_penalty(critic, images.requires_grad_(), torch.zeros(1))
    assert penalty.tolist() == [16 * 9.0]


def test_the_difference_is_about_the_gradient_for_a_small_step() -> None:
    weight = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0))

    def critic(images: Tensor, labels: Tensor) -> Tensor:
        return (images * weight).sum((1, 2, 3)) + labels

    images, labels = torch.zeros(4000, 1, 8, 8), torch.zeros(4000)
    noise = 0.01 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    estimated = difference_penalty(critic, images, labels, critic(images, labels), noise)
    exact = gradient_penalty(critic, images[:1], labels[:1])
    assert estimated.mean().item() == pytest.approx(exact.item(), rel=0.1)


def test_mode_seeking_is_large_for_equal_images_and_counts_pairs_of_one_class_only() -> None:
    z = torch.tensor([[0.0], [2.0], [0.0], [1.0]])
    images = torch.zeros(4, 1, 4, 4)
    images[1] = 0.5
    # Pair 0, 1: latents 2 apart, images 0.5 apart. Pair 2, 3: images equal, 1 / epsilon.
    first = 2 / (0.5 + 0.01 * 2)
    same = torch.tensor([0, 0, 1, 1])
    assert mode_seeking_loss(images, z, same).item() == pytest.approx((first + 100) / 2)
    assert mode_seeking_loss(images, z, torch.tensor([0, 0, 1, 2])).item() == pytest.approx(first)
    assert mode_seeking_loss(images, z, torch.tensor([0, 1, 1, 2])).item() == 0


def test_mode_seeking_pushes_the_images_of_a_pair_apart() -> None:
    images = torch.tensor([0.1, 0.3]).view(2, 1, 1, 1).requires_grad_()
    loss = mode_seeking_loss(images, torch.tensor([[0.0], [1.0]]), torch.tensor([0, 0]))
    (slope,) = torch.autograd.grad(loss, images)
    assert slope[0] > 0 > slope[1]
