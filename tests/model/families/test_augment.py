import numpy as np
import pytest
import torch

from model.families.adversarial_recipe import AdversarialRecipe
from model.families.augment import augment
from model.parallel import Draws, Shard

NOTHING = AdversarialRecipe(translate=0, scale=0, brightness=0, contrast=0, cutout=0)


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _draws(shard: Shard | None = None) -> Draws:
    return Draws(_rng(), shard or Shard(), torch.device("cpu"))


def _images(count: int = 64) -> torch.Tensor:
    return torch.rand(count, 1, 32, 32, generator=_rng()) * 2 - 1


def test_without_strength_nothing_happens() -> None:
    images = _images()
    assert augment(images, NOTHING, _draws()) is images


def test_the_centre_of_mass_moves_with_the_shift_and_sides_stay_sides() -> None:
    # A bright spot far to the left must never come out on the right: no flips.
    images = torch.full((256, 1, 32, 32), -1.0)
    images[:, :, 14:18, 4:8] = 1.0
    config = AdversarialRecipe(translate=0.125, scale=0.2, brightness=0, contrast=0, cutout=0)
    seen = augment(images, config, _draws()) + 1
    assert seen[..., :16].sum() > 0.999 * seen.sum()
    columns = (seen * torch.arange(32.0)).sum((1, 2, 3)) / seen.sum((1, 2, 3))
    assert columns.min() < 3
    assert columns.max() > 8


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 20, 44), (1.0, 64, 64)])
def test_a_share_of_the_images_keeps_its_very_pixels(share: float, least: int, most: int) -> None:
    images = _images()
    recipe = NOTHING.model_copy(update={"translate": 0.25, "scale": 0.3, "on_grid": share})
    seen = augment(images, recipe, _draws())
    kept = 0
    for before, after in zip(images.flatten(1), seen.flatten(1), strict=True):
        known = torch.cat([before, torch.tensor([-1.0])]).sort().values
        at = torch.searchsorted(known, after.contiguous()).clamp(1, len(known) - 1)
        nearest = torch.minimum((known[at] - after).abs(), (known[at - 1] - after).abs())
        # Random grey levels lie so close that a blurred pixel often meets one: all must.
        kept += int((nearest < 2e-6).all())
    assert least <= kept <= most


def test_what_moves_in_is_the_mirror_image_of_what_is_at_the_edge() -> None:
    config = NOTHING.model_copy(update={"translate": 0.25, "on_grid": 1.0})
    image = _images()[:1, :, :16, :16]
    seen = augment(image.expand(8, -1, -1, -1), config, _draws())
    mirrored = np.pad(image[0, 0].numpy(), 16, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, (16, 16)).reshape(-1, 16, 16)
    for one in seen[:, 0].numpy():
        assert np.abs(windows - one).max((1, 2)).min() < 1e-5
    assert len({one.numpy().tobytes() for one in seen}) > 1


def test_brightness_and_contrast_stay_within_their_strength() -> None:
    images = _images()
    bright = augment(images, NOTHING.model_copy(update={"brightness": 0.3}), _draws()) - images
    assert 0.2 < bright.abs().max() <= 0.3 + 1e-6
    assert bright.flatten(1).std(1).max() < 1e-6
    contrast = augment(images, NOTHING.model_copy(update={"contrast": 0.3}), _draws())
    ratio = contrast.flatten(1).std(1) / images.flatten(1).std(1)
    assert 0.7 - 1e-5 <= ratio.min() < 0.8
    assert 1.2 < ratio.max() <= 1.3 + 1e-5


def test_cutout_hides_one_square_in_mid_grey() -> None:
    seen = augment(torch.ones(64, 1, 32, 32), NOTHING.model_copy(update={"cutout": 0.5}), _draws())
    hidden = (seen == 0).flatten(1).sum(1)
    assert hidden.max() <= 16 * 16
    assert hidden.float().mean() > 100


def test_the_gradient_reaches_the_images() -> None:
    images = _images(4).requires_grad_()
    torch.autograd.backward(augment(images, AdversarialRecipe(), _draws()).sum())
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_flips_are_asked_for_and_are_whole() -> None:
    images = _images()
    assert torch.equal(
        augment(images, NOTHING.model_copy(update={"flip": 1.0}), _draws()), images.flip(3)
    )
    half = augment(images, NOTHING.model_copy(update={"flip": 0.5}), _draws())
    turned = (half == images.flip(3)).flatten(1).all(1)
    same = (half == images).flatten(1).all(1)
    assert (turned | same).all()
    assert turned.any()
    assert same.any()


@pytest.mark.parametrize("key", ["translate", "scale", "brightness", "contrast", "cutout"])
def test_every_strength_does_something(key: str) -> None:
    images = _images()
    assert not torch.equal(augment(images, NOTHING.model_copy(update={key: 0.2}), _draws()), images)


def test_two_processes_do_to_their_halves_what_one_does_to_the_whole() -> None:
    images, recipe = _images(), AdversarialRecipe(cutout=0.3)
    halves = [
        augment(half, recipe, _draws(Shard(rank, 2))) for rank, half in enumerate(images.chunk(2))
    ]
    torch.testing.assert_close(torch.cat(halves), augment(images, recipe, _draws()))
