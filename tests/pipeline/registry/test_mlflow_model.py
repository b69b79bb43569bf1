"""What a version answers to the params of its signature, in this process."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from model import sampling
from model.families import make_generator
from model.families.base import Generator
from model.network import NetworkConfig
from model.sampling import draw_layouts, label_maps, sample
from pipeline.registry.mlflow_model import SyntheticImages
from pipeline.registry.signature import signature
from tests.support.exposures import exposures
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


def test_a_fuser_is_given_pairs_and_refuses_those_that_are_not_registered() -> None:
    network = NetworkConfig(
        family="fuse_difference", image_size=64, classes=("stone",), latent=1, widths=(8,),
        blocks=1, sources=2,
    )  # fmt: skip
    fuser = make_generator(network)
    served, pairs = model(fuser), np.stack([exposures(number) for number in range(2)])
    made = served.predict(None, pairs)
    assert np.array_equal(made, sampling.fuse(fuser, pairs))
    moved = np.stack([pairs[:, 0], np.roll(pairs[:, 1], 4, 2)], 1)
    with pytest.raises(ValueError, match="the images of pair 0 are not registered"):
        served.predict(None, moved)
    assert served.predict(None, moved, {"check": False}).shape == (2, 64, 64)
    said = signature(64, sources=2)
    (given,), (out,) = said.inputs.inputs, said.outputs.inputs
    assert (given.shape, out.shape) == ((-1, 2, 64, 64), (-1, 64, 64))
    assert f"`{said.params.params[0].name}`" in str(SyntheticImages.predict.__doc__)
