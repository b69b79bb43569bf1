"""Real and synthetic images come out of one path: nothing but their pixels tells them apart."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from pipeline.base.project import Project
from pipeline.registry.generators import Generators
from pipeline.study.create import create_study
from pipeline.study.held_out import test_arrays as held_out_arrays
from pipeline.study.plan import REAL, Design, Plan
from pipeline.study.trial_images import TrialImages
from tests.support.pictures import Grey
from tests.support.studied import RUN_KEY


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Name and content of each chunk, without pixels."""
    at, found = 8, []
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name = png[at + 4 : at + 8]
        found.append((name, b"" if name == b"IDAT" else png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def loaded(project: Project, name: str, design: Design) -> tuple[Plan, TrialImages]:
    plan = create_study(project, name, 1, design, 12).plan
    return plan, TrialImages.load(project, plan, Generators(project))


@pytest.mark.parametrize("design", ["pair", "single"])
def test_files_of_both_kinds_have_one_form(studied: Project, design: Design) -> None:
    plan, images = loaded(studied, f"form-{design}", design)
    files = [png for trial in range(12) for png in images.pngs(plan, trial)]
    assert len(files) == (24 if design == "pair" else 12)
    heads = {tuple(chunks(png)) for png in files}
    assert len(heads) == 1, "size, depth and chunks are alike, and none says more"
    assert [name for name, _ in heads.pop()] == [b"IHDR", b"IDAT", b"IEND"]


def test_a_pair_is_shown_as_planned(studied: Project) -> None:
    plan, images = loaded(studied, "sides", "pair")
    real = held_out_arrays(studied, RUN_KEY).by_id()
    for trial, asked in enumerate(plan.trials):
        left, right = images.pngs(plan, trial)
        assert left != right
        shown = {"left": left, "right": right}[asked.side]
        (other,) = {left, right} - {shown}
        assert np.array_equal(pixels(shown), real[asked.image])
        assert asked.index is not None
        assert np.array_equal(pixels(other), images.synthetic[asked.index])


def test_synthetic_images_can_be_drawn_again_one_by_one(studied: Project) -> None:
    plan, images = loaded(studied, "again", "single")
    generators = Generators(studied)
    for trial, asked in enumerate(plan.trials):
        if asked.truth == REAL:
            continue
        assert asked.index is not None
        (alone,) = generators.draw(plan.version, [asked.label], plan.draw_seed, start=asked.index)
        assert np.array_equal(pixels(images.pngs(plan, trial)[0]), alone)


def pixels(png: bytes) -> Grey:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)
