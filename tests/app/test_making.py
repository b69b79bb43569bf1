"""Pages of a version that is given images: what it makes, how near that is, what has no sense."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import gallery, shared
from model.families import make_generator
from model.network import NetworkConfig
from model.tasks import work_of
from model.tasks.enlarge import TASK, work
from model.tasks.fuse import TASK as FUSE
from pipeline.base.project import Project
from pipeline.data.processed import Processed
from pipeline.evaluation.paired import score_pairs
from pipeline.evaluation.record import Evaluation
from pipeline.registry import known_versions
from pipeline.registry.description import VersionFacts
from pipeline.registry.drawn_images import DrawnImages
from pipeline.registry.generators import Generators
from pipeline.registry.image_files import Enlarge, generate_images
from pipeline.registry.known_versions import VersionPage
from pipeline.registry.output_spec import OutputSpec
from tests.app.conftest import MAIN, page_of
from tests.app.test_pages import address, captions, fine
from tests.pipeline.stages.test_enlarging import CONFIG, split
from tests.support.enlarging import FACTOR, enlarging_project
from tests.support.generators import SIZE


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return enlarging_project(tmp_path_factory.mktemp("larger"))


@pytest.fixture
def pages(larger: Project, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return page_of(larger, monkeypatch)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    network = NetworkConfig(
        family="enlarge_se", image_size=32, classes=("cyst", "stone"), latent=1, widths=(8,),
        factor=2, blocks=1,
    )  # fmt: skip
    splits = {"train": split(3, 0), "val": split(2, 1), "test": split(6, 2)}
    processed = Processed(("cyst", "stone"), splits)
    make = partial(work.make, make_generator(network).eval())
    return score_pairs(make, network, processed, CONFIG, "ab" * 32).evaluation


def test_a_computed_example_is_made_larger_beside_bicubic(pages: AppTest) -> None:
    fine(pages.run())
    assert pages.subheader[0].value == "Version 1 makes images 2 times as large"
    assert f"given {TASK.given} · {SIZE} × {SIZE} px to {2 * SIZE} × {2 * SIZE} px" in captions(
        pages
    )
    assert "From left to right: given, bicubic, made." in captions(pages)
    assert len(pages.get("image")) == len(work.example(SIZE))
    assert address(pages) == {"version": "1", "given": "Computed example", "rows": "Rows"}
    pages.button_group(key="rows").set_value("Closely").run()
    assert address(fine(pages))["image"] == "0"


def test_images_of_the_project_beside_are_enlarged_as_the_command_line_does_it(
    pages: AppTest, larger: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[DrawnImages, str]] = []
    take = gallery.take_along

    def watched(drawn: DrawnImages, index: int, typed: str) -> None:
        taken.append((drawn, typed))
        take(drawn, index, typed)

    monkeypatch.setattr(gallery, "take_along", watched)
    pages.query_params |= {"given": "Drawn images", "label": "stone", "n": "2", "seed": "7"}
    fine(pages.run())
    assert address(pages) | {"rows": ""} == {
        "version": "1", "given": "Drawn images", "of": "shown", "of-version": "1",
        "label": "stone", "n": "2", "seed": "7", "rows": "",
    }  # fmt: skip
    assert len(pages.get("image")) == 2
    drawn, typed = taken[-1]
    assert typed.endswith(
        "--project shown generate --version 1 --label stone -n 2 --seed 7 --enlarge 2 "
        "--enlarger larger:1 -o out"
    )
    written = generate_images(
        larger.beside("shown"), "1", "stone", 2, 7, tmp_path, enlarge=Enlarge(larger, "1", FACTOR)
    )
    assert [file.name for file in written.files] == drawn.names
    assert [file.read_bytes() for file in written.files] == [drawn.png(0), drawn.png(1)]


def test_without_a_generator_that_fits_it_is_said_which_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = enlarging_project(tmp_path)
    monkeypatch.setattr(Project, "neighbours", [])
    page = page_of(project, monkeypatch)
    page.query_params["given"] = "Drawn images"
    fine(page.run())
    assert f"preprocess.size: {SIZE}" in page.info[0].value


def test_a_file_that_is_synthetic_is_enlarged(
    pages: AppTest, larger: Project, tmp_path: Path
) -> None:
    generate_images(larger.beside("shown"), "1", "stone", 1, 7, tmp_path)
    (file,) = tmp_path.glob("*.png")
    pages.query_params["given"] = "A file"
    fine(pages.run())
    assert "No image of a patient comes in here" in captions(pages)
    pages.file_uploader(key="file").set_value((file.name, file.read_bytes(), "image/png"))
    fine(pages.run())
    assert len(pages.get("image")) == 1
    assert len(pages.get("download_button")) == 1


def test_figures_stand_beside_those_of_the_rival(
    pages: AppTest, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = OutputSpec(("cyst", "stone"), 32, task="enlarge", factor=2)
    found = VersionFacts("m", 1, output, evaluation=evaluation, outcome="promoted", reason="good")
    monkeypatch.setattr(shared, "version_facts", lambda project, number: found)
    fine(pages.switch_page("pages/evaluate.py").run())
    assert pages.subheader[0].value == "Version 1 beside bicubic"
    gain = evaluation.figure("psnr_gain")
    assert f"Gain over bicubic: **{gain.value:+.3g} dB**" in captions(pages)
    assert "Verdict of the gate: promoted." in captions(pages)
    assert len(pages.get("vega_lite_chart")) == len(TASK.qualities)
    assert not pages.get("image"), "real images are for readers, on the page Versions"


def test_a_version_without_figures_says_how_to_get_them(
    pages: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = OutputSpec(("cyst", "stone"), 32, task="enlarge", factor=2)
    monkeypatch.setattr(shared, "version_facts", lambda *_: VersionFacts("m", 1, output))
    fine(pages.switch_page("pages/evaluate.py").run())
    assert "evaluate --version 1" in pages.info[0].value


@pytest.mark.parametrize(
    ("name", "what"), [("explore", "Mixtures, walks and edits are"), ("feedback", "Feedback is"),
                       ("study", "Studies are")]
)  # fmt: skip
def test_what_has_no_sense_for_it_is_said_in_a_line(pages: AppTest, name: str, what: str) -> None:
    fine(pages.switch_page(f"pages/{name}.py").run())
    (said,) = pages.info
    assert said.value.startswith(f"{what} of images that a version draws, and version 1 draws none")
    assert "The page Generate shows what it makes" in said.value
    assert not pages.get("image")


@pytest.mark.parametrize("name", [file.stem for file in sorted(MAIN.parent.glob("pages/*.py"))])
def test_no_page_breaks(
    pages: AppTest, name: str, monkeypatch: pytest.MonkeyPatch, evaluation: Evaluation
) -> None:
    output = OutputSpec(("cyst", "stone"), 32, task="enlarge", factor=2)
    found = VersionFacts("m", 1, output, evaluation=evaluation)
    monkeypatch.setattr(shared, "version_facts", lambda *_: found)
    monkeypatch.setattr(known_versions, "version_page", lambda *_: VersionPage("card", "report"))
    fine(pages.switch_page(f"pages/{name}.py").run())


def test_a_fuser_shows_the_example_of_its_task(
    pages: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuse: Any = work_of(FUSE)
    make: Callable[..., Any] = lambda self, version, given, *_: given.mean(1).astype(np.uint8)  # noqa: E731
    monkeypatch.setattr(Generators, "output_spec", lambda *_: OutputSpec(("a",), SIZE, task="fuse"))
    monkeypatch.setattr(Generators, "make", make)
    monkeypatch.setattr(Generators, "rival", lambda self, version, given: fuse.rival(given, None))
    fine(pages.run())
    assert pages.subheader[0].value == f"Version 1 makes {FUSE.made}"
    assert "given first, given second, maximum, made" in captions(pages)
    assert len(pages.get("image")) == len(fuse.example(SIZE))
    assert not [one for one in pages.button_group if one.key == "given"]
    assert "load it from MLflow" in captions(pages)
