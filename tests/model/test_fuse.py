"""That fusing is right at its edges: rules, registration, shapes, and the frame of a network."""

import numpy as np
import pytest
import torch

from model.drawing import to_float
from model.families import make_generator, make_learner
from model.families.base import Batch, Report, Step
from model.families.fuse_difference import losses
from model.families.fusing import FusingLearner, laplacian, sobel
from model.network import NetworkConfig
from model.parallel import Shard
from model.runtime import Runtime
from model.sampling import enlarge, fuse, sample
from model.tasks import task_of, work_of
from model.tasks.fuse.registered import registration, require_registered
from model.tasks.fuse.rivals import RIVALS
from model.training import fit
from model.validation import make_paired_judge
from tests.model.families.test_families import config_of

CLASSES = ("a", "b")
NETWORK = config_of("fuse_difference").network(64, CLASSES)
WORK = work_of(task_of("fuse_difference"))
DISCS = WORK.example(64)


def test_rules_lie_between_the_sources_or_take_their_detail() -> None:
    a, b = DISCS[:, 0].astype(int), DISCS[:, 1].astype(int)
    assert np.abs(RIVALS["average"](DISCS) - (a + b) / 2).max() <= 0.5
    assert np.array_equal(RIVALS["maximum"](DISCS), np.maximum(a, b))
    assert np.array_equal(RIVALS["pyramid"](DISCS[:, [0, 0]]), DISCS[:, 0])
    bright, dark = RIVALS["pyramid"](DISCS)[0, 32, [20, 43]]  # the hole of a, and that of b
    assert bright > 200
    assert dark < 70


def test_an_untrained_fuser_is_the_average_and_keeps_its_pair_of_any_batch() -> None:
    generator = make_generator(NETWORK)
    made = fuse(generator, DISCS)
    assert np.array_equal(made, RIVALS["average"](DISCS))
    assert np.array_equal(fuse(generator, DISCS[1:]), made[1:])


def test_no_pixel_is_brighter_or_darker_than_both_sources() -> None:
    generator = make_generator(NETWORK)
    with torch.no_grad():
        for weights in generator.parameters():
            weights.add_(torch.randn(weights.shape, generator=torch.Generator().manual_seed(3)))
    made = fuse(generator, DISCS).astype(int)
    assert (made >= DISCS.min(1)).all()
    assert (made <= DISCS.max(1)).all()
    assert np.abs(made - RIVALS["average"](DISCS)).max() > 10


@pytest.mark.parametrize("down", [-5, 0, 3])
def test_the_shift_between_two_images_is_found(down: int) -> None:
    a, b = DISCS[0]
    found = registration(a, np.roll(b, down, 0))
    assert (found.down, found.right) == (-down, 0)
    assert found.holds is (down == 0)
    inverted = registration(a, 255 - b)  # another modality
    assert inverted.holds


def test_large_images_are_compared_smaller_and_measured_in_their_own_pixels() -> None:
    a, b = WORK.example(256)[0]
    found = registration(a, np.roll(b, 6, 1))
    assert (found.down, found.right, found.step) == (0, -6, 2)
    assert not found.holds


def test_an_unregistered_pair_is_refused_by_its_name() -> None:
    moved = np.stack([DISCS[1, 0], np.roll(DISCS[1, 1], 4, 1)])
    pairs = np.stack([DISCS[0], moved])
    with pytest.raises(ValueError, match=r"pair knee-7 are not registered.* 0 px down and -4 px"):
        require_registered(pairs, ["knee-6", "knee-7"])
    with pytest.raises(ValueError, match="pair 1 are not"):
        fuse(make_generator(NETWORK), pairs)
    assert fuse(make_generator(NETWORK), pairs, check=False).shape == (2, 64, 64)
    flat = np.zeros((1, 2, 64, 64), np.uint8)
    assert fuse(make_generator(NETWORK), flat).max() == 0, "an empty slice is no reason to refuse"
    with pytest.raises(ValueError, match="are not registered"):
        require_registered(np.stack([[flat[0, 0], DISCS[0, 1]]]))
    noise = np.random.default_rng(0).integers(0, 256, (1, 2, 64, 64)).astype(np.uint8)
    with pytest.raises(ValueError, match="are not registered"):
        require_registered(noise)


