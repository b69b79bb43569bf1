"""Generated pairs that show what their masks say are as useful as real ones; others are not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.usefulness import measure, pairs
from bench.usefulness.measure import (
    GENERATED,
    PAINTED,
    REAL,
    annotated_classes,
    dice_spread,
    measure_usefulness,
    overlaps,
)
from bench.usefulness.pairs import Pairs
from bench.usefulness.shown import draw_shown, measure_shown
from bench.usefulness.table import shown_table, usefulness_table
from model.families.base import Generator
from model.layout_bank import LayoutBank
from model.layouts import Layouts
from model.network import NetworkConfig
from model.sampling import draw_layouts, sample
from model.utility.config import UtilityConfig
from model.utility.intervals import resampling
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from tests.support.generators import SIZE, VIEW, tiny_generator
from tests.support.terminals import shown_at_80

CLASSES, KINDS = ("cyst", "stone"), ("cyst", "stone")


class Painter(Generator):
    """Draws cysts dark and stones bright on grey, where the layout has them; or elsewhere."""

    def __init__(self, *, obedient: bool, classes: tuple[str, ...] = CLASSES) -> None:
        super().__init__()
        tiny = tiny_generator(classes, KINDS)
        self.config: NetworkConfig = tiny.config
        self.bank: LayoutBank | None = tiny.bank
        self.obedient = obedient
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def forward(
        self,
        z: Tensor,
        classes: Tensor,
        given: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        assert given is not None
        told = given if self.obedient else given.roll(SIZE // 2, -2)
        grain = 0.1 * z.repeat(1, SIZE * SIZE // z.shape[1]).view(-1, 1, SIZE, SIZE)
        return grain - 0.6 * told[:, :1] + 0.8 * told[:, 1:2]


def split(seed: int, count: int, classes: tuple[str, ...] = CLASSES) -> SplitArrays:
    """Real images: those of the obedient painter."""
    labels = np.arange(count) % len(classes)
    names = [classes[label] for label in labels]
    painter = Painter(obedient=True, classes=classes)
    layouts = draw_layouts(painter, names, seed)
    assert layouts is not None
    images = sample(painter, names, seed, layouts=layouts)
    groups = np.array([f"{seed}-{row // 4}" for row in range(count)])
    ids = np.array([f"{seed}-{row}" for row in range(count)])
    return SplitArrays(images, labels.astype(np.int64), ids, groups, layouts)


@pytest.fixture(scope="module")
def processed() -> Processed:
    splits = {"train": split(100, 60), "val": split(101, 8), "test": split(102, 40)}
    return Processed(CLASSES, splits, KINDS, VIEW)


def test_pairs_that_show_their_masks_are_worth_as_much_as_real_ones(processed: Processed) -> None:
    told: list[str] = []
    found = measure_usefulness(
        processed,
        Painter(obedient=True),
        pairs=40,
        kimg=0.48,
        on_progress=lambda what, done, total: told.append(f"{what} {done}/{total}"),
    )
    assert (found.pairs, found.test_images, found.test_groups) == (40, 40, 10)
    assert (found.steps, found.seeds, found.not_tested) == (60, 2, ())
    assert told[0] == f"{GENERATED}, seed 0 0/4"
    assert found.arms == (GENERATED, REAL), "no class is without findings to paint into"
    stone = found.kinds[1]
    assert stone.kind == "stone"
    assert stone.test_images >= 20
    real, made = stone.dice[REAL], stone.dice[GENERATED]
    assert real.value > 0.6
    assert real.low is not None
    assert real.low < real.value
    assert made.value > 0.8 * real.value
    assert stone.difference.value == pytest.approx(made.value - real.value)
    assert str(found.test_groups) in str(usefulness_table(found).title)


def test_pairs_that_show_something_else_are_worth_less(processed: Processed) -> None:
    found = measure_usefulness(processed, Painter(obedient=False), pairs=40, kimg=0.48, seeds=1)
    stone = found.kinds[1]
    assert stone.dice[GENERATED].value < 0.5 * stone.dice[REAL].value
    assert stone.difference.low is None, "one seed tells no error"


def test_findings_by_rule_stand_beside_the_generator_s(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = (*CLASSES, "normal")
    splits = {name: split(seed, 24, classes) for seed, name in enumerate(("train", "val", "test"))}
    data = Processed(classes, splits, KINDS, VIEW)
    seen: list[str] = []

    def record(arm: str) -> Callable[..., Pairs]:
        arms: dict[str, Callable[..., Pairs]] = {
            GENERATED: pairs.generated_pairs,
            PAINTED: pairs.painted_pairs,
        }
        made = arms[arm]

        def wrapped(*args: Any, **options: Any) -> Pairs:
            seen.append(arm)
            return made(*args, **options)

        return wrapped

    monkeypatch.setattr(measure, "generated_pairs", record(GENERATED))
    monkeypatch.setattr(measure, "painted_pairs", record(PAINTED))
    generator = Painter(obedient=True, classes=classes)
    found = measure_usefulness(data, generator, pairs=24, kimg=0.04, seeds=1)
    assert found.arms == (GENERATED, PAINTED, REAL)
    assert seen == [GENERATED, PAINTED]
    for one in found.kinds:
        assert one.over_painted is not None
        assert one.over_painted.value == pytest.approx(
            one.dice[GENERATED].value - one.dice[PAINTED].value
        )
    shown_at_80(usefulness_table(found), "generated minus painted", *found.arms)


def test_classes_that_nobody_annotated_are_left_out(processed: Processed) -> None:
    classes = (*CLASSES, "tumor")
    splits = {}
    for name, one in processed.splits.items():
        layouts = one.layouts
        assert layouts is not None
        labels, told = one.labels.copy(), layouts.told.copy()
        labels[:4], told[:4] = 2, False
        splits[name] = replace(one, labels=labels, layouts=Layouts(layouts.maps, told))
    data = Processed(classes, splits, KINDS, VIEW)
    found = measure_usefulness(
        data, Painter(obedient=True, classes=classes), pairs=24, kimg=0.04, seeds=1
    )
    assert annotated_classes(data) == CLASSES
    assert found.not_annotated == ("tumor",)
    assert found.test_images == 36


FITS = UtilityConfig(minutes=99, seeds=(0, 1), shares=(1.0,), ratios=(1.0,), kimg=0.3, synthetic=64)


def test_a_classifier_learns_findings_from_images_that_show_them() -> None:
    classes = ("normal", "stone")
    splits = {name: split(seed, 48, classes) for seed, name in enumerate(("train", "val", "test"))}
    data = Processed(classes, splits, KINDS, VIEW)
    asked = ["with", "without", "with"]
    drawn = draw_shown(Painter(obedient=True, classes=classes), classes, asked, 5)
    assert [image.max() > 160 for image in drawn] == [True, False, True]
    found = measure_shown(data, Painter(obedient=True, classes=classes), classes, FITS)
    assert found.classes == ("without", "with")
    scores = {one.arm.kind: one.balanced_accuracy.value for one in found.arms}
    assert scores["synthetic"] > 0.8
    shown_at_80(shown_table(found), "synthetic", "less real alone", "grey levels alone")


def test_a_classifier_needs_images_without_findings(processed: Processed) -> None:
    layouts = processed.train.layouts
    assert layouts is not None
    full = replace(processed.train, layouts=Layouts(np.maximum(layouts.maps, 1), layouts.told))
    data = replace(processed, splits={**processed.splits, "train": full})
    with pytest.raises(BadInputError, match="no annotated image of the train split is without"):
        measure_shown(data, Painter(obedient=True), CLASSES, FITS)


def test_dice_is_that_of_all_pixels_with_an_error_over_groups_and_seeds() -> None:
    truth = np.random.default_rng(9).random((40, 1, 8, 8)) < 0.2
    wrong = [np.random.default_rng(seed).random(truth.shape) < 0.1 for seed in range(2)]
    sums = [overlaps(truth ^ one, truth)[:, 0] for one in wrong]
    labels = (np.arange(40) % 2).astype(np.int64)
    draws = resampling(labels, np.array([f"{row // 4}" for row in range(40)]), 2, 500)
    found = dice_spread(sums, draws)
    exact = [2 * one[:, 0].sum() / one[:, 1].sum() for one in sums]
    assert found.value == pytest.approx(np.mean(exact))
    assert found.error > abs(exact[0] - exact[1]) / 2 - 1e-9
    against_itself = dice_spread(sums, draws, sums)
    assert (against_itself.value, against_itself.error) == (0.0, 0.0)
    assert dice_spread(sums[:1], draws).error == 0.0, "one seed tells no error"


def test_what_does_not_fit_is_refused(processed: Processed) -> None:
    painter = Painter(obedient=True)
    for other, said in (
        (replace(processed, view=""), "view: the generator has region"),
        (replace(processed, kinds=()), "no image of the data is annotated"),
        (replace(processed, kinds=("cyst", "mass")), "kinds of findings"),
    ):
        with pytest.raises(BadInputError, match=said):
            measure_usefulness(other, painter)
    layouts = processed.test.layouts
    assert layouts is not None
    nobody = Layouts(layouts.maps, np.zeros_like(layouts.told))
    bare = replace(processed.test, layouts=nobody)
    with pytest.raises(BadInputError, match="no image of the test split is annotated"):
        measure_usefulness(replace(processed, splits={**processed.splits, "test": bare}), painter)
