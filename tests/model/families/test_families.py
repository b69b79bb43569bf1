"""What holds for every family, whichever there are."""

import copy

import pytest
import torch
from torch import Tensor

from model.config import TrainConfig
from model.families import make_generator, make_learner, names, recipe_class
from model.families.base import Batch, ClassEmbedding, Generator, Learner, Step
from model.families.recipe import Recipe
from model.network import NetworkConfig
from model.parallel import Shard
from model.runtime import Runtime, choose_runtime

RUNTIME = Runtime("cpu", "float32", True, 1, "", "", {})
SMALL = {"latent": 8, "widths": (12, 8, 8), "batch": 8}


def _config(family: str, seed: int = 0) -> TrainConfig:
    recipe = recipe_class(family)().model_copy(update=SMALL)
    return TrainConfig(family=family, seed=seed, recipe=recipe)


def _learner(family: str, seed: int = 0) -> Learner:
    config = _config(family, seed)
    return make_learner(config.network(32, ("a", "b")), config.recipe, config.seed)


def _step(learner: Learner, index: int = 0) -> dict[str, float]:
    rng = torch.Generator().manual_seed(2)
    images = torch.rand(8, 1, 32, 32, generator=rng) * 2 - 1
    labels = torch.arange(2).repeat_interleave(2).repeat(2)
    report = learner.step(Batch(images, labels), Step(index, 8 * index, 0.5), RUNTIME, Shard())
    assert not any(value.requires_grad for value in report.values() if isinstance(value, Tensor))
    return {key: float(value) for key, value in report.items()}


def test_the_families_are_found_by_their_folders() -> None:
    assert names() == ("dcgan", "rpgan", "style", "vae")


@pytest.mark.parametrize("family", names())
def test_a_step_changes_the_generator_and_reports_losses(family: str) -> None:
    learner = _learner(family)
    before = copy.deepcopy(learner.average.state_dict())
    report = _step(learner)
    assert any(key.startswith("loss") for key in report)
    assert all(torch.tensor(value).isfinite() for value in report.values())
    after = learner.average.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("family", names())
def test_a_learner_goes_on_from_its_state(family: str) -> None:
    one, two = _learner(family), _learner(family, seed=1)
    _step(one)
    two.restore(copy.deepcopy(one.state()))
    assert _step(one, 1) == _step(two, 1)
    for name, value in one.average.state_dict().items():
        assert torch.equal(value, two.average.state_dict()[name]), name


@pytest.mark.parametrize("family", names())
def test_the_trial_is_a_loss_and_changes_nothing(family: str) -> None:
    learner = _learner(family)
    before = copy.deepcopy(learner.state())
    loss = learner.trial(torch.zeros(4, 1, 32, 32), torch.tensor([0, 0, 1, 1]))
    assert loss.ndim == 0
    assert loss.requires_grad
    torch.autograd.backward(loss)
    after = learner.state()
    for part in learner.networks():
        for name, value in before[part].items():
            assert torch.equal(value, after[part][name]), (part, name)


@pytest.mark.parametrize("family", names())
def test_familiarity_is_of_each_image_alone_and_changes_nothing(family: str) -> None:
    learner = _learner(family)
    for index in range(3):
        _step(learner, index)
    rng = torch.Generator().manual_seed(2)  # the images that were learned from, and others
    images = torch.rand(24, 1, 32, 32, generator=rng) * 2 - 1
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


@pytest.mark.parametrize("family", names())
def test_a_runtime_can_be_chosen_by_every_family(family: str) -> None:
    threads = torch.get_num_threads()
    images, labels = torch.rand(8, 1, 32, 32) * 2 - 1, torch.arange(8) % 2
    runtime = choose_runtime(_learner(family), images, labels, threads=1)
    torch.set_num_threads(threads)
    assert runtime.speed["float32 channels_last"] == 1.0


@pytest.mark.parametrize("family", names())
def test_generators_are_of_the_one_kind(family: str) -> None:
    network = _config(family).network(32, ("a", "b"))
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
    weights = [
        learner.average.state_dict()["embedding.weight"] for learner in (first, again, other)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_mixture_of_classes_lies_between_them() -> None:
    embedding = ClassEmbedding(3, 4)
    mixed = embedding(torch.tensor([[0.5, 0.0, 0.5]]))
    torch.testing.assert_close(mixed[0], (embedding.weight[0] + embedding.weight[2]) / 2)


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"ganny.*dcgan, rpgan, style, vae|is not one of dcgan"):
        TrainConfig(family="ganny")
    network = NetworkConfig(
        family="ganny", image_size=32, classes=("a",), latent=8, widths=(8, 8, 8)
    )
    with pytest.raises(ValueError, match="dcgan, rpgan, style, vae"):
        make_generator(network)


def test_a_recipe_is_its_familys() -> None:
    assert isinstance(TrainConfig(family="vae").recipe, recipe_class("vae"))
    with pytest.raises(ValueError, match="not a recipe of vae"):
        TrainConfig(family="vae", recipe=recipe_class("rpgan")())
    with pytest.raises(ValueError, match="gamma"):
        TrainConfig.model_validate({"family": "vae", "recipe": {"gamma": 1.0}})
    assert issubclass(recipe_class("dcgan"), Recipe)
