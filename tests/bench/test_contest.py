from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench import contest
from bench.contest import MEDLOOM, RIVALS, configure, standings
from bench.faithful import MARGIN
from bench.tables import contest_table
from bench.trial import Moment, Outcome, Trial
from model.config import TrainConfig
from model.layouts import Layouts
from model.weights import read_config
from pipeline.base.errors import BadInputError
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.data.region import RegionConfig
from pipeline.evaluation.record import KERNEL, EvaluateConfig
from pipeline.stages.prepared import prepare


def _outcome(name: str, speed: float, *distances: float) -> Outcome:
    moments = [
        Moment(
            seconds=60.0 * (i + 1), images_seen=i, kernel_distance=d, ms_ssim=0.3, ms_ssim_real=0.3
        )
        for i, d in enumerate(distances)
    ]
    return Outcome(
        name=name, data="", config=TrainConfig(), images_seen=round(100 * speed), seconds=100.0,
        precision="float32", memory_format="channels_last", threads=1, processor="Z80",
        moments=tuple(moments),
    )  # fmt: skip


def test_speed_ratios_and_the_moment_of_overtaking() -> None:
    found = {
        MEDLOOM: [_outcome("m0", 80, 0.5, 0.3, 0.1), _outcome("m1", 120, 0.4, 0.2, 0.1)],
        "vae": [_outcome("v0", 50, 0.9, 0.3, 0.3), _outcome("v1", 50, 0.9, 0.3, 0.1)],
        "dcgan": [_outcome("d0", 25, 0.05), _outcome("d1", 25, 0.05)],
    }
    ours, vae, dcgan = standings(found)
    assert (ours.speed, vae.speed_ratio, dcgan.speed_ratio) == (100, 2.0, 4.0)
    # Seed 0 passes 0.3 at its second minute, seed 1 passes 0.1 at its third.
    assert vae.overtaken_minutes == 2.5
    assert dcgan.overtaken_minutes is None
    Console(width=160).print(contest_table([ours, vae, dcgan]))


def test_rivals_are_what_they_are_called() -> None:
    ours, plain = configure(MEDLOOM, 10, 1), configure("plain", 10, 1)
    assert ours.config.recipe == TrainConfig().recipe
    assert (plain.config.precision, plain.config.memory_format) == ("float32", "contiguous")
    assert not plain.tuned
    changed = TrainConfig().recipe.model_copy(update={"penalty_every": 1})
    assert plain.config.recipe == changed
    assert plain.config.budget_minutes == 2
    for name in RIVALS:
        assert configure(name, 10, 0).config.seed == 0
    assert configure("prototype", 10, 0).config.recipe.batch == 16
    first = configure("prototype", 10, 0).config.recipe.model_dump()
    assert (first["noise"], first["layout"]) == (False, 0.0), "it knew neither"
    assert configure("dcgan", 10, 0).config.family == "dcgan"
    with pytest.raises(BadInputError, match=", ".join(RIVALS)):
        configure("stylegan", 10, 0)


@pytest.fixture
def processed(tmp_path: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (24, 32, 32), dtype=np.uint8)
    names = np.array([f"i{i}" for i in range(24)])
    groups = np.array([f"g{i // 4}" for i in range(24)])
    maps = np.zeros((24, 1, 32, 32), np.uint8)
    maps[1::2, :, 10:14, 10:14] = 255
    layouts = Layouts(maps, np.arange(24) < 16)  # enough to be given, too few for a detector
    split = SplitArrays(images, np.arange(24) % 2, names, groups, layouts)
    folder = tmp_path / "processed"
    Processed(("normal", "stone"), dict.fromkeys(SPLITS, split), ("stone",)).save(folder)
    return folder


def quickly(name: str, minutes: float, seed: int) -> Trial:
    """A trial as it is, but validated and scored on few images, and without a choice of speed."""
    trial = configure(name, minutes, seed)
    few = {
        "validation_images": 16,
        "precision": "float32",
        "memory_format": "contiguous",
        "threads": 1,
    }
    config = trial.config.model_copy(update=few)
    scoring = EvaluateConfig(n_fake=60, pairs=10, gan_test_kimg=0.1)
    return trial.model_copy(update={"config": config, "scoring": scoring, "judged": 16})


def test_a_contest_trains_scores_and_compares(
    processed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contest, "SNAPSHOTS", 1)
    monkeypatch.setattr(contest, "configure", quickly)
    told: set[str] = set()
    found, outcomes = contest.contest(
        prepare(processed, 32),
        ["dcgan", "plain"],
        0.01,
        [0],
        tmp_path / "out",
        lambda name, _: told.add(name),
    )
    ours, dcgan, plain = found
    names = ["medloom seed 0", "dcgan seed 0", "plain seed 0"]
    assert [one.name for one in outcomes] == names
    assert told == set(names)
    given = [read_config(tmp_path / "out" / name.replace(" ", "-"))[0].given for name in names]
    assert given == [("stone",), (), ("stone",)], "DCGAN takes no layouts, and trains all the same"
    assert {MARGIN, "precision"} <= dcgan.faithful.keys()
    assert plain.faithful == {}
    assert outcomes[0].evaluation is not None
    assert ours.kernel_distance == outcomes[0].evaluation.figure(KERNEL).value
    assert ours.over_floor is not None
    assert ours.over_floor > 0
    assert plain.kernel_distance is None
    assert plain.speed_ratio == pytest.approx(ours.speed / plain.speed)
    assert list((tmp_path / "out").glob("medloom-seed-0/report/grid-*.png"))

    def again(*, resume: bool) -> list[Outcome]:
        return contest.contest(
            prepare(processed, 32), ["dcgan", "plain"], 0.01, [0], tmp_path / "out", resume=resume
        )[1]

    def refuse(*_: object) -> Outcome:
        raise AssertionError("trained again")

    monkeypatch.setattr(contest, "run_trial", refuse)
    assert again(resume=True) == outcomes
    with pytest.raises(AssertionError, match="trained again"):
        again(resume=False)
    (tmp_path / "out" / "plain-seed-0" / "outcome.json").unlink()
    with pytest.raises(AssertionError, match="trained again"):
        again(resume=True)


def test_data_of_another_size_or_no_data_is_refused(processed: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--size 32"):
        prepare(processed, 64)
    pair = RegionConfig(frame="trunk", half_side=0.72)
    with pytest.raises(BadInputError, match="shows whole images, not region trunk"):
        prepare(processed, 32, region=pair)
    assert prepare(processed, 32, region=RegionConfig()) == processed
    with pytest.raises(BadInputError, match="not a folder"):
        prepare(tmp_path / "nothing", 64)
