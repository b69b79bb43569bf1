"""Images side by side: walks, likenesses, versions, and what a finding changes."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model import sampling
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.registry import exploring
from pipeline.registry.asked import Asked
from pipeline.registry.bundle import LoadedBundle
from pipeline.registry.generators import Generators
from pipeline.registry.order import Order
from pipeline.synthetic.png import is_marked
from tests.support.generators import tiny_generator
from tests.support.told import serve

CLASSES = ("cyst", "stone")
MODEL = "m"


@pytest.fixture
def generators(project: Project, monkeypatch: pytest.MonkeyPatch) -> Generators:
    serve(monkeypatch, tiny_generator(CLASSES, CLASSES))
    return Generators(project)


def test_a_walk_goes_from_one_seed_to_the_other(generators: Generators) -> None:
    looks = exploring.walk(MODEL, generators, Order(3, "stone", seed=7), 9, 4)
    assert [look.caption for look in looks] == ["0%", "25%", "50%", "75%", "100%"]
    assert np.array_equal(looks[0].image, generators.draw(3, ["stone"], 7)[0])
    assert np.array_equal(looks[-1].image, generators.draw(3, ["stone"], 9)[0])
    with Image.open(io.BytesIO(looks[2].png)) as image:
        assert is_marked(image.info)
        facts = json.loads(image.info["medloom"])
    assert (facts["seed"], facts["to_seed"], facts["share"]) == (7, 9, 0.5)


def test_likenesses_are_nearer_than_other_images(generators: Generators) -> None:
    order = Order(3, "stone", seed=7, asked=Asked(2))
    layouts = generators.layouts(3, ["stone"] * 4, 7, asked=Asked(2))
    images = generators.draw(3, ["stone"] * 4, 7, layouts=layouts).astype(float)
    looks = exploring.alike(MODEL, generators, order, 2, 3, 0.1)
    near = [np.abs(look.image - images[2]).mean() for look in looks]
    assert 0 < max(near) < np.abs(images[1] - images[2]).mean()
    assert len({look.image.tobytes() for look in looks}) == 3
    (same,) = exploring.alike(MODEL, generators, order, 2, 1, 0.0)
    assert np.array_equal(same.image, images[2])


def test_versions_that_cannot_draw_it_are_left_out_and_named(
    generators: Generators, project: Project
) -> None:
    class Gone(Generators):
        def draw(self, *_: object, **__: object) -> NDArray[np.uint8]:
            raise TransientError("its weights are missing from the remote")

    both = {3: generators, 2: Gone(project)}
    found = exploring.across(MODEL, both, Order(3, "stone"))
    assert [look.caption for look in found.looks] == ["version 3"]
    assert list(found.refused) == [2]
    found = exploring.across(MODEL, {3: generators}, Order(3, "lung"))
    assert found.looks == []
    assert "unknown class lung" in found.refused[3]


def test_a_finding_changes_its_place_alone_in_the_mask(generators: Generators) -> None:
    found = exploring.effect(MODEL, generators, Order(3, "stone", 5, 7, asked=Asked(1, "stone")))
    changed = found.shown.image.astype(int) - found.without.image
    assert np.array_equal(found.difference.image, np.clip(changed + 128, 0, 255))
    assert set(np.unique(found.mask)) == {0, 2}
    assert found.mean_inside == pytest.approx(np.abs(changed)[found.mask > 0].mean())
    with pytest.raises(BadInputError, match="no finding is asked for"):
        exploring.effect(MODEL, generators, Order(3, "stone"))


@pytest.mark.parametrize(
    ("parts", "label"),
    [
        ({"cyst": 3, "stone": 1}, "3*cyst+1*stone"),
        ({"cyst": 0, "stone": 4}, "stone"),
        ({"cyst": 0}, ""),
    ],
)
def test_parts_make_a_mixture(parts: dict[str, int], label: str) -> None:
    assert exploring.mixture(parts) == label


def test_an_earlier_versions_code_draws_nothing_between_seeds() -> None:
    earlier = SimpleNamespace(sample=sampling.sample)
    bundle = LoadedBundle(earlier, tiny_generator(CLASSES))  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="of an earlier medloom"):
        bundle.between(("cyst", 1, 0), ("cyst", 2, 0), [0.5])
