import dataclasses

import pytest
import torch

from model import runtime
from model.config import TrainConfig
from model.families import make_learner, recipe_class
from model.families.base import Learner
from model.families.recipe import Recipe
from model.runtime import Runtime, choose_runtime

IMAGES, LABELS = torch.randn(8, 1, 32, 32), torch.zeros(8).long()


@pytest.fixture
def learner() -> Learner:
    recipe: Recipe = recipe_class("rpgan")(widths=(16, 16, 16))
    config = TrainConfig(recipe=recipe)
    return make_learner(config.network(32, ("a",)), config.recipe, config.seed)


@pytest.fixture(autouse=True)
def _threads_as_before() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


GRADIENTS: dict[tuple[str, bool], torch.Tensor] = {}
"""Those of `learner`, by precision and format, measured once: it starts the same each time."""


def _pretend(monkeypatch: pytest.MonkeyPatch, seconds: dict[tuple[str, bool], float]) -> None:
    real = runtime._measure

    def measure(candidate: Runtime, *rest: object) -> tuple[torch.Tensor, float]:
        way = candidate.precision, candidate.channels_last
        if way not in GRADIENTS:
            GRADIENTS[way], _ = real(candidate, *rest)  # type: ignore[arg-type]
        return GRADIENTS[way], seconds[way]

    monkeypatch.setattr(runtime, "_measure", measure)


def _runtime(precision: str) -> Runtime:
    return Runtime("cpu", precision, True, 1, "", "", {})


SLOW = {("float32", True): 1.0, ("float32", False): 1.0, ("bfloat16", False): 1.0}


def test_a_faster_bfloat16_is_taken_when_it_agrees(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(monkeypatch, SLOW | {("bfloat16", True): 0.5})
    chosen = choose_runtime(learner, IMAGES, LABELS)
    assert (chosen.precision, chosen.channels_last) == ("bfloat16", True)
    assert chosen.speed["bfloat16 channels_last"] == 2.0


def test_a_faster_one_that_computes_something_else_is_not(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "AGREEMENT", 1.1)
    _pretend(monkeypatch, SLOW | {("bfloat16", True): 0.1})
    chosen = choose_runtime(learner, IMAGES, LABELS)
    assert chosen.precision == "float32"
    assert "bfloat16 channels_last" not in chosen.speed


def test_a_gain_within_the_noise_is_not_taken(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(monkeypatch, SLOW | {("bfloat16", True): 0.95})
    assert choose_runtime(learner, IMAGES, LABELS).precision == "float32"


def test_other_work_for_a_while_decides_nothing(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def measure(candidate: Runtime, *_: object) -> tuple[torch.Tensor, float]:
        nonlocal asked
        asked += 1
        busy = 5 <= asked < 15  # of the timings, the first two and a half rounds
        fast = candidate.precision == "bfloat16" and candidate.channels_last
        return torch.ones(3), (0.5 if fast else 1.0) * (4 if busy and fast else 1)

    monkeypatch.setattr(runtime, "_measure", measure)
    chosen = choose_runtime(learner, IMAGES, LABELS)
    assert (chosen.precision, chosen.channels_last) == ("bfloat16", True)


def test_bfloat16_agrees_with_float32_on_this_machine(learner: Learner) -> None:
    before = learner.state()
    exact, _ = runtime._measure(_runtime("float32"), learner, IMAGES, LABELS)
    rounded, _ = runtime._measure(_runtime("bfloat16"), learner, IMAGES, LABELS)
    assert torch.cosine_similarity(exact, rounded, dim=0) > runtime.AGREEMENT
    after = learner.state()
    for name, network in learner.networks().items():
        assert all(weight.grad is None for weight in network.parameters())
        assert all(torch.equal(before[name][key], after[name][key]) for key in before[name])


def test_what_the_config_names_is_taken_unmeasured(learner: Learner) -> None:
    chosen = choose_runtime(learner, IMAGES, LABELS, precision="float32", threads=1)
    assert (chosen.precision, chosen.threads, chosen.speed) == ("float32", 1, {})
    assert torch.get_num_threads() == 1
    assert (chosen.processor, chosen.device) == (runtime.processor_name("cpu"), "cpu")


def test_activate_sets_the_recorded_threads() -> None:
    _runtime("float32").activate()
    assert torch.get_num_threads() == 1


def test_another_thread_count_or_processor_differs_and_this_one_does_not() -> None:
    here = Runtime(
        "cpu", "float32", True, 2, runtime.processor_name("cpu"), str(torch.__version__), {}
    )
    assert here.differs(2) == ""
    assert here.differs(1) == "threads was 2 and is 1"
    other = dataclasses.replace(here, processor="Z80")
    assert "processor was Z80" in other.differs(2)


@pytest.mark.parametrize("seed", range(4))
def test_half_precision_is_not_refused_by_a_start_that_happens_to_cancel(seed: int) -> None:
    torch.manual_seed(seed)
    config = TrainConfig(seed=seed, threads=1)
    learner = make_learner(config.network(32, ("a", "b")), config.recipe, config.seed)
    # Mostly black, as scans are: any two look alike to a network that has learned nothing.
    images = torch.full((8, 1, 32, 32), -1.0)
    images[:, :, 8:24, 8:24] = torch.rand(8, 1, 16, 16)
    labels = torch.arange(2).repeat_interleave(2).repeat(2)
    full, half = (
        runtime._measure(_runtime(precision), learner, images, labels)[0]
        for precision in ("float32", "bfloat16")
    )
    assert torch.cosine_similarity(full, half, dim=0) > 0.99
