import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bench import ablation
from bench.ablation import ROWS, ablate, configure
from bench.trial import Outcome, Trial
from model.config import TrainConfig
from model.families import recipe_class
from model.progress import Progress
from pipeline.base.errors import BadInputError
from pipeline.data.processed import SPLITS, Processed, SplitArrays

QUICK = "widths=[8,8,8],latent=4,batch=4,validation_images=0,precision=float32,threads=1"


@pytest.fixture
def processed(tmp_path: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)
    names = np.array([f"i{i}" for i in range(12)])
    split = SplitArrays(images, np.arange(12) % 2, names, names)
    folder = tmp_path / "processed"
    Processed(("normal", "stone"), dict.fromkeys(SPLITS, split)).save(folder)
    return folder


def test_a_row_changes_what_it_names_and_nothing_else() -> None:
    plain, changed = (
        configure("default", 0, kimg=4.0),
        configure("gamma=1,batch=16,seed=3", 0, kimg=4.0),
    )
    assert plain.recipe == TrainConfig().recipe
    assert plain.kimg == 4
    assert changed.seed == 3
    assert changed.recipe == plain.recipe.model_copy(update={"gamma": 1.0, "batch": 16})
    other = configure("family=vae,beta=2", 0)
    assert other.recipe == recipe_class("vae")(beta=2.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_ablation_can_be_trained_and_is_one_factor(row: str) -> None:
    default, config = configure("default", 0), configure(row, 0)
    assert (config == default) == (row == "default")


@pytest.mark.parametrize(
    ("row", "message"),
    [("gama=1", "gama"), ("batch=3", "batch"), ("batch", "batch has no value"), ("a=[", "KEY=")],
)
def test_a_row_that_cannot_be_is_refused(row: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        configure(row, 0)


def _outcome(processed: Path, trial: Trial, validation: float) -> Outcome:
    return Outcome(
        name=trial.name, data=str(processed), config=trial.config, images_seen=8, seconds=1.0,
        precision="float32", memory_format="channels_last", threads=1, processor="Z80", moments=(),
        validation=validation,
    )  # fmt: skip


def test_rows_are_ranked_appended_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def run(
        processed: Path, trial: Trial, _out: Path, tell: Callable[[Progress], None] | None = None
    ) -> Outcome:
        trained.append(trial.name)
        if tell:
            # batch=16 is twice as fast: it is shown twice the images.
            speed = 200.0 if trial.config.recipe.batch == 16 else 100.0
            for seconds in (1, 2, 3):
                shown = round(speed * seconds - 40)  # a slow start
                tell(Progress(shown, 999, {}, shown / seconds, eta_seconds=0.0))
        return _outcome(processed, trial, {"batch=16 seed 0": 0.1}.get(trial.name, 0.5))

    monkeypatch.setattr(ablation, "run_trial", run)
    file = tmp_path / "rows.jsonl"
    rows = ["default", "batch=16"]
    first = ablate(tmp_path, rows, 4, [0], file)
    assert [one.name for one in first] == ["batch=16 seed 0", "default seed 0"]
    assert [one.config.kimg for one in first] == [48.0, 24.0]
    # A kill cut the last line short: its row is trained again, the other is not, and no speed is
    # measured again.
    file.write_text(file.read_text()[:-20])
    again = ablate(tmp_path, rows, 4, [0], file)
    assert again == first
    assert trained == ["default", "batch=16", "default seed 0", "batch=16 seed 0", trained[-1]]
    # Other minutes are another trial.
    ablate(tmp_path, ["default"], 5, [0], file)
    assert trained[5:] == ["default seed 0"]
    # So are other data, whose speed is another too.
    ablate(tmp_path / "other", ["default"], 4, [0], file)
    assert trained[6:] == ["default", "default seed 0"]


def test_trainings_side_by_side_share_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2, timeout=20)

    def run(
        processed: Path, trial: Trial, _out: Path, tell: Callable[[Progress], None] | None = None
    ) -> Outcome:
        if tell:
            for seen in (100, 200):
                tell(Progress(seen, 999, {}, images_per_second=100.0, eta_seconds=0.0))
        else:
            together.wait()  # passes only when both trainings run at once
        return _outcome(processed, trial, 0.5)

    monkeypatch.setattr(ablation, "run_trial", run)
    monkeypatch.setattr(ablation, "cores", lambda: 6)
    outcomes = ablate(tmp_path, ["default"], 4, [0, 1], tmp_path / "rows.jsonl", jobs=2)
    assert [one.config.threads for one in outcomes] == [3, 3]


def test_a_trial_is_a_training_in_a_process_of_its_own(
    processed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "Trial", partial(Trial, judged=32))
    (outcome,) = ablate(processed, [QUICK], 0.05, [0], tmp_path / "rows.jsonl")
    assert outcome.images_seen > 0
    assert outcome.seconds > 0
    assert (outcome.precision, outcome.threads) == ("float32", 1)
    assert list(tmp_path.glob("rows/*/grid.png"))
    assert list(tmp_path.glob("rows/*/generator.safetensors"))
