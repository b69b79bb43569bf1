"""A few images beside real ones: what real ones reach, and when a figure is of too few to tell."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from model import metrics
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.measure import Distance, floor_distances, measure_images
from pipeline.evaluation.reals import Reals
from pipeline.evaluation.record import EvaluateConfig

CLASSES = ("dark", "light")
SIDE, EACH = 32, 24


def images_of(label: int, seed: int, count: int = EACH) -> NDArray[np.uint8]:
    """Soft noise; the second class is lighter and finer."""
    rng = np.random.default_rng([label, seed])
    noise = rng.normal(size=(count, SIDE, SIDE))
    soft = np.stack([gaussian_filter(one, 3 - 1.5 * label) for one in noise])
    soft /= soft.std(axis=(1, 2), keepdims=True)
    grey: NDArray[np.uint8] = np.clip(90 + 60 * label + 30 * soft, 0, 255).astype(np.uint8)
    return grey


def split(seed: int, count: int = EACH) -> SplitArrays:
    images = np.concatenate([images_of(label, seed, count) for label in (0, 1)])
    labels = np.repeat([0, 1], count).astype(np.int64)
    names = [f"{seed}-{n}" for n in range(2 * count)]
    groups = np.array([f"p{seed}-{n // 3}" for n in range(2 * count)])
    return SplitArrays(images, labels, np.array(names), groups)


@pytest.fixture(scope="module")
def reals() -> Reals:
    data = Processed(CLASSES, {"train": split(1, 60), "val": split(2, 4), "test": split(3)})
    return Reals.of(data, EvaluateConfig(), None, lambda *_: None)


def test_unseen_real_images_cannot_be_told_from_real_ones(reals: Reals) -> None:
    said: list[tuple[str, int, int]] = []
    found = measure_images(images_of(1, 9), "light", reals, tell=lambda *told: said.append(told))
    assert found.distance
    assert found.distance.floor_low < found.distance.value <= found.distance.floor_high
    assert "cannot be told from real images" in found.distance.in_words
    assert found.own_class
    assert found.own_class_real
    assert (found.own_class.count, found.own_class.total) == (EACH, EACH)
    assert found.own_class_real.value > 0.9
    assert found.copies == []
    assert np.mean([one.farness for one in found.images]) == pytest.approx(0.5, abs=0.2)
    assert said[-1] == ("drawn images", EACH, EACH)


def test_images_of_another_class_are_far_and_nearest_to_that_class(reals: Reals) -> None:
    found = measure_images(images_of(0, 9), "light", reals)
    assert found.distance
    assert found.distance.low is not None
    assert found.distance.low > found.distance.floor_high
    assert "farther from held-out real images" in found.distance.in_words
    assert found.own_class
    assert found.own_class.count == 0
    assert {one.nearest_class for one in found.images} == {"dark"}
    assert len(found.atypical) == EACH


def test_copies_are_found_among_others(reals: Reals) -> None:
    images = images_of(1, 9, 4)
    images[2] = np.roll(reals.train.images[reals.train.labels == 1][5], 1, axis=1)
    assert measure_images(images, "light", reals).copies == [2]


def test_the_floor_is_the_kernel_distance_of_sets_of_training_images(reals: Reals) -> None:
    test, train = reals.of_class(0)
    every = floor_distances(test.features, train.features, len(train), 0)
    assert every == pytest.approx(metrics.kernel_distance(test.features, train.features))
    few, many = (floor_distances(test.features, train.features, size, 0) for size in (4, 30))
    assert few.std() > many.std()
    assert few.mean() == pytest.approx(many.mean(), abs=few.std())


def test_a_single_image_has_no_distance_and_a_mixture_no_real_images(reals: Reals) -> None:
    assert measure_images(images_of(1, 9, 1), "light", reals).distance is None
    with pytest.raises(BadInputError, match=r"dark\+light is no class of real images.*dark, light"):
        measure_images(images_of(1, 9, 2), "dark+light", reals)


def test_a_class_of_few_real_images_is_refused_with_their_number(reals: Reals) -> None:
    rows = np.concatenate([np.arange(EACH), np.arange(EACH, EACH + 5)])
    few = replace(reals, test=reals.test.of(rows))
    with pytest.raises(BadInputError, match="light has 5 held-out and 60 training images"):
        measure_images(images_of(1, 9, 2), "light", few)


DISTANCE = Distance(0.5, 0.3, 0.7, 0.01, 0.0, 0.02, 16, 16, 100, None)


def test_too_few_images_are_said_to_tell_no_versions_apart() -> None:
    assert "No two versions were compared yet" in DISTANCE.in_words
    few = replace(DISTANCE, differs=0.1)
    assert few.says_little
    assert few.needed == 64, "half the width needs four times as many"
    assert "Too few to compare versions by: it is known to ±0.2" in few.in_words
    enough = replace(DISTANCE, differs=0.3)
    assert not enough.says_little
    assert enough.needed is None
    wide_floor = replace(DISTANCE, low=None, high=None, floor_low=-0.5, floor_high=0.5, differs=0.3)
    assert wide_floor.says_little, "the floor's own range counts, too"
