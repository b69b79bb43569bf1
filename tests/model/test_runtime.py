import pytest
import torch

from model import runtime
from model.config import TrainConfig
from model.networks import Discriminator
from model.runtime import Runtime, choose_runtime

IMAGES, LABELS = torch.randn(8, 1, 32, 32), torch.zeros(8).long()


@pytest.fixture
def critic() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(TrainConfig(widths=(16, 16, 16)).network(32, ("a",)))


@pytest.fixture(autouse=True)
def _threads_as_before() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def _pretend(monkeypatch: pytest.MonkeyPatch, seconds: dict[tuple[str, bool], float]) -> None:
    real = runtime._measure

    def measure(precision: str, channels_last: bool, *rest: object) -> tuple[torch.Tensor, float]:
        gradient, _ = real(precision, channels_last, *rest)  # type: ignore[arg-type]
        return gradient, seconds[precision, channels_last]

    monkeypatch.setattr(runtime, "_measure", measure)


SLOW = {("float32", True): 1.0, ("float32", False): 1.0, ("bfloat16", False): 1.0}


def test_a_faster_bfloat16_is_taken_when_it_agrees(
    critic: Discriminator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(monkeypatch, SLOW | {("bfloat16", True): 0.5})
    chosen = choose_runtime(TrainConfig(), critic, IMAGES, LABELS)
    assert (chosen.precision, chosen.channels_last) == ("bfloat16", True)
    assert chosen.speed["bfloat16 channels_last"] == 2.0


def test_a_faster_one_that_computes_something_else_is_not(
    critic: Discriminator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "AGREEMENT", 1.1)
    _pretend(monkeypatch, SLOW | {("bfloat16", True): 0.1})
    chosen = choose_runtime(TrainConfig(), critic, IMAGES, LABELS)
    assert chosen.precision == "float32"
    assert "bfloat16 channels_last" not in chosen.speed


def test_a_gain_within_the_noise_is_not_taken(
    critic: Discriminator, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(monkeypatch, SLOW | {("bfloat16", True): 0.95})
    assert choose_runtime(TrainConfig(), critic, IMAGES, LABELS).precision == "float32"


def test_bfloat16_agrees_with_float32_on_this_machine(critic: Discriminator) -> None:
    exact, _ = runtime._measure("float32", True, critic, IMAGES, LABELS)
    rounded, _ = runtime._measure("bfloat16", True, critic, IMAGES, LABELS)
    assert torch.cosine_similarity(exact, rounded, dim=0) > runtime.AGREEMENT
    assert all(weight.grad is None for weight in critic.parameters())


def test_what_the_config_names_is_taken_unmeasured(critic: Discriminator) -> None:
    chosen = choose_runtime(TrainConfig(precision="float32", threads=1), critic, IMAGES, LABELS)
    assert (chosen.precision, chosen.threads, chosen.speed) == ("float32", 1, {})
    assert torch.get_num_threads() == 1
    assert chosen.cpu


def test_activate_sets_the_recorded_threads() -> None:
    Runtime("float32", True, 1, "", "", {}).activate()
    assert torch.get_num_threads() == 1
