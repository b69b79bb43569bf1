"""The gate's benchmark: its simulation is exact, and it can tell a gate that breaks its word."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from bench import gate, gate_guards
from bench.cli import bench_app
from bench.gate import GateBench, judge_gate
from bench.gate_comparison import (
    ModelPair,
    Sources,
    findings,
    pairs_at_margin,
    promotion_rates,
)
from bench.gate_faithful import Crowd, confusing, halves, make_crowd, means, misplaced
from bench.gate_guards import collapsing, copying, shifted, through_jpeg
from bench.gate_pool import (
    SEEDS,
    champion_behind,
    draws,
    evaluation,
    generator,
    improvement,
    make_pool,
    simulated_protocol,
    true_score,
)
from bench.gate_rows import DecisionRate
from model.metrics import (
    best_correlation,
    fake_term_variance,
    kernel_distance_by_group,
)
from pipeline.base.errors import BadInputError
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.evaluation.copying import resemblance
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import EvaluateConfig

Array = NDArray[np.float64]
Images = NDArray[np.uint8]

PER_SEED = np.array([40, 20])
SOURCES = 60


def patients(
    rng: np.random.Generator, groups: int, size: int = 4
) -> tuple[Array, NDArray[np.str_]]:
    """Features of patients who differ, each with images that are alike."""
    centres = rng.normal(size=(groups, 1, 6)) * 0.8
    features = (centres + rng.normal(size=(groups, size, 6)) * 0.6).reshape(-1, 6)
    return features, np.repeat([f"p{number:02d}" for number in range(groups)], size)


@pytest.fixture(scope="module")
def world() -> tuple[Sources, Array, Array, NDArray[np.str_]]:
    """Sources, their features, and the real images that judge."""
    rng = np.random.default_rng(0)
    real, groups = patients(rng, 40)
    chosen = rng.permutation(len(real))[:SOURCES]
    clean = real[chosen]
    features = np.concatenate([clean, clean + 1.5, clean + rng.normal(size=clean.shape) * 0.5])
    labels = np.tile(np.arange(SOURCES) % 2, 3)
    pool = make_pool(real, groups, features, labels, PER_SEED)
    half = np.tile(groups[chosen] < "p20", 3)
    return Sources(pool, np.repeat(np.arange(3), SOURCES), half), features, real, groups


# -- the simulation is exact -----------------------------------------------------------------------


def test_a_simulated_record_is_what_the_metrics_give_for_the_same_fakes(
    world: tuple[Sources, Array, Array, NDArray[np.str_]],
) -> None:
    sources, features, real, groups = world
    (draw,) = draws(sources.pool, sources.of(2), 1, np.random.default_rng(1))
    chosen = np.array([3, 17, 17, 5])  # one group comes twice, as two test groups
    protocol = simulated_protocol(("a", "b"), PER_SEED)
    record = evaluation(sources.pool, draw, chosen, protocol, "m")
    names = np.unique(groups)[chosen]
    images = [real[groups == name] for name in names]
    judged = np.concatenate(images)
    member = np.repeat([f"draw-{i:03d}" for i in range(4)], [len(part) for part in images])
    drawn = [np.repeat(np.arange(len(features)), counts) for counts in draw.counts]
    for seed, rows in enumerate(drawn):
        expected = kernel_distance_by_group(judged, member, features[rows])
        assert {name: found[seed] for name, found in record.group_scores.items()} == pytest.approx(
            expected
        )
    rows = np.concatenate(drawn)
    assert len(rows) == SEEDS * PER_SEED.sum()
    assert record.fake_variance == pytest.approx(
        fake_term_variance(judged, member, features[rows], sources.pool.labels[rows])
    )


def test_the_true_score_is_the_mean_of_what_is_drawn(
    world: tuple[Sources, Array, Array, NDArray[np.str_]],
) -> None:
    sources = world[0]
    pool, chances = sources.pool, sources.of(1)
    everyone = np.arange(pool.to_groups.shape[1])
    protocol = simulated_protocol(("a", "b"), PER_SEED)
    scores = [
        np.mean(list(evaluation(pool, draw, everyone, protocol, "m").group_scores.values()))
        for draw in draws(pool, chances, 300, np.random.default_rng(2))
    ]
    error = np.std(scores, ddof=1) / len(scores) ** 0.5
    assert abs(np.mean(scores) - true_score(pool, chances)) < 4 * error
    assert error < 0.05 * improvement(pool, sources.of(0), chances)


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_pairs_stand_at_the_margin_exactly(
    world: tuple[Sources, Array, Array, NDArray[np.str_]], margin: float
) -> None:
    sources = world[0]
    pairs = pairs_at_margin(sources, margin)
    for pair in pairs:
        gain = improvement(sources.pool, pair.candidate, pair.champion)
        assert gain == pytest.approx(margin, abs=1e-9)
    unlike = [np.abs(pair.candidate - pair.champion).sum() for pair in pairs]
    assert min(unlike[1:]) > unlike[0]


def test_what_cannot_be_made_is_refused(
    world: tuple[Sources, Array, Array, NDArray[np.str_]],
) -> None:
    sources = world[0]
    clean, noise = sources.of(0), sources.of(1)
    with pytest.raises(BadInputError, match="no mixture lies 1000 behind"):
        champion_behind(sources.pool, clean, clean, noise, 1000.0)
    with pytest.raises(BadInputError, match="each class"):
        generator(sources.pool, (sources.pool.labels == 0).astype(np.float64))


# -- rates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_promotions_at_the_margin_are_as_rare_as_stated(
    world: tuple[Sources, Array, Array, NDArray[np.str_]], margin: float
) -> None:
    sources, rng = world[0], np.random.default_rng(3)
    for pair in pairs_at_margin(sources, margin):
        rows = promotion_rates(sources, pair, 150, rng)
        assert [(row.groups, row.level) for row in rows] == [
            (groups, level) for groups in (8, 15, 30) for level in (0.005, 0.05)
        ]
        assert all(row.kept for row in rows), rows


def test_a_gate_that_promotes_too_often_is_found_out(
    world: tuple[Sources, Array, Array, NDArray[np.str_]],
) -> None:
    # A candidate that is far ahead of the margin stands for a gate that is too easy.
    sources = world[0]
    pair = ModelPair("too easy", sources.of(0), sources.of(1))
    rows = promotion_rates(sources, pair, 60, np.random.default_rng(4), groups=(30,))
    assert [row.kept for row in rows] == [False, False]


def test_improvements_are_found_the_more_the_larger(
    world: tuple[Sources, Array, Array, NDArray[np.str_]],
) -> None:
    told: list[tuple[int, int]] = []
    rows = findings(
        world[0], 100, np.random.default_rng(5), lambda done, total: told.append((done, total))
    )
    *curve, _blur, noise = rows
    assert noise.kept
    gains = [row.difference for row in curve]
    assert gains == sorted(gains, key=lambda gain: gain or 0.0)
    assert curve[0].share < 0.5 < curve[-1].share
    assert told[-1] == (len(rows), len(rows))


def test_rows_are_kept_within_monte_carlo_error_and_no_further() -> None:
    def kept(bound: str, stated: float, count: int) -> bool | None:
        fields = {"part": "copies", "case": "", "counted": "refused", "trials": 1000}
        return DecisionRate.model_validate(
            fields | {"bound": bound, "stated": stated, "count": count}
        ).kept

    assert [kept("at most", 0.05, count) for count in (0, 50, 60, 80)] == [True, True, True, False]
    assert [kept("at least", 0.95, count) for count in (1000, 950, 940, 920)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert [kept("at least", 1.0, count) for count in (1000, 999)] == [True, False]


# -- copies and collapse ---------------------------------------------------------------------------


def blobs(seed: int, count: int, side: int = 64) -> Images:
    noise = np.random.default_rng(seed).normal(size=(count, side, side))
    smooth = gaussian_filter(noise, (0, 2, 2))
    images: Images = (127 + smooth / smooth.std() * 35).clip(0, 255).astype(np.uint8)
    return images


def side_of(seed: int, count: int, groups: int, side: int = 64) -> ImageSet:
    images = blobs(seed, count, side)
    names = np.array([f"{seed}-{number % groups}" for number in range(count)])
    features = images.reshape(count, -1)[:, ::37] / 128.0
    return ImageSet(images, np.arange(count) % 4, names, features)


def test_a_shift_of_half_a_cell_does_not_hide_a_copy() -> None:
    gallery = blobs(0, 20)
    fake = shifted(gallery[7:8], 1, -1)
    result = best_correlation(fake, gallery, cell=2)
    assert result.score[0] > 0.999
    assert result.which[0] == 7
    # Averaged first, the same copy passes for another image.
    cells = gallery.reshape(20, 32, 2, 32, 2).mean((2, 4)).astype(np.uint8)
    seen = fake.reshape(1, 32, 2, 32, 2).mean((2, 4)).astype(np.uint8)
    assert best_correlation(seen, cells, shift=1).score[0] < 0.97


def test_disguises_change_images_and_are_seen_through() -> None:
    images = blobs(1, 6)
    np.testing.assert_array_equal(shifted(images, 2, -1)[:, 2:, :-1], images[:, :-2, 1:])
    assert (through_jpeg(images) != images).mean() > 0.1
    for disguise in gate_guards.DISGUISES.values():
        assert resemblance(disguise(images), images).min() > 0.97


def test_copies_are_refused_and_strangers_are_not() -> None:
    train, held_out = side_of(2, 120, 30), side_of(3, 60, 12)
    rows = copying(train, held_out, EvaluateConfig(), 60, np.random.default_rng(6))
    assert all(row.kept for row in rows if row.bound), rows
    # A rule that asks for equality to the last pixel is found out by the disguised ones.
    blind = EvaluateConfig(copy_correlation=0.99999)
    rows = copying(train, held_out, blind, 60, np.random.default_rng(6))
    assert {row.case for row in rows if row.kept is False} >= {
        "5% copies, JPEG quality 75", "5% copies, all of these",
    }  # fmt: skip


def test_strangers_that_count_as_copies_are_a_false_refusal() -> None:
    train = side_of(2, 40, 10)
    held_out = side_of(3, 40, 2)
    # One of the two held-out patients was trained on: as fakes his images are copies.
    images = np.where(held_out.groups[:, None, None] == "3-0", train.images, held_out.images)
    mixed = ImageSet(images, held_out.labels, held_out.groups, held_out.features)
    rows = copying(train, mixed, EvaluateConfig(), 60, np.random.default_rng(7))
    assert rows[0].kept is False


def test_collapsed_and_incomplete_generators_are_refused() -> None:
    train, test = side_of(4, 160, 40, 32), side_of(5, 60, 15, 32)
    config = EvaluateConfig(n_fake=60, pairs=30)
    rng = np.random.default_rng(8)
    rows = {row.case: row for row in collapsing(train, test, config, ("a", "b", "c", "d"), 10, rng)}
    assert rows["10 distinct images"].share == 1
    assert rows["a class missing"].share == 1
    assert rows["all patients"].kept
    assert rows["80 distinct images"].kept is None


# -- the whole -------------------------------------------------------------------------------------


@pytest.fixture
def processed(tmp_path: Path) -> Path:
    sides = {split: side_of(10 + i, 80, 20, 32) for i, split in enumerate(SPLITS)}
    splits = {
        split: SplitArrays(one.images, one.labels, np.arange(80).astype(str), one.groups)
        for split, one in sides.items()
    }
    folder = tmp_path / "processed"
    Processed(("a", "b", "c", "d"), splits).save(folder)
    return folder


def test_all_of_it_runs_on_a_folder(
    processed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def features(images: Images, **_: object) -> NDArray[np.float32]:
        """Roughness, cell by cell: what noise and blur change."""
        rough = np.abs(np.diff(images.astype(np.float32), axis=2, prepend=0))
        cells: NDArray[np.float32] = rough.reshape(len(images), 4, 8, 4, 8).mean((2, 4)) / 4
        return cells.reshape(len(images), -1)

    monkeypatch.setattr(gate, "extract", features)
    monkeypatch.setattr(gate, "MARGINS", (0.0, 1e-4))
    told: set[str] = set()
    bench = judge_gate(processed, 32, 20, lambda what, _done, _total: told.add(what), tmp_path)
    assert (bench.groups, bench.images) == (60, 240)
    assert {row.part for row in bench.rows} == {
        "comparison", "improvement", "copies", "collapse", "classes", "composition",
    }  # fmt: skip
    assert {"planted copies", "collapsed generators", "improvements"} <= told


@pytest.mark.parametrize(("count", "code"), [(10, 0), (0, 1)])
def test_a_broken_promise_is_exit_code_1(
    count: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = DecisionRate(
        part="collapse", case="10 distinct images", counted="refused", count=count, trials=10,
        bound="at least", stated=1.0,
    )  # fmt: skip
    found = GateBench(groups=1, images=1, rows=(row,))
    monkeypatch.setattr(gate, "judge_gate", lambda *_, **__: found)
    for more in ([], ["--json"]):
        result = CliRunner().invoke(bench_app, ["gate", "--data", str(tmp_path), *more])
        assert result.exit_code == code, result.output
    assert GateBench.model_validate_json(json.dumps(json.loads(result.stdout))) == found


# -- classes and layouts ---------------------------------------------------------------------------


def crowd_of(apart: float) -> Crowd:
    """Two classes of 24 patients each, whose features differ by `apart`, and one like the second.

    Damaged images are clean ones moved alike, which no class should be blamed for.
    """
    rng = np.random.default_rng(0)
    sides = []
    for label, middle in enumerate((0.0, apart, apart)):
        features, groups = patients(rng, 24)
        features[:, 0] += middle
        names = np.char.add(f"{label}-", groups)
        images = np.zeros((len(features), 2, 2), np.uint8)
        sides.append(ImageSet(images, np.full(len(features), label), names, features))
    clean = ImageSet(
        *(
            np.concatenate([getattr(side, name) for side in sides])
            for name in ("images", "labels", "groups", "features")
        )
    )
    moved = [
        ImageSet(clean.images, clean.labels, clean.groups, clean.features + shift)
        for shift in (0.5, -0.5)
    ]
    return make_crowd(clean, moved, rng)


def test_a_class_drawn_as_another_is_refused_and_honest_generators_are_not() -> None:
    rows = {
        row.case: row
        for row in confusing(crowd_of(3.5), np.full(3, 60), 12, np.random.default_rng(1))
    }
    assert rows["a class drawn as another"].kept
    assert rows["a class drawn as another"].share >= 0.75
    assert rows["an honest generator"].share <= 0.1
    assert rows["an honest generator, noised"].share <= 0.1
    assert rows["a class drawn as one nearly alike"].kept is None
    assert rows["a class drawn as one nearly alike"].share <= 0.2


def test_where_no_classes_differ_there_is_nobody_to_refuse() -> None:
    rows = confusing(crowd_of(0.0), np.full(3, 60), 3, np.random.default_rng(2))
    assert {row.case: row.share for row in rows}["an honest generator"] == 0


def test_layouts_of_other_patients_pass() -> None:
    train, held_out = side_of(2, 120, 30, 32), side_of(3, 60, 12, 32)
    rows = {
        row.case: row
        for row in misplaced(train, held_out, EvaluateConfig(), 20, np.random.default_rng(3))
    }
    assert rows["laid out as other patients"].kept
    assert set(rows) == {"laid out as other patients", "halves of two", "means of two"}
    images = blobs(0, 4, 32)
    np.testing.assert_array_equal(halves(images, images), images)
    assert (means(images, images) == images).all()
