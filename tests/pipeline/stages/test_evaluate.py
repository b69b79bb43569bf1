"""The evaluate stage: real images pass, damage and copies show, and bytes repeat."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from model.config import TrainConfig
from model.families import make_generator
from model.network import NetworkConfig
from model.utility.config import UtilityConfig
from model.weights import save_generator, sha256_of
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.figures import draw_grids
from pipeline.evaluation.record import (
    AUTHENTIC,
    C_T,
    CLOSE,
    COPIES,
    COVERAGE,
    DENSITY,
    DIVERSITY,
    FRECHET,
    FRECHET_INFINITY,
    KERNEL,
    MEMBERSHIP,
    MEMBERSHIP_TPR,
    NEAREST,
    NNDR,
    PRECISION,
    RECALL,
    REPEATS,
    SPECTRUM,
    EvaluateConfig,
    Evaluation,
    require_same_protocol,
)
from pipeline.evaluation.score import Scored, draw_fakes, score_images
from pipeline.reports.run.render import ReportImages
from pipeline.stages.baseline import train_baseline
from pipeline.stages.evaluate import evaluate

Images = NDArray[np.uint8]

CLASSES = ("cyst", "stone")
CONFIG = EvaluateConfig(
    n_fake=60, max_train=100, pairs=30, grid_columns=3, nearest_shown=4, gan_test_kimg=0.1
)  # fmt: skip
FEW = CONFIG.model_copy(update={"n_fake": 24})
"""Where no figure is compared with another: features take most of the time."""
SIDE = 32


def patient(label: int, number: int, slices: int = 3) -> Images:
    """A disc with a dark hole (cyst) or bright dots (stone), in slices that resemble each other."""
    rng = np.random.default_rng([label, number])
    y, x = np.mgrid[:SIDE, :SIDE]
    radius, (top, left) = rng.uniform(9, 13), rng.uniform(12, 20, 2)
    body = np.hypot((y - top) * rng.uniform(0.8, 1.3), x - left) < radius
    images = []
    for _ in range(slices):
        a, b = rng.uniform(-5, 5, 2)
        spot = np.hypot(y - top - a, x - left - b) < (4.5 if label == 0 else 1.6)
        image = 110.0 * body + (-70 if label == 0 else 130) * spot * body
        images.append(gaussian_filter(image, 0.6) + rng.normal(0, 4, image.shape))
    return np.stack(images).clip(0, 255).round().astype(np.uint8)


def split(name: str, numbers: range) -> SplitArrays:
    keys = [(label, number) for label in range(2) for number in numbers]
    images = np.concatenate([patient(*key) for key in keys])
    labels = np.repeat([label for label, _ in keys], 3).astype(np.int64)
    groups = np.repeat([f"{CLASSES[label]}-{number}" for label, number in keys], 3)
    ids = np.array([f"{name}{i:04d}" for i in range(len(images))])
    return SplitArrays(images, labels, ids, groups)


@dataclass(frozen=True)
class Run:
    out: Path
    evaluation: Evaluation
    told: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def processed() -> Processed:
    ranges = {"train": range(20), "val": range(20, 35), "test": range(35, 43)}
    return Processed(CLASSES, {name: split(name, numbers) for name, numbers in ranges.items()})


class Drawer:
    """A generator that draws images of a split and may alter them."""

    def __init__(self, processed: Processed, source: str, blur: float = 0.0) -> None:
        self.arrays, self.blur = processed.splits[source], blur

    def __call__(self, labels: Sequence[str], seed: int) -> Images:
        chosen: list[int] = []
        for name in CLASSES:
            (members,) = np.nonzero(self.arrays.labels == CLASSES.index(name))
            order = np.random.default_rng(seed).permutation(members)
            chosen += order[: list(labels).count(name)].tolist()
        images: Images = gaussian_filter(self.arrays.images[chosen], (0, self.blur, self.blur))
        return images


class Bench:
    """Score the images of a drawer; features of the real images are computed once."""

    def __init__(self, processed: Processed, cache: Path) -> None:
        self.processed, self.cache = processed, cache

    def __call__(self, drawer: Drawer, config: EvaluateConfig = CONFIG) -> Scored:
        fakes = draw_fakes(drawer, self.processed, config)
        return score_images(fakes, self.processed, config, "m" * 64, cache=self.cache)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def score(processed: Processed, cache: Path) -> Bench:
    return Bench(processed, cache)


@pytest.fixture(scope="module")
def good(score: Bench, processed: Processed) -> Scored:
    """Real images of patients in neither reference split: what a perfect generator draws."""
    return score(Drawer(processed, "val"))


@pytest.fixture(scope="module")
def blurred(score: Bench, processed: Processed) -> Evaluation:
    return score(Drawer(processed, "val", blur=1.2)).evaluation


@pytest.fixture(scope="module")
def copied(score: Bench, processed: Processed) -> Scored:
    return score(Drawer(processed, "train"))


def test_a_perfect_generator_reaches_the_floor(good: Scored, blurred: Evaluation) -> None:
    kernel = good.evaluation.figure(KERNEL)
    assert kernel.floor is not None
    assert kernel.low is not None
    assert kernel.high is not None
    assert kernel.low <= kernel.floor <= kernel.high
    worse = blurred.figure(KERNEL)
    assert worse.low is not None
    assert worse.low > kernel.high
    assert blurred.figure(FRECHET).value > 1.5 * good.evaluation.figure(FRECHET).value


def test_every_metric_has_its_floor_overall_and_by_class(good: Scored) -> None:
    evaluation = good.evaluation
    for metric in (KERNEL, FRECHET, DIVERSITY, PRECISION, RECALL, DENSITY, COVERAGE):
        for label in (None, *CLASSES):
            assert evaluation.figure(metric, label).floor is not None
    for metric in (FRECHET_INFINITY, NEAREST, CLOSE, COPIES, NNDR, AUTHENTIC, C_T, SPECTRUM):
        assert evaluation.figure(metric).floor is not None
    assert evaluation.figure(KERNEL).protocol == "kd_efflite0_n60"
    flat = evaluation.flat()
    assert flat["kd_efflite0_n30_cyst"] == evaluation.figure(KERNEL, "cyst").value
    assert flat["kd_efflite0_n60_floor"] == evaluation.figure(KERNEL).floor


def test_copies_of_training_images_show(copied: Scored, good: Scored) -> None:
    share = copied.evaluation.figure(COPIES)
    assert share.value == 1
    assert good.evaluation.figure(COPIES).value < 0.2
    assert copied.evaluation.figure(NEAREST).value == pytest.approx(1)
    assert copied.nearest_ssim[0] == pytest.approx(1)
    assert (np.diff(good.nearest_ssim) <= 0).all(), "the closest pairs come first"

    # The same in features, beside held-out images.
    assert copied.evaluation.figure(NNDR).value == pytest.approx(0)
    assert (good.evaluation.figure(NNDR).floor or 0) > 0.5
    assert copied.evaluation.figure(AUTHENTIC).value < 0.2  # a sixth has no features: max_train
    assert good.evaluation.figure(AUTHENTIC).value > 0.3
    assert copied.evaluation.figure(C_T).value < -5 < good.evaluation.figure(C_T).value


def test_a_generator_of_few_images_is_seen_drawing_them_again(
    score: Bench, processed: Processed, good: Scored
) -> None:
    class Few(Drawer):
        def __call__(self, labels: Sequence[str], seed: int) -> Images:
            drawn = super().__call__(labels, 0)
            return drawn[np.random.default_rng(seed).permutation(len(drawn))]

    few = score(Few(processed, "val"), FEW).evaluation.figure(REPEATS)
    assert few.value == 1
    honest = good.evaluation.figure(REPEATS)
    assert honest.floor is not None
    assert honest.value < 0.5 > honest.floor


def test_blur_shows_in_coverage_and_in_the_statistics_of_single_images(
    good: Scored, blurred: Evaluation
) -> None:
    assert blurred.figure(COVERAGE).value < 0.5 * good.evaluation.figure(COVERAGE).value
    assert blurred.figure(SPECTRUM).value < -0.5 < good.evaluation.figure(SPECTRUM).value
    sharp, soft = (
        {one.name: one for one in found.statistics} for found in (good.evaluation, blurred)
    )
    assert soft["psd_slope"].ks > 0.9
    assert soft["psd_slope"].p_holm < 0.001
    assert sharp["psd_slope"].ks < 0.4
    assert soft["psd_slope"].outside > 0.5 > sharp["psd_slope"].outside
    assert blurred.flat()["ks_psd_slope"] == soft["psd_slope"].ks


def test_the_trainings_own_networks_are_asked_for_membership(
    workspace: Path, cache: Path, tmp_path: Path, first: Run
) -> None:
    rows = [f"{side}.0,{3 - 2 * side + i / 10}" for side in (0, 1) for i in range(10)]
    models = tmp_path / "models"
    shutil.copytree(workspace / "models", models)
    (models / "membership.csv").write_text("held_out,score\n" + "\n".join(rows) + "\n")
    config = FEW.model_copy(update={"nearest_shown": 2})
    found = evaluate(workspace / "processed", models, tmp_path / "out", config, cache=cache)
    assert found.figure(MEMBERSHIP).value == 1.0
    assert found.figure(MEMBERSHIP).floor == 0.5
    assert found.figure(MEMBERSHIP_TPR).value == 1.0
    assert MEMBERSHIP not in {figure.metric for figure in first.evaluation.figures}


def test_utility_is_measured_when_it_is_asked_for(
    workspace: Path, cache: Path, tmp_path: Path
) -> None:
    asked = UtilityConfig(
        minutes=10.0, seeds=(0, 1), shares=(1.0,), ratios=(1.0,), kimg=0.08, synthetic=20,
        resamples=200,
    )  # fmt: skip
    config = FEW.model_copy(update={"utility": asked})
    found = evaluate(workspace / "processed", workspace / "models", tmp_path, config, cache=cache)
    assert found.utility is not None
    assert [score.arm.kind for score in found.utility.arms] == [
        "real", "classic", "synthetic", "mixed",
    ]  # fmt: skip
    assert (tmp_path / "utility.png").exists()
    assert Evaluation.load(tmp_path / "evaluation.json") == found


def test_nearest_pairs_point_at_the_image_that_was_copied(
    processed: Processed, copied: Scored
) -> None:
    fakes = draw_fakes(Drawer(processed, "train"), processed, CONFIG)
    np.testing.assert_array_equal(
        fakes.images[copied.nearest_fakes[:5]], processed.train.images[copied.nearest_train[:5]]
    )


def test_group_scores_are_what_the_gate_needs(
    processed: Processed, good: Scored, blurred: Evaluation
) -> None:
    first, second = good.evaluation.group_scores, blurred.group_scores
    assert set(first) == set(processed.test.groups)
    assert {len(scores) for scores in first.values()} == {3}
    better = [np.mean(first[group]) < np.mean(second[group]) for group in first]
    assert all(better), "the undamaged images are nearer to every patient"
    assert good.evaluation.fake_variance > 0


def test_fakes_follow_the_class_mix_of_the_test_split(processed: Processed) -> None:
    test = processed.test
    rows = np.concatenate([np.nonzero(test.labels == 0)[0], np.nonzero(test.labels == 1)[0][:8]])
    fewer = SplitArrays(test.images[rows], test.labels[rows], test.ids[rows], test.groups[rows])
    uneven = Processed(CLASSES, processed.splits | {"test": fewer})
    fakes = draw_fakes(Drawer(processed, "val"), uneven, CONFIG)
    assert np.bincount(fakes.labels).tolist() == [45, 15]
    assert np.bincount(fakes.seeds).tolist() == [20, 20, 20]


VIEW = "trunk (0, 0.14) 0.72"


@pytest.fixture(scope="module")
def other(score: Bench, processed: Processed) -> Evaluation:
    """Few images, of another view and with other pairs; all else is the protocol of `good`."""
    config = CONFIG.model_copy(update={"n_fake": 12, "pairs": 31})
    region = replace(processed, view=VIEW)
    fakes = draw_fakes(Drawer(processed, "val"), region, config)
    return score_images(fakes, region, config, "m" * 64, cache=score.cache).evaluation


def alike(evaluation: Evaluation, good: Scored, **difference: object) -> Evaluation:
    """An evaluation with the protocol of `good`, but for what is named."""
    protocol = good.evaluation.protocol.model_copy(update=difference)
    return evaluation.model_copy(update={"protocol": protocol})


def test_protocols_that_differ_are_refused(other: Evaluation, good: Scored) -> None:
    pairs = alike(other, good, pairs=other.protocol.pairs)
    with pytest.raises(BadInputError, match="pairs: candidate 31, champion 30"):
        require_same_protocol(pairs, good.evaluation)
    require_same_protocol(alike(other, good), good.evaluation)
    require_same_protocol(good.evaluation, good.evaluation)


def test_figures_of_two_views_are_never_compared(other: Evaluation, good: Scored) -> None:
    assert other.protocol.region == VIEW
    message = rf"region: candidate {re.escape(VIEW)}, champion whole images"
    with pytest.raises(BadInputError, match=message):
        require_same_protocol(alike(other, good, region=other.protocol.region), good.evaluation)
    record = good.evaluation.model_dump(mode="json")
    del record["protocol"]["region"]  # as earlier versions wrote it
    assert Evaluation.model_validate_json(json.dumps(record)) == good.evaluation


def test_a_test_split_of_one_group_cannot_judge(processed: Processed) -> None:
    one = processed.test
    alone = SplitArrays(one.images, one.labels, one.ids, np.full(len(one.labels), "g"))
    lonely = Processed(CLASSES, processed.splits | {"test": alone})
    draw = draw_fakes(Drawer(processed, "val"), lonely, CONFIG)
    with pytest.raises(BadInputError, match="2 groups"):
        score_images(draw, lonely, CONFIG, "m" * 64)


# -- the stage itself, with an untrained generator -------------------------------------------------


@pytest.fixture(scope="module")
def workspace(processed: Processed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    processed.save(folder / "processed")
    network = NetworkConfig(
        family="rpgan", image_size=SIDE, classes=CLASSES, widths=(8, 8, 8), latent=8
    )
    torch.manual_seed(0)
    save_generator(folder / "models", make_generator(network).state_dict(), network)
    rows = "\n".join(f"{i * 1000}.0,{1 / i},{2 - i / 9}" for i in range(1, 9))
    (folder / "models" / "history.csv").write_text(f"images_seen,loss_g,loss_d\n{rows}\n")
    return folder


def run(workspace: Path, cache: Path, out: Path) -> Run:
    told: list[tuple[str, int, int]] = []
    evaluation = evaluate(
        workspace / "processed",
        workspace / "models",
        out,
        FEW,
        cache=cache,
        on_progress=lambda *facts: told.append(facts),
    )
    return Run(out, evaluation, told)


@pytest.fixture(scope="module")
def first(workspace: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(workspace, cache, tmp_path_factory.mktemp("first"))


def test_a_generator_of_another_view_is_refused(
    processed: Processed, workspace: Path, tmp_path: Path
) -> None:
    replace(processed, view=VIEW).save(tmp_path / "processed")
    with pytest.raises(BadInputError, match="draws whole images, the images show region trunk"):
        evaluate(tmp_path / "processed", workspace / "models", tmp_path / "out", CONFIG)


def test_stage_writes_the_same_bytes_twice(
    workspace: Path, cache: Path, tmp_path: Path, first: Run
) -> None:
    run(workspace, cache, tmp_path)
    names = sorted(file.name for file in first.out.iterdir())
    assert names == [
        "curves.png",
        "evaluation.json",
        "grid-cyst.png",
        "grid-stone.png",
        "nearest.png",
        "statistics.png",
    ]
    for name in names:
        assert (first.out / name).read_bytes() == (tmp_path / name).read_bytes(), name
    assert Evaluation.load(tmp_path / "evaluation.json") == first.evaluation
    assert {what for what, _, _ in first.told} >= {"sampling", "generated features", "metrics"}
    assert all(0 <= done <= total for _, done, total in first.told)
    assert [str(part) for part in first.told[2]] == ["sampling", "24", "24"]


def test_a_baseline_is_scored_with_the_generator(
    workspace: Path, cache: Path, tmp_path: Path
) -> None:
    length = TrainConfig(
        kimg=0.06, validation_images=0, snapshots=1, threads=1, precision="float32"
    )  # fmt: skip
    out = tmp_path / "reports"
    beside = out / "baseline"
    train_baseline(workspace / "processed", beside, length, "vae", None)
    config = FEW.model_copy(update={"baseline": "vae"})
    both = evaluate(
        workspace / "processed",
        workspace / "models",
        out,
        config,
        baseline=beside,
        cache=cache,
    )
    assert both.baseline is not None
    assert both.baseline.protocol == both.protocol
    assert both.baseline.model == sha256_of(beside / "generator.safetensors") != both.model
    name = both.figure(KERNEL).protocol
    assert both.flat()[f"baseline_vae_{name}"] == both.baseline.figure(KERNEL).value
    pictures = ReportImages.of(out)
    assert pictures.baseline is not None
    assert list(pictures.baseline_grids) == list(pictures.grids) == list(CLASSES)
    for label, file in pictures.baseline_grids.items():
        mine, theirs = (np.asarray(Image.open(one)) for one in (pictures.grids[label], file))
        half = mine.shape[1] // 2 - 7
        np.testing.assert_array_equal(mine[:, :half], theirs[:, :half], "the same held-out images")
        assert (mine != theirs).any()
    assert Evaluation.load(out / "evaluation.json") == both


def test_grid_shows_held_out_images_left_and_generated_right(
    tmp_path: Path, processed: Processed
) -> None:
    fakes = draw_fakes(Drawer(processed, "val"), processed, CONFIG)
    test = processed.test
    shown = (test.images, test.labels), (fakes.images, fakes.labels)
    _, file = draw_grids(tmp_path, CLASSES, *shown, columns=3)
    grid = np.asarray(Image.open(file))
    np.testing.assert_array_equal(grid[:96:3, :96:3], test.images[test.labels == 1][0])
    right = fakes.images[fakes.labels == 1][0]
    left = 3 * (96 + 3) - 3 + 14
    np.testing.assert_array_equal(grid[:96:3, left : left + 96 : 3], right)


def test_a_missing_or_damaged_generator_is_bad_input(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot load the generator"):
        evaluate(workspace / "processed", tmp_path, tmp_path / "out", CONFIG)


def test_an_altered_record_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text("{}")
    with pytest.raises(BadInputError, match="not an evaluation of this version"):
        Evaluation.load(tmp_path / "evaluation.json")
    with pytest.raises(BadInputError, match="run the evaluate stage"):
        Evaluation.load(tmp_path / "none.json")
