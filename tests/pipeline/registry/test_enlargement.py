import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model import sampling
from model.families import make_generator
from model.network import NetworkConfig
from model.tasks.enlarge import work
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.feedback.images import judge_images
from pipeline.feedback.opinions import Opinions
from pipeline.ledger.ledger import Ledger
from pipeline.registry import enlargement
from pipeline.registry.description import VersionFacts, version_description
from pipeline.registry.enlargement import Enlargement
from pipeline.registry.generators import Generators, Version
from pipeline.registry.image_files import Enlarge, Format, generate_images
from pipeline.registry.mlflow_model import SyntheticImages
from pipeline.registry.output_spec import OutputSpec
from pipeline.registry.signature import signature
from pipeline.study.create import create_study
from tests.support.enlarging import enlarging_project, tiny_enlarger
from tests.support.generators import tiny_generator
from tests.support.told import serve

DRAWN = OutputSpec(("stone",), 8)
ENLARGER = OutputSpec(("stone",), 32, task="enlarge", factor=4)


class _Generators:
    """An enlarger that repeats pixels; `spec` is what it says of itself."""

    spec = ENLARGER

    blocked = False

    def __init__(self, project: Project, _: object, *, withheld: bool = False) -> None:
        self.project, self.withheld, self.asked = project, withheld, list[float]()

    def require_handed_out(self, _: str) -> None:
        if self.blocked and not self.withheld:
            raise BadInputError("not handed out")

    def find(self, version: str) -> Version:
        return Version(5, (version,), "ab" * 32, "k5")

    def output_spec(self, _: int) -> OutputSpec:
        return self.spec

    def make(
        self, _: int, given: NDArray[np.uint8], labels: Sequence[str], *, noise: float = 0.0
    ) -> NDArray[np.uint8]:
        assert len(labels) == len(given)
        self.asked.append(noise)
        return given.repeat(4, axis=1).repeat(4, axis=2)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(enlargement, "Generators", _Generators)
    return Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "larger")})


def test_an_enlarger_makes_images_larger_and_its_version_is_told(project: Project) -> None:
    chosen = Enlargement.choose(project, "champion", 4, DRAWN)
    images = np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8)
    assert chosen.of(images, ["stone"] * 2).shape == (2, 32, 32)
    assert chosen.facts == {
        "enlarged_by": {
            "model": "medloom-larger",
            "version": 5,
            "weights_sha256": "ab" * 32,
            "factor": 4,
            "noise": 2.0,
        }
    }


