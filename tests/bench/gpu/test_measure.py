"""The measurement of a GPU, on a CPU: everything runs, and nothing is claimed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.gpu import checks
from bench.gpu import measure as whole
from bench.gpu.checks import Gradient, Resumed, Samples, gradients, resumed, same_samples
from bench.gpu.measure import CPU_NOTE, RESULT_FILE, as_text, measure
from bench.gpu.plan import PLANS, Plan, made_data
from bench.gpu.speed import speeds
from model import runtime
from model.families.base import Learner
from model.runtime import Runtime
from model.sampling import load_generator, sample
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed

TINY = Plan(
    sides=(32,), batches=(4, 8), precisions=("float32",), warm_up=1, windows=2, steps=1,
    check_side=32, train_side=32, resume_kimg=0.024, share=1.0,
    recipe={"batch": 8, "latent": 8, "widths": [8, 8, 8]},
)  # fmt: skip


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data() -> Processed:
    return made_data(32)


def test_the_whole_measurement_says_that_it_was_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "_LEAST_MINUTES", 0.01)
    monkeypatch.setattr(runtime, "ROUNDS", 1)  # whatever precision it trains in
    told: list[str] = []
    found = measure("cpu", 0.05, tmp_path, plan=TINY, tell=told.append)
    assert (found.device, found.note, found.fine) == ("cpu", CPU_NOTE, True)
    assert json.loads((tmp_path / RESULT_FILE).read_text())["note"] == CPU_NOTE
    said = as_text(found)
    assert said.startswith(CPU_NOTE)
    assert "NOT FINE" not in said
    assert max(map(len, said.splitlines())) <= 80 + len(found.environment["platform"])
    kept = found.training.kept
    assert kept[-1].images_seen == found.training.images_seen > 0
    generator = load_generator(tmp_path / kept[-1].folder, kept[-1].sha256)
    assert generator.config.given == ("stone",)
    assert sample(generator, ["stone"], 0).shape == (1, 32, 32)


def test_gradients_of_both_networks_agree_and_bfloat16_less(data: Processed) -> None:
    found = {(one.network, one.precision): one for one in gradients(data, TINY, "cpu")}
    assert len(found) == 2 * len(checks.LEAST_COSINE)
    for network in ("generator", "critic"):
        same, rounded = found[network, checks.EXACT], found[network, "bfloat16"]
        assert same.cosine == pytest.approx(1)
        assert same.error == 0
        assert 0 < rounded.error < 0.5


def test_another_gradient_is_noticed(data: Processed, monkeypatch: pytest.MonkeyPatch) -> None:
    once, place = [True], Learner.place

    def altered(learner: Learner, ran: Runtime) -> None:
        place(learner, ran)
        if not once:
            for weight in learner.networks()["generator"].parameters():
                weight.data += 0.3 * torch.randn(weight.shape)
        once.clear()

    monkeypatch.setattr(Learner, "place", altered)
    found = gradients(data, TINY, "cpu")
    assert any(not one.fine for one in found)


def test_samples_and_a_resumed_training_are_the_same(data: Processed) -> None:
    samples = same_samples(data, TINY, "cpu")
    assert (samples.equal, samples.largest, samples.repeatable) == (1.0, 0, True)
    again = resumed(data, TINY)
    assert (again.difference, again.by_chance) == (0.0, 0.0)
    assert again.images_seen == (24, 24)


@pytest.mark.parametrize(
    "check",
    [
        Gradient(network="critic", precision="bfloat16", cosine=0.9, error=0.4, worst=0.1,
                 worst_tensor="a"),
        Samples(equal=0.1, near=0.2, largest=99, repeatable=True),
        Resumed(difference=1e-3, by_chance=1e-4, images_seen=(24, 24)),
        Resumed(difference=0.0, by_chance=0.0, images_seen=(16, 24)),
    ],
)  # fmt: skip
def test_what_differs_is_not_fine(check: Gradient | Samples | Resumed) -> None:
    assert not check.fine


def test_speeds_end_when_the_time_does() -> None:
    allowed = iter([True, False])
    (one,) = speeds(TINY, "cpu", lambda: next(allowed))
    assert (one.side, one.batch, one.precision, one.gigabytes) == (32, 4, "float32", None)
    assert one.slowest is not None
    assert one.fastest is not None
    assert one.images_per_second == pytest.approx((one.slowest + one.fastest) / 2)


def test_what_cannot_be_measured_is_refused(
    data: Processed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInputError, match="--device cpu"):
        measure("cuda", 1.0, tmp_path)
    with pytest.raises(BadInputError, match="cannot read the arrays"):
        measure("cpu", 1.0, tmp_path, data=tmp_path / "nothing")
    bare = {name: replace(one, layouts=None) for name, one in data.splits.items()}
    Processed(data.classes, bare).save(tmp_path / "bare")
    with pytest.raises(BadInputError, match="is annotated"):
        measure("cpu", 1.0, tmp_path, data=tmp_path / "bare")


def test_a_gpu_is_measured_at_every_size_and_batch() -> None:
    plan = PLANS["cuda"]
    assert (plan.sides, plan.batches) == ((64, 128, 256), (8, 16, 32, 64))
    assert plan.train_side == 128
    layouts = made_data(64).train.layouts
    assert layouts is not None
    assert np.array_equal(layouts.maps.any((1, 2, 3)), made_data(64).train.labels == 1)
