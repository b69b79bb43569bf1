"""After a class was added, versions are compared on the classes of both."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.promotion.by_hand import shared_images
from pipeline.promotion.gate import GateConfig, decide
from tests.pipeline.promotion.test_gate import evaluation, flat

CLASSES = ("cyst", "normal", "stone")


def split() -> SplitArrays:
    labels = np.array([0, 1, 1, 2, 0], np.int64)
    numbers = np.arange(len(labels))
    return SplitArrays(
        np.tile(numbers[:, None, None].astype(np.uint8), (1, 4, 4)),
        labels,
        np.array([f"image-{n}" for n in numbers]),
        np.array([f"group-{n}" for n in numbers]),
    )


DATA = Processed(CLASSES, {name: split() for name in ("train", "val", "test")})


def registry(**classes: tuple[str, ...]) -> Any:
    """A registry with versions v1 and v2 of these classes."""
    return SimpleNamespace(
        output_spec=lambda n: SimpleNamespace(classes=classes[f"v{n}"], region="")
    )


def test_data_of_some_classes_alone() -> None:
    some = DATA.only(["stone", "cyst"])
    assert some.classes == ("cyst", "stone")
    assert some.test.labels.tolist() == [0, 1, 0]
    assert some.test.ids.tolist() == ["image-0", "image-3", "image-4"]
    assert some.test.groups.tolist() == ["group-0", "group-3", "group-4"]
    assert some.test.images[:, 0, 0].tolist() == [0, 3, 4]
    assert DATA.only(CLASSES) is DATA
    with pytest.raises(ValueError, match="glass"):
        DATA.only(["glass"])


def test_what_two_versions_can_be_compared_by() -> None:
    versions = registry(v1=("cyst", "stone"), v2=CLASSES, v3=("lung",))
    assert shared_images(versions, [1, 2], DATA).classes == ("cyst", "stone")
    assert shared_images(versions, [2], DATA) is DATA
    with pytest.raises(BadInputError, match="version 3 draws lung"):
        shared_images(versions, [3], DATA)


def test_versions_of_another_view_are_not_compared() -> None:
    region = replace(DATA, view="trunk (0, 0.14) 0.72")
    assert region.only(["cyst"]).view == region.view
    message = "version 2 draws whole images, the images show region trunk"
    with pytest.raises(BadInputError, match=message):
        shared_images(registry(v2=CLASSES), [2], region)


def test_the_gate_says_what_it_compares_and_guards_every_class() -> None:
    rules = GateConfig(kernel_distance_threshold=1.0)
    every = evaluation(flat(0.9, spread=0.1), classes=CLASSES)
    every = every.model_copy(
        update={"protocol": every.protocol.model_copy(update={"classes": CLASSES})}
    )
    shared = evaluation(flat(0.1, groups=12, spread=0.01))
    champion = evaluation(flat(0.5, groups=12, spread=0.02), model="b" * 64)
    verdict = decide(every, champion, rules, shared=shared)
    assert (verdict.outcome, verdict.asks) == ("promoted", "")
    told = {rule.name: rule for rule in verdict.rules}
    assert (told["primary:classes"].value, told["primary:classes"].limit) == (2, 3)
    assert "does not draw normal" in told["primary:classes"].says
    assert told["guard:classes"].limit == 3
    assert verdict.comparison is not None
    assert verdict.comparison.groups == 12

    like = evaluation(flat(0.1, groups=12, spread=0.02), model="b" * 64)
    open_ = decide(every, like, rules, shared=shared)
    assert (open_.outcome, "not shown to be better" in open_.asks) == ("promoted", True)
    better = evaluation(flat(0.01, groups=12, spread=0.02), model="b" * 64)
    assert decide(every, better, rules, shared=shared).outcome == "rejected"
    assert decide(shared, like, rules).outcome == "inconclusive"

    lacking = every.model_copy(update={"classes_drawn": ("cyst", "stone")})
    refused = decide(lacking, champion, rules, shared=shared)
    assert (refused.outcome, "missing: normal" in refused.reason) == ("rejected", True)


def test_nothing_is_said_of_classes_when_none_was_added() -> None:
    one = evaluation(flat(0.1, spread=0.01))
    verdict = decide(one, evaluation(flat(0.5, spread=0.01), model="b" * 64), GateConfig())
    assert "primary:classes" not in [rule.name for rule in verdict.rules]
