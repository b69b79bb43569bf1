"""Flips are read by a classifier of real images, and what stays is compared outside of findings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.edits import measure
from bench.edits.measure import Edits, Share, measure_edits
from bench.edits.table import edits_table
from model.families.styled import StyledGenerator
from model.network import NetworkConfig
from pipeline.base.errors import BadInputError
from pipeline.base.wilson import wilson
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.record import EvaluateConfig
from tests.support.generators import SIZE, tiny_generator
from tests.support.terminals import shown_at_80

CLASSES = ("dark", "light")
CONFIG = EvaluateConfig(gan_test_kimg=1.0)


class Painter(StyledGenerator):
    """Texture by z; a square in one corner, whose grey is the class, from -1 to 1 along W."""

    def __init__(self) -> None:
        super().__init__()
        self.config: NetworkConfig = tiny_generator(CLASSES).config
        self.bank = None
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("means", torch.tensor([[-1.0] + [0.0] * 8, [1.0] + [0.0] * 8]))

    def mapping(self, z: Tensor, classes: Tensor) -> Tensor:
        return torch.cat([self.mean_of(classes)[:, :1], z], 1)

    def synthesis(
        self, w: Tensor, given: Tensor | None = None, noise: Tensor | None = None
    ) -> Tensor:
        images = 0.1 * w[:, 1:].repeat(1, SIZE * SIZE // 8).view(-1, 1, SIZE, SIZE)
        images[:, :, :10, :10] += 0.6 * w[:, :1, None, None]
        return images

    def modulation(self) -> Tensor:
        return torch.eye(9)


def _split(count: int, seed: int) -> SplitArrays:
    generator, rng = Painter(), np.random.default_rng(seed)
    labels = np.arange(count) % 2
    z = torch.from_numpy(rng.standard_normal((count, 8)).astype(np.float32))
    images = generator(z, torch.from_numpy(labels)).detach()[:, 0]
    pixels = (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    names = np.array([f"{seed}-{index}" for index in range(count)])
    return SplitArrays(pixels, labels, names, names)


@pytest.fixture(scope="module")
def processed() -> Processed:
    return Processed(CLASSES, {"train": _split(40, 0), "val": _split(20, 1), "test": _split(20, 2)})


@pytest.fixture(scope="module")
def found(processed: Processed) -> Edits:
    return measure_edits(processed, Painter(), (0.0, 1.0), 8, CONFIG)


def test_whole_steps_flip_and_no_steps_do_not(found: Edits) -> None:
    assert found.reader == 1
    assert found.drawn.value == 1
    nothing, whole = found.amounts
    assert (nothing.flipped.value, nothing.ssim) == (0, 1)
    assert whole.flipped.value == 1
    assert whole.flipped.count == 16
    assert set(whole.by_towards) == set(CLASSES)
    # The same seed in the other class is here the same image.
    assert whole.ssim == pytest.approx(found.same_seed.ssim, abs=1e-6)
    assert found.other_ssim < whole.ssim < 1


def test_findings_are_left_out_of_what_should_stay() -> None:
    before = np.full((1, 64, 64), 100, np.uint8)
    before[0, ::2] = 140
    after = before.copy()
    after[0, 20:30, 20:30] = 255
    left_out = np.zeros((1, 64, 64), bool)
    changed = measure._similar(before, after, left_out)
    left_out[0, 15:35, 15:35] = True
    assert changed < 0.99
    assert measure._similar(before, after, left_out) == pytest.approx(1.0)


def test_findings_are_left_out_between_seeds_too(
    found: Edits, processed: Processed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The square that all images of a class share is told to be a finding."""
    finding = np.zeros((8, SIZE, SIZE), bool)
    finding[:, :16, :16] = True
    monkeypatch.setattr(measure, "_findings", lambda *_: finding)
    apart = measure_edits(processed, Painter(), (), 8, CONFIG)
    assert apart.other_ssim < found.other_ssim


def test_the_table_says_both(found: Edits) -> None:
    shown = shown_at_80(edits_table(found))
    assert "flipped" in shown
    assert "SSIM" in shown


def test_images_of_one_seed_count_as_what_they_tell() -> None:
    """Of 40 seeds with one fate for all of their 12 images, the interval is that of 40 trials."""
    fates = np.arange(40) < 30
    alike, seeds = np.repeat(fates, 12), np.repeat(np.arange(40), 12)
    found = Share.of(alike, seeds)
    assert (found.value, found.count) == (0.75, 480)
    assert (found.low, found.high) == pytest.approx(wilson(30, 40, 0.95), abs=0.01)
    apart = Share.of(alike, np.arange(480))
    assert (apart.low, apart.high) == pytest.approx(wilson(360, 480, 0.95), abs=1e-3)
    every = Share.of(np.ones(480, bool), seeds)
    assert every.low == pytest.approx(wilson(40, 40, 0.95)[0])
    assert np.isnan(Share.of(np.zeros(0, bool), np.zeros(0, np.int64)).value)


def test_the_interval_holds_the_share_although_seeds_are_shared() -> None:
    rng = np.random.default_rng(0)
    seeds, held = np.repeat(np.arange(64), 12), []
    for _ in range(300):
        rates = rng.beta(1.8, 0.2, 64)  # mean .9, correlation within a seed .33
        one = Share.of(rng.random(64 * 12) < np.repeat(rates, 12), seeds)
        held.append(one.low <= 0.9 <= one.high)
    assert 0.91 <= np.mean(held) <= 0.99


def test_what_does_not_fit_is_refused_before_anything_is_trained(
    processed: Processed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "fit_on", None)
    for faulty, fault in (
        (processed.only(["dark"]), "classes: the generator has"),
        (replace(processed, view="trunk (0, 0.14) 0.72"), "view: the generator has"),
    ):
        with pytest.raises(BadInputError, match=fault):
            measure_edits(faulty, Painter(), (1.0,), 8, CONFIG)
    with pytest.raises(BadInputError, match="no space of styles"):
        measure_edits(processed, tiny_generator(CLASSES), (1.0,), 8, CONFIG)


def test_without_a_gan_test_there_is_no_reader(processed: Processed) -> None:
    off = CONFIG.model_copy(update={"gan_test_kimg": 0.0})
    with pytest.raises(BadInputError, match="two classes"):
        measure_edits(processed, Painter(), (1.0,), 8, off)
