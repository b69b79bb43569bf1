"""What holds for every family, whichever there are."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from model.config import TrainConfig
from model.families import make_generator, make_learner, names, recipe_class
from model.families.base import Batch, ClassEmbedding, Generator, Learner, Step
from model.families.given import PatchLearner
from model.families.recipe import Recipe
from model.layout_bank import LayoutBank
from model.network import NetworkConfig
from model.parallel import Shard
from model.progress import copy_of
from model.runtime import Runtime, choose_runtime
from model.sampling import build_generator, made_layouts, sample
from model.tasks import task_of

KINDS = ("cyst", "stone")
MOMENTS = (0.05, 0.3, 0.9)
"""Shares of the run: a family that grows begins, is within a fade, and has grown."""
RUNTIME = Runtime("cpu", "float32", True, 1, "", "", {})
SMALL = {"latent": 8, "widths": (12, 8, 8), "batch": 8}
SMALL_ENLARGER = {"widths": (8,), "blocks": 1, "patch": 8, "batch": 8, "critic_width": 4}
SMALL_FUSER = {"widths": (8,), "blocks": 1, "patch": 16, "batch": 8}
GIVEN = [name for name in names() if task_of(name).paired]
DRAWING = [name for name in names() if task_of(name).name == "draw"]


def config_of(family: str, seed: int = 0) -> TrainConfig:
    """A config of a family with tiny networks."""
    small = {"draw": SMALL, "enlarge": SMALL_ENLARGER, "fuse": SMALL_FUSER}[task_of(family).name]
    recipe = recipe_class(family)().model_copy(update=small)
    return TrainConfig(family=family, seed=seed, recipe=recipe)


def _images(family: str, count: int) -> Tensor:
    """Random images, with as many sources as the family's task has."""
    rng = torch.Generator().manual_seed(2)
    return torch.rand(count, task_of(family).sources, 32, 32, generator=rng) * 2 - 1


def _learner(family: str, seed: int = 0, kinds: tuple[str, ...] = ()) -> Learner:
    config = config_of(family, seed)
    return make_learner(config.network(32, ("a", "b"), kinds), config.recipe, config.seed)


def _step(learner: Learner, index: int = 0, done: float = 0.5) -> dict[str, float]:
    images, rng = _images(learner.average.config.family, 8), torch.Generator().manual_seed(3)
    labels = torch.arange(2).repeat_interleave(2).repeat(2)
    config, given = learner.average.config, None
    if config.given or config.made:
        maps = (torch.rand(8, len(KINDS), 32, 32, generator=rng) > 0.9).float()
        given = torch.cat([maps, torch.ones(8, 1, 32, 32)], 1)
    batch = Batch(images, labels, given)
    report = learner.step(batch, Step(index, 8 * index, done), RUNTIME, Shard())
    assert not any(value.requires_grad for value in report.values() if isinstance(value, Tensor))
    return {key: float(value) for key, value in report.items()}


def _bank() -> LayoutBank:
    """One or two cysts in images of a, a stone in those of b, round the middle."""
    bank = LayoutBank(2, len(KINDS))
    bank.counts[0, 0, 1:3] = 0.5
    bank.counts[0, 1, 0] = bank.counts[1, 0, 0] = bank.counts[1, 1, 1] = 1.0
    bank.sizes[:] = torch.tensor([math.log(0.15), 0.2, 0.1, 0.25])
    bank.places[:, 16:48, 16:48] = 1 / 32**2
    return bank


def test_the_bank_of_these_tests_draws_findings() -> None:
    drawn = _bank().draw(torch.eye(2), 32, 0).maps.any((2, 3))
    assert drawn.tolist() == [[True, False], [False, True]]


def test_the_families_are_found_by_their_folders() -> None:
    assert {"dcgan", "pggan", "rpgan", "vae"} <= set(names())
    assert list(names()) == sorted(names())


@pytest.mark.parametrize("family", names())
def test_a_step_changes_the_generator_and_reports_losses(family: str) -> None:
    learner = _learner(family)
    before = copy.deepcopy(learner.average.state_dict())
    report = _step(learner)
    assert any(key.startswith("loss") for key in report)
    assert all(torch.tensor(value).isfinite() for value in report.values())
    after = learner.average.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("kinds", [(), KINDS], ids=["plain", "findings"])
@pytest.mark.parametrize("done", MOMENTS)
@pytest.mark.parametrize("family", names())
def test_a_learner_goes_on_from_its_state(family: str, done: float, kinds: tuple[str, ...]) -> None:
    # New layouts are drawn by the seed of the config, which is the same for who goes on.
    seed = 0 if kinds else 1
    one, two = _learner(family, kinds=kinds), _learner(family, seed=seed, kinds=kinds)
    if kinds:
        for learner in (one, two):
            learner.set_bank(_bank())
    _step(one, 0, done)
    two.restore(copy.deepcopy(one.state()))
    assert _step(one, 1, done) == _step(two, 1, done)
    for name, value in one.average.state_dict().items():
        assert torch.equal(value, two.average.state_dict()[name]), name


@pytest.mark.parametrize("family", names())
def test_the_trial_is_a_loss_and_changes_nothing(family: str) -> None:
    learner = _learner(family)
    before = copy.deepcopy(learner.state())
    loss = learner.trial(torch.zeros_like(_images(family, 4)), torch.tensor([0, 0, 1, 1]))
    assert loss.ndim == 0
    assert loss.requires_grad
    torch.autograd.backward(loss)
    after = learner.state()
    for part in learner.networks():
        for name, value in before[part].items():
            assert torch.equal(value, after[part][name]), (part, name)


