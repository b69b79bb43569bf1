"""Layouts: maps of findings, statistics of them, and new ones drawn from the statistics."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.config import TrainConfig
from model.families import make_generator, make_learner, names, recipe_class
from model.families.adversarial_losses import fake_loss, layout_loss
from model.families.base import Batch, Step
from model.families.recipe import Recipe
from model.layout_bank import PLACES, LayoutBank, given
from model.layout_statistics import blobs, layout_bank
from model.layouts import Layouts, ellipse
from model.parallel import Shard
from model.runtime import Runtime
from model.sampling import draw_layouts, interpolate, label_maps, load_generator, sample
from model.tasks import task_of
from model.training import fit
from model.weights import save_generator

CLASSES, KINDS = ("normal", "stone"), ("cyst", "stone")
SIDE = 64


def disc(x: float, y: float, diameter: float) -> NDArray[np.uint8]:
    return ellipse(SIDE, x / SIDE, y / SIDE, diameter / SIDE, diameter / SIDE)


@pytest.fixture(scope="module")
def trained() -> tuple[Layouts, NDArray[np.int64]]:
    """20 normal images without findings, 40 of stones: one left above, in half of them a second."""
    rng = np.random.default_rng(0)
    maps = np.zeros((60, 2, SIDE, SIDE), np.uint8)
    for row in range(20, 60):
        maps[row, 1] = disc(rng.uniform(12, 20), rng.uniform(12, 20), rng.uniform(3, 5))
        if row % 2:
            second = disc(rng.uniform(44, 52), rng.uniform(12, 20), rng.uniform(3, 5))
            maps[row, 1] = np.maximum(maps[row, 1], second)
    labels = np.array([0] * 20 + [1] * 40)
    return Layouts(maps, np.ones(60, np.bool_)), labels


@pytest.fixture(scope="module")
def bank(trained: tuple[Layouts, NDArray[np.int64]]) -> LayoutBank:
    return layout_bank(*trained, len(CLASSES))


def one_hot(label: int, count: int) -> torch.Tensor:
    return torch.eye(len(CLASSES))[[label] * count]


def test_an_ellipse_covers_its_area() -> None:
    drawn = ellipse(SIDE, 0.4, 0.6, 0.25, 0.125) / 255
    assert drawn.sum() == pytest.approx(np.pi * 16 * 8 / 4, rel=0.02)
    (blob,) = blobs((drawn * 255).astype(np.uint8))
    assert [blob.x, blob.y] == pytest.approx([0.4, 0.6], abs=0.01)
    assert blob.diameter * SIDE == pytest.approx(np.sqrt(16 * 8), rel=0.1)


def test_a_bank_holds_counts_sizes_and_places(bank: LayoutBank) -> None:
    assert bank.counts[0, 1, 0] == 1  # no stone in normal images
    assert bank.counts[1, 1].tolist()[:3] == pytest.approx([0, 0.5, 0.5])
    least, largest = (bank.sizes[1, 2:] * SIDE).tolist()
    assert 2.5 < least < 3.6
    assert 4.4 < largest < 5.5
    assert bank.places[1, PLACES // 2 :].sum() < 0.02  # every one was in the upper half
    assert bank.main_kind(one_hot(1, 1)[0]) == 1


def test_layouts_follow_the_statistics_and_the_class(bank: LayoutBank) -> None:
    layouts = bank.draw(one_hot(1, 200), SIDE, seed=3)
    assert layouts.told.all()
    counts = [len(blobs(image[1])) for image in layouts.maps]
    assert np.mean(counts) == pytest.approx(1.5, abs=0.12)
    assert not layouts.maps[:, 0].any()
    sizes = [blob.diameter * SIDE for image in layouts.maps for blob in blobs(image[1])]
    assert np.mean(sizes) == pytest.approx(4.0, abs=0.4)
    assert not bank.draw(one_hot(0, 50), SIDE, seed=3).maps.any()


def test_a_layout_depends_on_seed_and_index_alone(bank: LayoutBank) -> None:
    together = bank.draw(one_hot(1, 6), SIDE, seed=3)
    for index in range(6):
        alone = bank.draw(one_hot(1, 1), SIDE, seed=3, start=index)
        assert np.array_equal(alone.maps[0], together.maps[index])
    assert not np.array_equal(together.maps, bank.draw(one_hot(1, 6), SIDE, seed=4).maps)


def test_no_training_layout_is_drawn(
    trained: tuple[Layouts, NDArray[np.int64]], bank: LayoutBank
) -> None:
    drawn = bank.draw(one_hot(1, 200), SIDE, seed=3).maps[:, 1]
    known = {image.tobytes() for image in trained[0].maps[:, 1]}
    assert not known & {image.tobytes() for image in drawn}


def test_findings_and_sizes_that_are_asked_for_are_drawn(bank: LayoutBank) -> None:
    asked = bank.draw(one_hot(1, 40), SIDE, seed=0, findings=2, diameters=(6 / SIDE, 8 / SIDE))
    counts = [len(blobs(image[1])) for image in asked.maps]
    assert counts.count(2) == 40
    sizes = [blob.diameter * SIDE for image in asked.maps for blob in blobs(image[1])]
    assert 5.4 < min(sizes) < max(sizes) < 8.6
    none = bank.draw(one_hot(1, 5), SIDE, seed=0, findings=0)
    assert none.told.all()
    assert not none.maps.any()


def test_a_kind_that_was_never_seen_cannot_be_drawn(bank: LayoutBank) -> None:
    with pytest.raises(ValueError, match="no finding of kind number 0"):
        bank.draw(one_hot(1, 1), SIDE, seed=0, findings=1, kind=0)


def test_a_class_without_annotated_images_tells_nothing(
    trained: tuple[Layouts, NDArray[np.int64]],
) -> None:
    layouts, labels = trained
    told = layouts.told & (labels == 1)
    bank = layout_bank(Layouts(layouts.maps, told), labels, len(CLASSES))
    drawn = bank.draw(one_hot(0, 3), SIDE, seed=0)
    assert not drawn.told.any()
    assert not given(drawn).any()
    assert given(bank.draw(one_hot(1, 3), SIDE, seed=0))[:, -1].all()


def cells_of(maps: NDArray[np.uint8], sure: float) -> torch.Tensor:
    """Logits [N, 4, 32, 32] that tell the kinds of these maps, `sure` of it."""
    small = torch.nn.functional.max_pool2d(torch.from_numpy(maps).float() / 255, 2)
    nothing = (small.amax(1, keepdim=True) <= 0.5).float()
    return sure * torch.cat([(small > 0.5).float(), nothing, torch.zeros_like(nothing)], 1)


def test_the_layout_loss_weighs_a_stone_like_all_around_it(
    trained: tuple[Layouts, NDArray[np.int64]],
) -> None:
    layouts = trained[0][20:28]
    right = layout_loss(cells_of(layouts.maps, 9.0), given(layouts))
    blank = cells_of(np.zeros_like(layouts.maps), 9.0)
    missed = layout_loss(blank, given(layouts))
    assert right < 0.01
    assert missed > 3  # half of 9, though few cells of a hundred are wrong
    assert fake_loss(blank) > 9
    untold = Layouts(layouts.maps, np.zeros(8, np.bool_))
    assert layout_loss(blank, given(untold)) == 0


@pytest.fixture
def folder(tmp_path: Path, bank: LayoutBank) -> Path:
    recipe: Recipe = recipe_class("rpgan")(latent=16, widths=(32, 24, 16, 8))
    network = TrainConfig(recipe=recipe).network(SIDE, CLASSES, KINDS, "trunk (0, 0.14) 0.72")
    torch.manual_seed(0)
    generator = make_generator(network)
    assert generator.bank is not None
    generator.bank.load_state_dict(bank.state_dict())
    save_generator(tmp_path, generator.state_dict(), network)
    return tmp_path


def test_a_saved_generator_draws_by_its_own_layouts(folder: Path) -> None:
    generator = load_generator(folder)
    assert generator.config.given == KINDS
    assert generator.config.view == "trunk (0, 0.14) 0.72"
    labels = ["stone", "normal", "stone"]
    layouts = draw_layouts(generator, labels, 5)
    assert layouts is not None
    images = sample(generator, labels, 5)
    assert np.array_equal(sample(generator, labels, 5, layouts=layouts), images)
    assert np.array_equal(sample(generator, labels[2:], 5, start=2)[0], images[2])
    bare = Layouts(np.zeros_like(layouts.maps), layouts.told)
    other = sample(generator, labels, 5, layouts=bare)
    assert not np.array_equal(other[0], images[0])  # its stone is gone
    assert np.array_equal(other[1], images[1])  # it had none
    assert set(np.unique(label_maps(layouts)[0])) == {0, 2}
    walk = interpolate(generator, ["stone", "stone"], 5, 4)
    assert np.array_equal(walk[0], images[0])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"findings": 9}, "allowed are 0 to 6"),
        ({"findings": 1, "kind": "mass"}, "this generator has cyst, stone"),
        ({"findings": 1, "diameters": (5.0, 99.0)}, "allowed are 0.6 to 32 px"),
    ],
)
def test_what_cannot_be_drawn_is_refused(folder: Path, asked: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        draw_layouts(load_generator(folder), ["stone"], 0, **asked)  # type: ignore[arg-type]


def test_layouts_of_another_size_are_refused(folder: Path) -> None:
    wrong = Layouts(np.zeros((1, 2, 32, 32), np.uint8), np.ones(1, np.bool_))
    with pytest.raises(ValueError, match=r"give uint8 \(1, 2, 64, 64\)"):
        sample(load_generator(folder), ["stone"], 0, layouts=wrong)


@pytest.mark.parametrize("family", [one for one in names() if task_of(one).name == "draw"])
def test_every_family_trains_beside_layouts(
    family: str, trained: tuple[Layouts, NDArray[np.int64]]
) -> None:
    layouts, labels = trained
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (60, SIDE, SIDE), np.uint8)
    recipe = {"batch": 4, "latent": 8, "widths": [8, 8, 8, 8]}
    config = TrainConfig.model_validate(
        {"family": family, "kimg": 0.016, "precision": "float32", "threads": 1, "recipe": recipe}
    )
    result = fit(images, labels, CLASSES, config, kinds=KINDS, layouts=layouts)
    takes = recipe_class(family).takes_layouts
    assert result.network.given == (KINDS if takes else ())
    if family in ("rpgan", "style"):
        assert {"layout_d", "layout_g"} <= result.history[-1].keys()
    generator = make_generator(result.network)
    generator.load_state_dict(result.weights)
    assert (generator.bank is not None) == takes
    drawn = sample(generator, ["stone"], 0)
    assert drawn.shape == (1, SIDE, SIDE)
    if generator.bank is not None:
        assert generator.bank.counts[1, 1, 2] == pytest.approx(0.5)


def test_the_discriminator_learns_to_see_findings(
    trained: tuple[Layouts, NDArray[np.int64]],
) -> None:
    """Images whose brightness shows the findings: after some steps its cells tell them."""
    layouts, labels = trained
    settings = {"batch": 8, "latent": 8, "widths": [8, 8, 16, 16], "warm_up_kimg": 0.0}
    recipe = recipe_class("rpgan").model_validate(settings)
    network = TrainConfig(recipe=recipe).network(SIDE, CLASSES, KINDS)
    learner = make_learner(network, recipe, 0)
    runtime = Runtime("cpu", "float32", False, 1, "", "", {})
    rows = np.arange(20, 60)
    images = torch.from_numpy(layouts.maps[:, 1:]).float() / 127.5 - 1
    losses = []
    for step in range(40):
        chosen = rows[(np.arange(8) + 8 * step) % 40]
        batch = Batch(images[chosen], torch.from_numpy(labels[chosen]), given(layouts[chosen]))
        row = learner.step(batch, Step(step, 8 * step, step / 40), runtime, Shard())
        losses.append(float(row["layout_d"]))
    assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:5])