@pytest.mark.parametrize("family", ["fuse_difference", "fuse_two_critics"])
def test_losses_are_in_float32_whatever_the_precision(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variance is a difference of nearly equal numbers, of which bfloat16 leaves nothing."""
    config = config_of(family)
    learner = make_learner(config.network(64, CLASSES), config.recipe, 0)
    assert isinstance(learner, FusingLearner)
    seen = list[bool]()

    def loss(made: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor, Report]:
        seen.append(torch.is_autocast_enabled("cpu"))
        return made.mean(), {}

    monkeypatch.setattr(learner, "loss", loss)
    batch = Batch(to_float(torch.from_numpy(DISCS)), torch.zeros(len(DISCS), dtype=torch.int64))
    half = Runtime("cpu", "bfloat16", True, 1, "", "", {})
    learner.step(batch, Step(0, 0, 0.0), half, Shard())
    assert seen == [False]


def test_what_cannot_be_fused_is_refused() -> None:
    generator = make_generator(NETWORK)
    with pytest.raises(ValueError, match=r"give uint8 \[N, 2, H, H\]"):
        fuse(generator, DISCS[:, 0])
    with pytest.raises(ValueError, match="fuses images and draws none"):
        sample(generator, ["a"], 0)
    with pytest.raises(ValueError, match="enlarges no images"):
        enlarge(generator, DISCS[:, 0])
    with pytest.raises(ValueError, match="give it images"):
        generator(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64))
    drawing = NetworkConfig(
        family="vae", image_size=32, classes=CLASSES, latent=2, widths=(8, 8, 8)
    )
    with pytest.raises(ValueError, match="fuses no images"):
        fuse(make_generator(drawing), DISCS)


def test_derivatives_are_those_of_a_ramp() -> None:
    ramp = torch.arange(6.0).expand(1, 2, 6, 6)
    across, down = sobel(ramp).unbind(2)
    assert torch.allclose(across[..., 1:-1], torch.ones(4))
    assert torch.allclose(down, torch.zeros(1))
    assert torch.allclose(laplacian(ramp)[..., 1:-1], torch.zeros(4))


def test_losses_are_least_for_an_image_of_two_like_it() -> None:
    one = torch.rand(2, 1, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    both = one.expand(-1, 2, -1, -1)
    for loss in (losses.intensity, losses.stronger_gradient, losses.structure):
        assert float(loss(one, both)) == pytest.approx(0, abs=1e-5)
        assert float(loss(one * 0.5, both)) > 0.01
    # The nearest two bins share a pixel, so that even an image does not tell all of itself.
    assert 0 < float(losses.information(one, both)) < float(losses.information(one.flip(2), both))


def test_information_has_a_gradient() -> None:
    given = torch.rand(1, 2, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    made = given.mean(1, keepdim=True).requires_grad_()
    torch.autograd.backward(losses.information(made, given))
    assert made.grad is not None
    assert made.grad.isfinite().all()
    assert made.grad.abs().max() > 0


@pytest.mark.parametrize("family", ["fuse_difference", "fuse_two_critics"])
def test_fit_takes_pairs_and_its_judge_scores_them(family: str) -> None:
    pairs = np.concatenate([WORK.example(32)] * 4)
    labels, groups = np.arange(8) % 2, np.array(["p", "q"] * 4)
    config = config_of(family).model_copy(
        update={"kimg": 0.08, "precision": "float32", "threads": 1, "snapshots": 1}
    )
    judge = make_paired_judge(task_of(family), config.network(32, CLASSES), pairs, groups)
    result = fit(pairs, labels, CLASSES, config, judge=judge, held_out=(pairs, labels))
    assert 0 < result.validations[-1]["score"] < 1
    assert result.membership["train"].shape == (8,)
    assert next(iter(result.grids.values())).shape == (2 * 32, 2 * 32)
    with pytest.raises(ValueError, match=r"not uint8 \[N, 2, size, size\]"):
        fit(pairs[:, 0], labels, CLASSES, config)
    with pytest.raises(ValueError, match=r"not uint8 \[N, size, size\]"):
        fit(pairs, labels, CLASSES, config_of("vae"))


@pytest.mark.parametrize("grey", [-1.0, -0.2003, 0.5, 1.0])
def test_flat_images_tell_all_of_one_another_and_nothing_of_others(grey: float) -> None:
    flat = torch.full((1, 1, 24, 24), grey, requires_grad=True)
    loss = losses.information(flat, flat.detach().expand(-1, 2, -1, -1))
    torch.autograd.backward(loss)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-5)
    assert flat.grad is not None
    assert not flat.grad.any()
    rng = torch.Generator().manual_seed(0)
    near = (flat.detach() + 1e-3 * torch.randn(1, 1, 24, 24, generator=rng)).requires_grad_()
    textured = torch.rand(1, 2, 24, 24, generator=rng) * 2 - 1
    for given in (textured, flat.detach().expand(-1, 2, -1, -1)):
        near.grad = None
        loss = losses.information(near, given)
        torch.autograd.backward(loss)
        assert 0 <= float(loss.detach()) <= 2
        assert near.grad is not None
        assert near.grad.isfinite().all()
        assert near.grad.abs().max() < 20
    assert float(losses.information(flat.detach(), textured)) == pytest.approx(2, abs=0.1)
