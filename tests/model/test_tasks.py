"""What holds for every task, and that enlarging is right at its edges."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from model.bicubic import corrected, resized, resized_pixels
from model.config import TrainConfig
from model.families import make_generator, names
from model.families.enlarging import GREY_LEVEL, small_of
from model.network import NetworkConfig
from model.sampling import (
    Sampled,
    between,
    draw_layouts,
    enlarge,
    interpolate,
    made_layouts,
    sample,
)
from model.tasks import names as tasks
from model.tasks import task_named, task_of, work_of
from model.training import fit
from model.validation import make_paired_judge
from tests.model.families.test_families import config_of

NETWORK = NetworkConfig(
    family="enlarge_se",
    image_size=64,
    classes=("a",),
    latent=1,
    widths=(8,),
    factor=4,
    blocks=1,
)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 64, 64)).astype(np.uint8)


def test_tasks_are_found_by_their_folders_and_families_name_theirs() -> None:
    assert tasks() == ("draw", "enlarge", "fuse")
    assert {task_of(family).name for family in names()} == {"draw", "enlarge", "fuse"}
    assert not task_named("draw").paired
    with pytest.raises(ValueError, match="draw makes has no truth"):
        work_of(task_named("draw"))
    with pytest.raises(ValueError, match="known tasks: draw, enlarge, fuse"):
        task_named("mend")
    with pytest.raises(ValueError, match="task draw has no quality to score"):
        task_named("draw").scored(1.0)


@pytest.mark.parametrize("name", [name for name in tasks() if task_named(name).paired])
def test_a_paired_task_is_whole(name: str) -> None:
    task = task_named(name)
    work = work_of(task)
    several = task.sources > 1
    real = np.stack([IMAGES, IMAGES[::-1]], 1) if several else IMAGES
    given = work.given(real, NETWORK)
    measured = work.measure(work.rival(given, NETWORK), given, real)
    assert set(measured) == {quality.name for quality in task.qualities}
    assert all(values.shape == (3,) for values in measured.values())
    assert task.decides in measured
    assert {bound.quality for bound in task.bounds} <= set(measured)
    alike = np.stack([IMAGES, IMAGES], 1) if several else given
    perfect = work.measure(IMAGES, alike, alike if several else IMAGES)
    assert task.scored(2.0) < task.scored(1.0)  # so far every task's quality is better if higher
    for quality in task.qualities:
        better = perfect[quality.name] >= measured[quality.name]
        assert (better if quality.higher else ~better | (perfect[quality.name] < 0.5)).all()
    assert work.example(16).dtype == np.uint8


@pytest.mark.parametrize("size", [16, 32, 128])
def test_resizing_is_pillows(size: int) -> None:
    image = Image.fromarray(IMAGES[0].astype(np.float32))
    theirs = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    assert np.abs(np.clip(theirs, 0, 255) - resized_pixels(IMAGES[:1], size)[0]).max() < 0.51


def test_a_corrected_image_is_consistent_and_no_further_from_the_truth() -> None:
    truth = torch.rand(2, 1, 32, 32)
    small, guess = resized(truth, 8), torch.rand(2, 1, 32, 32)
    found = corrected(guess, small)
    torch.testing.assert_close(resized(found, 8), small, atol=1e-5, rtol=0)
    assert (found - truth).norm() < (guess - truth).norm()


def test_an_untrained_enlarger_is_consistent_and_keeps_its_image_of_any_batch() -> None:
    generator = make_generator(NETWORK)
    small = resized_pixels(IMAGES // 2 + 60, 16)
    made = enlarge(generator, small)
    assert made.shape == (3, 64, 64)
    assert np.abs(resized_pixels(made, 16).astype(int) - small).max() <= 2
    assert np.array_equal(enlarge(generator, small[1:2]), made[1:2])
    noisy = enlarge(generator, small, noise=32.0)
    assert np.abs(noisy.astype(int) - made).max() > 2


def test_the_learner_makes_images_small_as_the_evaluation_does() -> None:
    large = torch.from_numpy(IMAGES[:, None]).float() * GREY_LEVEL - 1
    small = ((small_of(large, 4) + 1) / GREY_LEVEL).numpy()
    assert np.abs(small[:, 0] - resized_pixels(IMAGES, 16)).max() < 1e-3


def test_what_cannot_be_enlarged_is_refused() -> None:
    generator = make_generator(NETWORK)
    with pytest.raises(ValueError, match="uint8"):
        enlarge(generator, IMAGES.astype(np.float32))
    with pytest.raises(ValueError, match="0 to 32 grey levels"):
        enlarge(generator, IMAGES, noise=-1.0)
    drawing = NetworkConfig(family="vae", image_size=32, classes=("a",), latent=2, widths=(8, 8, 8))
    with pytest.raises(ValueError, match="enlarges no images"):
        enlarge(make_generator(drawing), IMAGES)
    with pytest.raises(ValueError, match="give it images"):
        generator(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize(
    ("network", "said"),
    [(NETWORK, "enlarges"), (config_of("fuse_difference").network(64, ("a",)), "fuses")],
)
def test_what_is_given_images_draws_none_whoever_asks(network: NetworkConfig, said: str) -> None:
    generator = make_generator(network)
    asked: list[Callable[[], object]] = [
        lambda: sample(generator, ["a"], 0),
        lambda: interpolate(generator, ["a", "a"], 0, 2),
        lambda: between(generator, Sampled("a", 0), Sampled("a", 1), [0.5]),
        lambda: draw_layouts(generator, ["a"], 0),
        lambda: made_layouts(generator, ["a"], 0),
    ]
    for ask in asked:
        with pytest.raises(ValueError, match=f"{said} images and draws none; give it"):
            ask()


@pytest.mark.parametrize("family", [name for name in names() if task_of(name).paired])
def test_a_trunk_has_one_width(family: str) -> None:
    """What an earlier version accepted is read, and no network is made of it."""
    config = TrainConfig.model_validate({"family": family, "recipe": {"widths": [16, 8]}})
    with pytest.raises(ValueError, match=r"widths is \[16, 8\].* one width: set it to \[16\]"):
        config.network(64, ("a",))


def test_fit_trains_an_enlarger_that_its_judge_finds_better_than_bicubic() -> None:
    rows = np.linspace(-1, 1, 32)
    images = np.stack(
        [200 * (np.hypot(rows[:, None] - x, rows[None] + x) < r)
         for x in (-0.3, 0.0, 0.3) for r in (0.3, 0.4, 0.5, 0.6)]
    ).astype(np.uint8)  # fmt: skip
    labels, groups = np.arange(12) % 2, np.array(["p", "q"] * 6)
    config = config_of("enlarge_multipath").model_copy(
        update={"kimg": 0.16, "precision": "float32", "threads": 1, "snapshots": 2}
    )
    network = config.network(32, ("a", "b"))
    judge = make_paired_judge(task_of(config.family), network, images, groups)
    result = fit(images, labels, ("a", "b"), config, judge=judge, held_out=(images, labels))
    assert [sorted(row) for row in result.validations] == [
        ["collapsed", "images_seen", "rival", "score"]
    ] * 2
    assert result.validations[-1]["score"] < result.validations[-1]["rival"]
    assert result.membership["train"].shape == (12,)
    assert next(iter(result.grids.values())).shape == (2 * 32, 2 * 32)