@pytest.mark.parametrize("family", GIVEN)
def test_the_trials_gradient_reaches_every_convolution(family: str) -> None:
    """Also at the start, when the last layer is zero: `choose_runtime` compares this gradient."""
    learner = _learner(family)
    assert isinstance(learner, PatchLearner)
    assert not learner.generator.last.weight.any()
    torch.autograd.backward(learner.trial(_images(family, 4), torch.tensor([0, 0, 1, 1])))
    weights = {name: w for name, w in learner.generator.named_parameters() if w.ndim == 4}
    assert [n for n, w in weights.items() if w.grad is None or not w.grad.any()] == []


@pytest.mark.parametrize("family", names())
def test_familiarity_is_of_each_image_alone_and_changes_nothing(family: str) -> None:
    learner = _learner(family)
    for index in range(3):
        _step(learner, index)
    if isinstance(learner, PatchLearner):  # three steps leave it near the zero that it starts at
        rng = torch.Generator().manual_seed(4)
        torch.nn.init.normal_(learner.average.last.weight, std=0.3, generator=rng)
    images = _images(family, 24)  # the images that were learned from, and others
    labels = torch.arange(2).repeat_interleave(2).repeat(6)
    before = copy.deepcopy(learner.state())
    with torch.no_grad():
        scores = learner.familiarity(images, labels)
        alone = learner.familiarity(images[3:4], labels[3:4])
    assert scores.shape == (24,)
    assert scores.isfinite().all()
    torch.testing.assert_close(scores[3:4], alone, rtol=1e-4, atol=1e-5)
    after = learner.state()
    for part in learner.networks():
        for name, value in before[part].items():
            assert torch.equal(value, after[part][name]), (part, name)


@pytest.mark.parametrize("done", MOMENTS)
@pytest.mark.parametrize("family", DRAWING)
def test_the_average_draws_at_full_size_at_any_moment_as_it_does_once_saved(
    family: str, done: float
) -> None:
    learner = _learner(family)
    _step(learner, 0, done)
    average = learner.average
    drawn = sample(average, ["a", "b"], 3)
    assert drawn.shape == (2, 32, 32)
    again = build_generator(average.config, copy_of(average))
    assert np.array_equal(sample(again, ["a", "b"], 3), drawn)


@pytest.mark.parametrize("family", DRAWING)
def test_what_a_family_takes_and_makes_is_in_its_config(family: str) -> None:
    """Kinds of findings are given, made, or neither; the network's channels are as it says."""
    recipe, network = recipe_class(family), config_of(family).network(32, ("a", "b"), KINDS)
    assert network.given == (KINDS if recipe.takes_layouts else ())
    assert network.made == (KINDS if recipe.makes_findings else ())
    assert not (network.given and network.made)
    learner = _learner(family, kinds=KINDS)
    learner.set_bank(_bank())
    _step(learner)
    average = learner.average.eval()
    with torch.no_grad():
        channels = average(torch.randn(2, 8), torch.tensor([0, 1]))
    assert channels.shape == (2, 1 + len(average.config.made), 32, 32)
    assert sample(average, ["a"], 0).shape == (1, 32, 32)
    if network.made:
        made = made_layouts(average, ["a", "b"], 0)
        assert made.maps.shape == (2, len(KINDS), 32, 32)
        assert made.told.all()
    else:
        with pytest.raises(ValueError, match="makes no maps"):
            made_layouts(average, ["a"], 0)


@pytest.mark.parametrize("family", names())
def test_a_runtime_can_be_chosen_by_every_family(family: str) -> None:
    threads = torch.get_num_threads()
    images, labels = _images(family, 8), torch.arange(8) % 2
    runtime = choose_runtime(_learner(family), images, labels, threads=1)
    torch.set_num_threads(threads)
    assert runtime.speed["float32 channels_last"] == 1.0


@pytest.mark.parametrize("family", DRAWING)
def test_generators_are_of_the_one_kind(family: str) -> None:
    network = config_of(family).network(32, ("a", "b"))
    generator = make_generator(network).eval()
    assert isinstance(generator, Generator)
    assert generator.config == network
    z = torch.randn(3, 8)
    by_index = generator(z, torch.tensor([0, 1, 1]))
    by_weight = generator(z, torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    assert by_index.shape == (3, 1, 32, 32)
    assert torch.equal(by_index, by_weight)


@pytest.mark.parametrize("family", names())
def test_the_start_is_a_function_of_the_seed_and_leaves_torchs_own_state_alone(family: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = _learner(family), _learner(family), _learner(family, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    weights = [learner.average.state_dict() for learner in (first, again, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert any(not torch.equal(value, weights[2][name]) for name, value in weights[0].items())


def test_a_mixture_of_classes_lies_between_them() -> None:
    embedding = ClassEmbedding(3, 4)
    mixed = embedding(torch.tensor([[0.5, 0.0, 0.5]]))
    torch.testing.assert_close(mixed[0], (embedding.weight[0] + embedding.weight[2]) / 2)


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    known = ", ".join(names())
    with pytest.raises(ValueError, match=rf"ganny.*{known}|is not one of {known}"):
        TrainConfig(family="ganny")
    network = NetworkConfig(
        family="ganny", image_size=32, classes=("a",), latent=8, widths=(8, 8, 8)
    )
    with pytest.raises(ValueError, match=known):
        make_generator(network)


def test_a_recipe_is_its_familys() -> None:
    assert isinstance(TrainConfig(family="vae").recipe, recipe_class("vae"))
    with pytest.raises(ValueError, match="not a recipe of vae"):
        TrainConfig(family="vae", recipe=recipe_class("rpgan")())
    with pytest.raises(ValueError, match="gamma"):
        TrainConfig.model_validate({"family": "vae", "recipe": {"gamma": 1.0}})
    assert issubclass(recipe_class("dcgan"), Recipe)
