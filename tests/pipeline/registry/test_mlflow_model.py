"""What a version answers to the params of its signature, in this process."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from model import sampling
from model.families.base import Generator
from model.sampling import draw_layouts, label_maps, sample
from pipeline.registry.mlflow_model import SyntheticImages
from pipeline.registry.signature import signature
from tests.support.generators import SIZE, tiny_generator

CLASSES, KINDS = ("cyst", "normal", "stone"), ("cyst", "stone")


def model(generator: Generator, code: ModuleType = sampling) -> Any:
    made: Any = SyntheticImages()
    made._sampling, made._generator = code, generator
    return made


def test_findings_come_with_the_masks_of_the_same_call() -> None:
    generator = tiny_generator(CLASSES, KINDS)
    labels = ["stone", "normal", "cyst"]
    asked = {"seed": 7, "start": 2, "findings": 1, "kind": "cyst", "size_high": 4.0}
    wanted = draw_layouts(
        generator, labels, 7, start=2, findings=1, kind="cyst", diameters=(4.0, 4.0)
    )
    assert wanted is not None
    served = model(generator)
    images = served.predict(None, labels, asked)
    assert np.array_equal(images, sample(generator, labels, 7, start=2, layouts=wanted))
    masks = served.predict(None, np.array(labels), {**asked, "output": "masks"})
    assert np.array_equal(masks, label_maps(wanted))
    usual = served.predict(None, labels, {"seed": 7, "findings": -1, "kind": "", "size_low": 0.0})
    assert np.array_equal(usual, sample(generator, labels, 7))
    walk = served.predict(None, labels, {"seed": 7, "findings": 0, "frames": 2})
    assert walk.shape == (5, SIZE, SIZE)


def test_a_version_without_findings_answers_as_before() -> None:
    plain = tiny_generator(CLASSES)
    served = model(plain)
    assert np.array_equal(served.predict(None, ["stone"], None), sample(plain, ["stone"], 0))
    for params, said in (
        ({"findings": 2}, "trained without findings"),
        ({"output": "masks"}, "its images have no masks"),
    ):
        with pytest.raises(ValueError, match=said):
            served.predict(None, ["stone"], params)
    early = ModuleType("sampling")
    early.sample = sample  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="cannot be told where findings are; leave kind out"):
        model(plain, early).predict(None, ["stone"], {"kind": "stone"})
    assert model(plain, early).predict(None, ["stone"], {}).shape == (1, SIZE, SIZE)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"output": "pictures"}, "'pictures'; allowed are images and masks"),
        ({"output": "masks", "frames": 2}, "a walk has no masks"),
        ({"findings": -2}, "allowed are 0 to 6"),
        ({"output": "masks"}, "where the findings of normal are is not known"),
    ],
)
def test_what_has_no_answer_is_refused(params: dict[str, Any], said: str) -> None:
    generator = tiny_generator(CLASSES, KINDS)
    assert generator.bank is not None
    generator.bank.counts[1] = 0
    with pytest.raises(ValueError, match=said):
        model(generator).predict(None, ["normal", "stone"], params)


def test_the_signature_names_every_param_that_predict_reads() -> None:
    names = {param.name for param in signature(SIZE).params}
    assert names == {
        "seed", "start", "truncation", "frames", "findings", "kind", "size_low", "size_high",
        "output",
    }  # fmt: skip
    assert all(f"`{name}`" in str(SyntheticImages.predict.__doc__) for name in names)
