from pathlib import Path

import numpy as np
import pytest
import torch

from model.config import TrainConfig
from model.drawing import latent, to_float, to_uint8
from model.families import make_generator, recipe_class
from model.families.recipe import Recipe
from model.sampling import (
    Sampled,
    between,
    draw_layouts,
    interpolate,
    load_generator,
    sample,
)
from model.weights import save_generator
from tests.support.generators import tiny_generator

CLASSES = ("cyst", "normal", "stone")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recipe: Recipe = recipe_class("rpgan")(latent=16, widths=(32, 24, 16))
    network = TrainConfig(recipe=recipe).network(32, CLASSES)
    torch.manual_seed(0)
    save_generator(tmp_path, make_generator(network).state_dict(), network)
    return tmp_path


def test_an_image_is_the_same_alone_as_in_any_batch(folder: Path) -> None:
    generator = load_generator(folder)
    labels = [CLASSES[i % 3] for i in range(12)]
    together = sample(generator, labels, seed=7)
    assert together.shape == (12, 32, 32)
    assert together.dtype == np.uint8
    for index, label in enumerate(labels):
        assert np.array_equal(sample(generator, [label], 7, start=index)[0], together[index])
    assert np.array_equal(sample(generator, labels[5:], 7, start=5), together[5:])


def test_seed_index_and_class_each_change_the_image(folder: Path) -> None:
    generator = load_generator(folder)
    image = sample(generator, ["cyst"], 7)
    assert not np.array_equal(image, sample(generator, ["cyst"], 8))
    assert not np.array_equal(image, sample(generator, ["cyst"], 7, start=1))
    assert not np.array_equal(image, sample(generator, ["stone"], 7))


def test_what_was_saved_is_what_is_drawn_from(folder: Path) -> None:
    loaded = load_generator(folder)
    drawn = sample(loaded, ["stone"] * 2, 3)
    torch.manual_seed(0)  # the fixture's: after loading, which draws starting weights of its own
    original = make_generator(loaded.config)
    assert np.array_equal(sample(original, ["stone"] * 2, 3), drawn)


def test_an_unknown_class_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"tumour.*cyst.*normal.*stone"):
        sample(load_generator(folder), ["cyst", "tumour"], 0)


@pytest.mark.parametrize(("seed", "start"), [(-1, 0), (2**64, 0), (0, -1)])
def test_numbers_out_of_range_are_refused(folder: Path, seed: int, start: int) -> None:
    with pytest.raises(ValueError, match="2\\^64"):
        sample(load_generator(folder), ["cyst"], seed, start=start)


def test_nothing_asked_nothing_drawn(folder: Path) -> None:
    assert sample(load_generator(folder), [], 0).shape == (0, 32, 32)


def test_truncation_draws_images_of_a_class_together(folder: Path) -> None:
    generator = load_generator(folder)
    full = sample(generator, ["cyst"] * 8, 7)
    half = sample(generator, ["cyst"] * 8, 7, truncation=0.5)
    none = sample(generator, ["cyst"] * 8, 7, truncation=0.0)
    spread = [images.astype(float).std(0).mean() for images in (full, half, none)]
    assert spread[0] > spread[1] > spread[2] == 0


def test_a_mixture_is_between_classes_and_its_scale_is_free(folder: Path) -> None:
    generator = load_generator(folder)
    mixed = sample(generator, ["cyst+stone"], 7)
    assert np.array_equal(mixed, sample(generator, ["0.5*cyst + 0.5*stone"], 7))
    assert np.array_equal(sample(generator, ["2*cyst"], 7), sample(generator, ["cyst"], 7))
    assert not np.array_equal(mixed, sample(generator, ["cyst"], 7))
    for wrong in ("-1*cyst+stone", "a*cyst", "0*cyst"):
        with pytest.raises(ValueError, match="not a weight"):
            sample(generator, [wrong], 7)
    with pytest.raises(ValueError, match="tumour"):
        sample(generator, ["cyst+2*tumour"], 7)


def test_a_walk_passes_through_the_images_themselves(folder: Path) -> None:
    generator = load_generator(folder)
    labels = ["cyst", "stone", "stone"]
    walk = interpolate(generator, labels, 7, frames=4)
    assert walk.shape == (9, 32, 32)
    stops = sample(generator, labels, 7)
    assert np.abs(walk[::4].astype(int) - stops).max() <= 1
    # It walks: a step is shorter than the way.
    steps = np.abs(np.diff(walk.astype(float), axis=0)).mean((1, 2))
    assert steps[:4].max() < np.abs(stops[1].astype(float) - stops[0]).mean()
    with pytest.raises(ValueError, match="two labels"):
        interpolate(generator, ["cyst"], 7, frames=4)


def test_the_way_between_two_images_begins_and_ends_with_them(folder: Path) -> None:
    generator = load_generator(folder)
    first, second = Sampled("cyst", 7, 3), Sampled("stone", 8)
    way = between(generator, first, second, [0.0, 0.05, 0.5, 1.0], truncation=0.8)
    start = sample(generator, ["cyst"], 7, start=3, truncation=0.8)[0]
    assert np.array_equal(way[0], start)
    assert np.array_equal(way[3], sample(generator, ["stone"], 8, truncation=0.8)[0])
    away = np.abs(way.astype(float) - start).mean((1, 2))
    assert 0 < away[1] < away[2] < away[3]
    one, other = Sampled("cyst", 7), Sampled("cyst", 7, 1)
    walk = interpolate(generator, ["cyst"] * 2, 7, frames=4)
    assert np.array_equal(between(generator, one, other, [0.25, 0.5]), walk[1:3])
    with pytest.raises(ValueError, match="allowed are 0 to 1"):
        between(generator, first, second, [1.5])


def test_findings_stay_where_both_ends_have_them() -> None:
    generator = tiny_generator(("cyst", "stone"), ("cyst", "stone"))
    first, second = Sampled("stone", 7), Sampled("stone", 9)
    there = draw_layouts(generator, ["stone"], 7, findings=2)
    assert there is not None
    kept = there[np.array([0, 0])]
    way = between(generator, first, second, [0.0, 1.0], layouts=kept)
    assert np.array_equal(way[0], sample(generator, ["stone"], 7, layouts=there)[0])
    assert np.array_equal(way[1], sample(generator, ["stone"], 9, layouts=there)[0])
    drawn = between(generator, first, second, [0.0, 1.0])
    assert np.array_equal(drawn[1], sample(generator, ["stone"], 9)[0])


def test_altered_weights_are_refused(folder: Path) -> None:
    file = folder / "generator.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match="sha256"):
        load_generator(folder)


def test_weights_of_another_identity_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="0123"):
        load_generator(folder, sha256="0123")


def test_latents_are_standard_normal_and_pinned() -> None:
    drawn = torch.stack([latent(1, i, 64) for i in range(200)])
    assert abs(drawn.mean()) < 0.03
    assert abs(drawn.std() - 1) < 0.03
    # A change of these numbers would change every image of every registered generator.
    assert latent(7, 0, 3).tolist() == pytest.approx(PINNED)


def test_pixels_survive_the_way_to_floats_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    assert np.array_equal(to_uint8(to_float(pixels)), pixels.numpy())
    assert to_uint8(torch.tensor([[[[-9.0, 9.0]]]])).tolist() == [[[0, 255]]]


PINNED = [-1.74969447, 0.57454413, 0.61428338]
