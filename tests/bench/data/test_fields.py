import json
import re
from collections.abc import Callable
from math import pi, sqrt
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from bench.data import clustered_lumpy, lumpy, voronoi
from bench.data.built_in import BUILT_IN, patients_for, write_built_in
from bench.data.clustered_lumpy import ClusteredLumpyConfig
from bench.data.fields import poisson_points
from bench.data.lumpy import LumpyConfig
from bench.data.voronoi import VoronoiConfig
from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.phantoms.files import Slice

MODELS: list[tuple[ModuleType, Callable[[int, int], list[Slice]]]] = [
    (
        lumpy,
        lambda n, views: lumpy.make_patient(
            lumpy.CLASSES[1], n, 3, LumpyConfig(size=64, views=views)
        ),
    ),
    (
        voronoi,
        lambda n, views: voronoi.make_patient(
            voronoi.CLASSES[1], n, 3, VoronoiConfig(size=64, views=views)
        ),
    ),
    (
        clustered_lumpy,
        lambda n, views: clustered_lumpy.make_patient(
            clustered_lumpy.CLASSES[1], n, 3, ClusteredLumpyConfig(size=64, views=views)
        ),
    ),
]


def within(samples: np.ndarray, expected: float, sigmas: float = 4) -> bool:
    """Whether the mean of independent samples is the expected one, by its standard error."""
    error = samples.std(ddof=1) / sqrt(len(samples))
    return bool(abs(samples.mean() - expected) < sigmas * error)


@pytest.mark.parametrize("make", [make for _, make in MODELS])
def test_a_patient_is_the_same_whatever_was_drawn_before(
    make: Callable[[int, int], list[Slice]],
) -> None:
    first = make(7, 3)
    make(8, 3)
    for (image, truth), (again, told) in zip(first, make(7, 3), strict=True):
        np.testing.assert_array_equal(image, again)
        assert truth == told
    assert not np.array_equal(first[0][0], make(8, 3)[0][0])


@pytest.mark.parametrize("make", [make for _, make in MODELS])
def test_views_of_a_patient_overlap_by_half(make: Callable[[int, int], list[Slice]]) -> None:
    (first, _), (second, _), (third, truth) = make(0, 3)
    assert first.shape == (64, 64)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first[:, 32:], second[:, :32])
    np.testing.assert_array_equal(second[:, 32:], third[:, :32])
    assert not np.array_equal(first, third)
    assert truth["view"] == 2


@pytest.mark.parametrize("module", [module for module, _ in MODELS])
def test_an_unknown_class_or_a_negative_number_is_refused(module: ModuleType) -> None:
    with pytest.raises(BadInputError, match=module.CLASSES[0]):
        module.make_patient("stone", 0, 0)
    with pytest.raises(BadInputError, match="0 or more"):
        module.make_patient(module.CLASSES[0], -1, 0)


def test_odd_sizes_have_no_half() -> None:
    with pytest.raises(ValidationError):
        LumpyConfig(size=65)


# -- lumpy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [10.0, 90.0])
def test_lumpy_moments_are_those_of_rolland_and_barrett(density: float) -> None:
    config = LumpyConfig(size=32, views=1, width=0.06)
    rng = np.random.default_rng(5)
    fields = np.stack(
        [lumpy.lumps(poisson_points(rng, density, 1, 0.3), config) for _ in range(1500)]
    )
    # K a 2 pi w^2 and K a^2 pi w^2 exp(-d^2 / 4 w^2), written out apart from the module.
    mean = density * 2 * pi * 0.06**2
    assert within(fields.mean((1, 2)), mean)
    apart = fields - mean
    for lag in (0, 2, 4, 8):
        products = apart[:, :, : 32 - lag] * apart[:, :, lag:]
        expected = density * pi * 0.06**2 * np.exp(-((lag / 32) ** 2) / (4 * 0.06**2))
        assert within(products.mean((1, 2)), expected)
        assert lumpy.autocovariance(lag / 32, density, 0.06) == pytest.approx(expected)


