"""Edited images: their files, what these say, and drawing them again; versions without styles."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from model import sampling
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.registry import exploring
from pipeline.registry.bundle import LoadedBundle
from pipeline.registry.edits import Edit
from pipeline.registry.generators import Generators
from pipeline.registry.image_files import generate_images
from pipeline.registry.order import Order
from pipeline.registry.verify_image import ImageVerifier
from pipeline.synthetic.png import SIDECAR_SUFFIX, is_marked
from tests.support.generators import tiny_generator
from tests.support.told import serve

CLASSES = ("cyst", "stone")
MOVE = Edit(0.5, "stone")


@pytest.mark.parametrize("kinds", [(), CLASSES])
@pytest.mark.parametrize("move", [MOVE, Edit(-1.5, direction=3)])
def test_files_say_what_was_done_and_are_drawn_again(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kinds: tuple[str, ...],
    move: Edit,
) -> None:
    serve(monkeypatch, tiny_generator(CLASSES, kinds, family="style"))
    drawn = generate_images(project, "champion", "cyst", 2, 7, tmp_path / "out", edit=move)
    assert drawn.files[1].name.endswith(f"-cyst-seed7-{move.in_words}-00001.png")
    with Image.open(drawn.files[1]) as image:
        assert is_marked(image.info)
        facts = json.loads(image.info["medloom"])
    assert (facts["label"], facts["edit"]) == ("cyst", move.facts)
    assert Edit.of_facts(facts["edit"]) == move
    beside = Path(f"{drawn.files[1]}{SIDECAR_SUFFIX}")
    assert json.loads(beside.read_text())["edit"] == move.facts
    # On the way to another class findings fade, so that none is where it was asked for.
    assert ("findings" in facts) == (bool(kinds) and move.direction is not None)
    assert ImageVerifier(project).verify(drawn.files[1]).true


def test_looks_go_from_the_image_itself(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, tiny_generator(CLASSES, family="style"))
    generators, order = Generators(project), Order(3, "cyst", seed=7)
    edits = [Edit(amount, "stone") for amount in (0.0, 0.5, 1.0)]
    looks = exploring.edited("m", generators, order, edits)
    assert [look.caption for look in looks] == ["0", "0.5", "1"]
    assert np.array_equal(looks[0].image, generators.draw(3, ["cyst"], 7)[0])
    assert not np.array_equal(looks[0].image, looks[2].image)
    assert looks[1].facts["edit"] == {"towards": "stone", "amount": 0.5}
    assert generators.output_spec(3).directions == 16


def test_a_version_without_styles_is_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, tiny_generator(CLASSES))
    assert Generators(project).output_spec(3).directions == 0
    with pytest.raises(BadInputError, match=r"version 3: its family, rpgan, .* of style"):
        generate_images(project, "champion", "cyst", 1, 7, tmp_path, edit=MOVE)
    earlier = SimpleNamespace(sample=sampling.sample)
    bundle = LoadedBundle(earlier, tiny_generator(CLASSES))  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="of an earlier medloom"):
        bundle.draw(["cyst"], 7, edit=MOVE)


def test_an_edit_goes_one_way() -> None:
    for towards, direction in (("", None), ("stone", 3)):
        with pytest.raises(BadInputError, match="give one of both, such as --towards stone"):
            Edit.parse(1.0, towards, direction)
    assert Edit.parse(0.25, "3*cyst+stone", None).in_words == "towards-3xcyst+stone-0.25"
    assert Edit.of_facts(None) is None