@pytest.mark.parametrize(
    ("spec", "factor", "drawn", "says"),
    [
        (DRAWN, 4, DRAWN, "draws images and enlarges none"),
        (ENLARGER, 2, DRAWN, "give --enlarge 4"),
        (ENLARGER, 4, OutputSpec(("stone",), 64), "these are 64 px; train an enlarger with pre"),
        (ENLARGER, 4, OutputSpec(("stone",), 8, "trunk (0, 0) 1"), r"8 px of trunk \(0, 0\) 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    spec: OutputSpec,
    factor: int,
    drawn: OutputSpec,
    says: str,
) -> None:
    monkeypatch.setattr(_Generators, "spec", spec)
    with pytest.raises(BadInputError, match=says):
        Enlargement.choose(project, "champion", factor, drawn)


def test_an_enlarger_that_is_withheld_is_for_auditors_and_told_before_anything_is_drawn(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Generators, "blocked", True)
    with pytest.raises(BadInputError, match="not handed out"):
        Enlargement.choose(project, "champion", 4, DRAWN)
    assert Enlargement.choose(project, "champion", 4, DRAWN, withheld=True).factor == 4


def test_versions_of_before_draw() -> None:
    before = OutputSpec(("a",), 64)
    assert (before.task, before.factor, before.sources, before.modalities) == ("draw", 1, 1, ())
    assert before.draws
    assert not OutputSpec(("a",), 64, task="fuse", sources=2).draws
    assert OutputSpec(("a",), 64).given_size == 64
    assert ENLARGER.given_size == 8


def test_a_consumer_gives_small_images_in_the_place_of_classes() -> None:
    network = NetworkConfig(
        family="enlarge_multipath", image_size=32, classes=("stone",), latent=1, widths=(8,),
        factor=4, blocks=1,
    )  # fmt: skip
    generator = make_generator(network)
    served: Any = SyntheticImages()
    served._sampling, served._generator = sampling, generator
    small = work.example(8)
    assert np.array_equal(served.predict(None, small), sampling.enlarge(generator, small))
    told = served.predict(None, small, {"noise": 8.0})
    assert np.array_equal(told, sampling.enlarge(generator, small, 8.0))
    assert f"`{signature(32, 4).params.params[0].name}`" in str(SyntheticImages.predict.__doc__)
    (given,), (made,) = signature(32, 4).inputs.inputs, signature(32, 4).outputs.inputs
    assert (given.shape, made.shape) == ((-1, 8, 8), (-1, 32, 32))


def test_its_description_says_what_it_takes_and_that_patients_stay_patients() -> None:
    text = version_description(VersionFacts("medloom-larger", 3, ENLARGER))
    assert "is given grey-level images of 8 x 8 pixels" in text
    assert "makes them 4 times as large, 32 x 32" in text
    assert "shows that patient" in text
    assert "No image shows a person" not in text
    assert "enlarger.predict(small)" in text


@pytest.mark.parametrize("form", ["png", "zip", "dicom"])
def test_files_of_enlarged_images_name_both_versions(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    serve(monkeypatch, tiny_generator(("cyst", "stone")))
    monkeypatch.setattr(_Generators, "spec", OutputSpec(("stone",), 128, task="enlarge", factor=4))
    chain = Enlarge(project, "champion", 4)
    drawn = generate_images(
        project, "champion", "stone", 2, 7, tmp_path / "out", form=form, enlarge=chain
    )
    assert drawn.enlarged_by == "version 5 of medloom-larger"
    assert all("-x4-v5" in file.name for file in drawn.files), "the small images keep their names"
    if form == "zip":
        with zipfile.ZipFile(drawn.files[0]) as archive:
            (listed,) = (name for name in archive.namelist() if name.endswith(".json"))
            assert json.loads(archive.read(listed))["enlarged_by"]["version"] == 5
    if form == "png":
        with Image.open(drawn.files[1]) as image:
            assert image.size == (128, 128)
            said = json.loads(image.info["medloom"])
        assert said["version"] == 3
        assert said["enlarged_by"]["version"] == 5
        assert said["enlarged_by"]["noise"] == 2.0
        small = sampling.sample(tiny_generator(("cyst", "stone")), ["stone"], 7, start=1)
        with Image.open(drawn.files[1]) as image:
            assert np.array_equal(np.asarray(image)[::4, ::4], small[0])


def test_masks_and_walks_are_not_enlarged(project: Project, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="walks and masks are not enlarged"):
        generate_images(
            project, "champion", "stone", 2, 7, tmp_path / "out", masks=True,
            enlarge=Enlarge(project, "champion", 4),
        )  # fmt: skip


def test_what_is_of_drawn_images_alone_is_refused(tmp_path: Path) -> None:
    larger = enlarging_project(tmp_path)
    with pytest.raises(BadInputError, match="version 1 draws no images: it is given a small image"):
        judge_images(larger, "1", "stone", 0, [0], reader="ann")
    with pytest.raises(BadInputError, match="version 1 draws no images"):
        create_study(larger, "can-they-tell", "1", "pair", 10)
    assert Opinions(Ledger(larger)).records == []
    small = work.example(32)
    assert np.array_equal(
        Generators(larger).rival(1, small), work.rival(small, tiny_enlarger().config)
    )