def test_lumpy_classes_agree_in_mean_and_variance_and_differ_in_skewness() -> None:
    skewness = []
    for label in lumpy.CLASSES:
        config = LumpyConfig(size=32, views=1)
        images = np.stack(
            [lumpy.make_patient(label, n, 1, config)[0][0].astype(float) for n in range(500)]
        )
        assert within(images.mean((1, 2)), config.mean)
        squares = ((images - config.mean) ** 2).mean((1, 2))
        assert squares.mean() == pytest.approx(config.deviation**2, rel=0.1)
        skewness.append(((images - config.mean) ** 3).mean() / squares.mean() ** 1.5)
    # Of a sum of lumps it falls as one over the root of their number, here sqrt(27) times.
    assert skewness == sorted(skewness, reverse=True)
    assert skewness[0] > 4 * skewness[3]


def test_lumps_are_counted_where_their_centres_are() -> None:
    counts = []
    for number in range(200):
        truths = [truth for _, truth in lumpy.make_patient("lumps-010", number, 2)]
        counts.append([truth["counts"]["lumps"] for truth in truths])
    first = np.array(counts)[:, 0].astype(float)
    assert within(first, 10.0)
    assert first.var() == pytest.approx(10, rel=0.4)  # Poisson


def test_a_lone_lump_is_seen_where_it_was_put() -> None:
    config = LumpyConfig(size=64, views=1)
    field = lumpy.lumps(np.array([[(20 + 0.5) / 64, (41 + 0.5) / 64]]), config)
    assert field.argmax() == 41 * 64 + 20
    assert field[41, 20] == pytest.approx(1)
    w = 0.05 * 64
    assert field[41, 24] == pytest.approx(np.exp(-(4**2) / (2 * w**2)))


# -- clustered lumpy ---------------------------------------------------------------------------


@pytest.mark.parametrize("density", [15.0, 150.0])
def test_clustered_lumpy_moments_are_those_of_its_power_spectrum(density: float) -> None:
    config = ClusteredLumpyConfig(size=32, views=1)
    mean, deviation = clustered_lumpy.moments(density, config)
    rng = np.random.default_rng(11)
    fields = []
    for _ in range(800):
        clusters = poisson_points(rng, density, 1, 0.5)
        owners = np.repeat(np.arange(len(clusters)), rng.poisson(config.blobs, len(clusters)))
        blobs = clusters[owners] + rng.normal(0, config.spread, (len(owners), 2))
        turns = rng.integers(12, size=len(clusters))[owners]
        fields.append(clustered_lumpy.blob_field(blobs, turns, config))
    standard = (np.stack(fields) - mean) / deviation
    assert within(standard.mean((1, 2)), 0.0)
    assert within((standard**2).mean((1, 2)), 1.0)


def test_a_lone_blob_falls_off_as_the_paper_says_along_its_turned_axes() -> None:
    config = ClusteredLumpyConfig(size=128, views=1)
    centre = np.array([[64.5, 64.5]]) / 128
    for turn, along, across in ((0, (0, 9), (9, 0)), (6, (9, 0), (0, 9))):
        field = clustered_lumpy.blob_field(centre, np.array([turn]), config)
        assert field[64, 64] == pytest.approx(1)
        assert field[64 + along[0], 64 + along[1]] == pytest.approx(np.exp(-2.1 * 9**0.5 / 5))
        assert field[64 + across[0], 64 + across[1]] == pytest.approx(np.exp(-2.1 * 9**0.5 / 2))


def test_blobs_come_in_clusters() -> None:
    truths = [clustered_lumpy.make_patient("clusters-050", n, 0)[0][1] for n in range(60)]
    clusters, blobs = (
        np.array([truth["counts"][kind] for truth in truths], float)
        for kind in ("clusters", "blobs")
    )
    assert within(clusters, 50)
    assert within(blobs, 1000)
    # Independent blobs would have variance 1000; clusters of N have about 50 (N + N^2) inside.
    assert blobs.var() > 5000


