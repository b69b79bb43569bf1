"""A version beside its baseline, from what the registry holds."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base.project import Project
from pipeline.evaluation.record import BASELINE_FOLDER, EVALUATION_FILE, Evaluation, Figure
from pipeline.local import services
from pipeline.registry.output_spec import OutputSpec
from pipeline.reports.run import baseline_page as page
from tests.pipeline.reports.run.test_render import CLASSES, evaluation


class Kept:
    """A registry of one version, whose artifacts lie in a folder."""

    model = "medloom-kidney"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = list[str]()

    def run_artifacts(self, version: int, path: str, to: Path) -> Path | None:
        assert version == 3
        self.asked.append(path)
        file = self.folder / path
        if not file.exists():
            return None
        return Path(shutil.copyfile(file, to / path.replace("/", "-")))

    def tags(self, version: int) -> dict[str, str]:
        assert version == 3
        return {}

    def output_spec(self, version: int) -> OutputSpec:
        assert version == 3
        return OutputSpec(CLASSES, 64)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    made = Kept(tmp_path)
    for place in (tmp_path / "evaluation", tmp_path / "evaluation" / BASELINE_FOLDER):
        place.mkdir()
        for label in CLASSES[:2]:
            Image.fromarray(np.zeros((8, 16), np.uint8)).save(place / f"grid-{label}.png")

    @contextmanager
    def running(_: Project) -> Iterator[str]:
        yield "sqlite://"

    monkeypatch.setattr(services, "mlflow", running)
    monkeypatch.setattr(page, "Registry", lambda *_: made)
    return made


def keep(kept: Kept, one: Evaluation) -> None:
    one.save(kept.folder / "evaluation" / EVALUATION_FILE)


def with_baseline() -> Evaluation:
    return evaluation("a1" * 32, 0.16).model_copy(
        update={"baseline_family": "vae", "baseline": evaluation("c3" * 32, 0.31)}
    )


def test_figures_floors_and_grids_of_both_stand_side_by_side(kept: Kept) -> None:
    keep(kept, with_baseline())
    shown = page.baseline_page(Project.load({}), 3, pictures=True)
    assert "Version 3 beside vae" in shown
    assert "<b>0.160</b>" in shown
    assert "0.310" in shown
    assert "0.00530" in shown
    assert shown.count('src="data:image/png') == 4, "two classes have grids, of both families"


def test_without_the_right_to_real_images_no_grid_is_even_fetched(kept: Kept) -> None:
    keep(kept, with_baseline())
    shown = page.baseline_page(Project.load({}), 3, pictures=False)
    assert "0.310" in shown
    assert "<img" not in shown
    assert not [path for path in kept.asked if path.endswith(".png")]


def test_without_a_baseline_there_is_no_page(kept: Kept) -> None:
    assert page.baseline_page(Project.load({}), 3, pictures=True) == ""
    keep(kept, evaluation("a1" * 32, 0.16))
    assert page.baseline_page(Project.load({}), 3, pictures=True) == ""
    (kept.folder / "evaluation" / EVALUATION_FILE).write_text(json.dumps({"of": "another medloom"}))
    assert page.baseline_page(Project.load({}), 3, pictures=True) == ""


def test_of_a_task_with_a_truth_the_gain_stands_beside_the_rival_and_rows_below(
    kept: Kept,
) -> None:
    def of(model: str, psnr: float, *more: Figure) -> Evaluation:
        one = Figure(metric="psnr", label=None, protocol="psnr_x2", value=psnr, n_real=9, n_fake=9)
        base = evaluation(model * 32, 0.16)
        protocol = base.protocol.model_copy(update={"task": "enlarge", "factor": 2})
        return base.model_copy(update={"figures": (one, *more), "protocol": protocol})

    shutil.rmtree(kept.folder / "evaluation" / BASELINE_FOLDER)  # a rival has no grids
    gain = Figure(
        metric="psnr_gain", label=None, protocol="psnr_gain_x2", value=1.5, low=1.25, high=1.75,
        n_real=9, n_fake=9,
    )  # fmt: skip
    found = of("a1", 27.5, gain)
    keep(kept, found.model_copy(
        update={"baseline": of("b2", 26.0), "baseline_family": "bicubic"}
    ))  # fmt: skip
    shown = page.baseline_page(Project.load({}), 3, pictures=True)
    assert "Better by" in shown
    assert "1.25 to 1.75" in shown
    assert "Floor" not in shown
    assert "what it was given, bicubic, what it made, and the real image" in shown
    assert shown.count('src="data:image/png') == 2, "a picture of rows for each of two classes"