# -- Voronoi -----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", voronoi.CLASSES)
def test_an_image_shows_as_many_cells_as_the_closed_form(label: str) -> None:
    config = VoronoiConfig(size=256, views=1, wall=0.0)
    counts = np.array(
        [voronoi.make_patient(label, n, 4, config)[0][1]["counts"]["cells"] for n in range(60)],
        float,
    )
    density = voronoi.DENSITIES[label]
    expected = density + 1 + 8 * sqrt(density) / pi
    assert voronoi.expected_cells(density) == pytest.approx(expected)
    # A cell that shows less than a pixel is not counted: at most one in a hundred at 256 px.
    error = counts.std(ddof=1) / sqrt(len(counts))
    assert -0.01 * expected - 4 * error < counts.mean() - expected < 4 * error


def test_voronoi_truth_can_be_read_from_the_image() -> None:
    config = VoronoiConfig(size=128, views=2, wall=0.0)
    for number in range(10):
        for image, truth in voronoi.make_patient("sites-006", number, 0, config):
            # Cells of one grey level by chance are one to the eye.
            levels, areas = np.unique(image, return_counts=True)
            assert len(levels) <= truth["counts"]["cells"]
            assert sum(truth["areas"]) == image.size
            if len(levels) == truth["counts"]["cells"]:
                assert sorted(areas.tolist()) == truth["areas"]


def test_walls_run_midway_between_two_sites_and_are_as_thick_as_asked() -> None:
    config = VoronoiConfig(size=128, views=1, wall=4 / 128)
    cells, walls = voronoi.tessellate(np.array([[0.25, 0.5], [0.75, 0.5]]), config)
    assert set(cells[:, :64].ravel()) == {0}
    assert set(cells[:, 64:].ravel()) == {1}
    np.testing.assert_allclose(walls.sum(axis=1), 4, atol=0.01)
    assert walls[:, 64].min() == 1


def test_cells_without_walls_have_the_mean_grey_of_their_range() -> None:
    config = VoronoiConfig(size=32, views=1, wall=0.0)
    images = [voronoi.make_patient("sites-060", n, 6, config)[0][0].mean() for n in range(300)]
    assert within(np.array(images), (config.darkest + config.brightest) / 2)


# -- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_files_lie_in_class_folders_and_tell_their_patient(name: str, tmp_path: Path) -> None:
    made = BUILT_IN[name]
    written = write_built_in(name, tmp_path, 2, 0, size=64)
    images = sorted(tmp_path.rglob("*.png"))
    assert written == len(images) == 2 * len(made.classes) * made.images
    patients: dict[str, set[str]] = {}
    for file in images:
        match = re.search(IngestConfig().patient_pattern, file.name)
        assert match is not None
        patients.setdefault(match["patient"], set()).add(file.parent.name)
        truth = json.loads(file.with_suffix(".truth.json").read_text())
        assert truth["class"] == file.parent.name
        assert truth["counts"]
        with Image.open(file) as stored:
            assert stored.size == (64, 64)
            assert stored.info["Phantom"].startswith("medloom")
    assert len(patients) == 2 * len(made.classes)
    assert all(len(classes) == 1 for classes in patients.values())
    assert write_built_in(name, tmp_path, 2, 0, size=64) == 0


def test_a_later_and_larger_data_set_keeps_the_images_of_a_smaller_one(tmp_path: Path) -> None:
    write_built_in("voronoi", tmp_path, 1, 0, size=32)
    assert write_built_in("voronoi", tmp_path, 2, 0, size=32) == 20


def test_another_data_set_or_size_or_name_is_refused(tmp_path: Path) -> None:
    write_built_in("lumpy", tmp_path / "data", 1, 0, size=32)
    with pytest.raises(BadInputError, match="no class of voronoi"):
        write_built_in("voronoi", tmp_path / "data", 1, 0)
    with pytest.raises(BadInputError, match="phantom of 32 px"):
        write_built_in("phantom", tmp_path / "new", 1, 0, size=32)
    with pytest.raises(BadInputError, match="clustered-lumpy"):
        write_built_in("shepp-logan", tmp_path / "new", 1, 0)
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="is a file"):
        write_built_in("lumpy", tmp_path / "file", 1, 0)


def test_whole_patients_are_made() -> None:
    assert patients_for(1, "lumpy") == 1
    assert patients_for(20, "lumpy") == 1
    assert patients_for(21, "lumpy") == 2
    assert patients_for(1000, "clustered-lumpy") == 67
