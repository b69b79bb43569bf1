"""The baseline, trained beside the generator and finished by the evaluate stage."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from model.config import TrainConfig
from model.progress import Progress
from model.runtime import cores
from model.weights import WEIGHTS_FILE
from pipeline.base.errors import BadInputError
from pipeline.data.processed import SPLITS, Processed, SplitArrays
from pipeline.stages import beside
from pipeline.stages.baseline import train_baseline
from pipeline.stages.beside import baseline_beside

LENGTH = TrainConfig(
    kimg=0.128, snapshots=1, validation_images=0, checkpoint_kimg=0.064, precision="float32"
)
PARAMS = {"evaluate": {"baseline": "vae"}, "train": {"kimg": 1.0, "budget_minutes": 0.0}}


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processed")
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32), dtype=np.uint8)
    names = np.array([f"i{i}" for i in range(12)])
    arrays = SplitArrays(images, np.arange(12) % 2, names, names)
    Processed(("normal", "stone"), dict.fromkeys(SPLITS, arrays)).save(folder)
    return folder


def test_what_was_trained_beside_is_gone_on_from_and_the_same(
    processed: Path, tmp_path: Path
) -> None:
    kept, seen = tmp_path / "checkpoints", list[int]()

    def tell(now: Progress) -> None:
        seen.append(now.images_seen)

    train_baseline(processed, None, LENGTH, "vae", kept)
    assert len(list(kept.rglob("checkpoint-*.pt"))) == 2
    train_baseline(processed, tmp_path / "after", LENGTH, "vae", kept, on_progress=tell)
    assert not seen, "nothing was left to train"
    assert not list(kept.iterdir())
    train_baseline(processed, tmp_path / "alone", LENGTH, "vae", None)
    weights = [(tmp_path / one / WEIGHTS_FILE).read_bytes() for one in ("after", "alone")]
    assert weights[0] == weights[1]


def test_an_unknown_family_is_refused_with_those_there_are(processed: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"evaluate.baseline.*dcgan, .*vae"):
        train_baseline(processed, tmp_path, LENGTH, "stylegan", None)


def _with_command(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let the second process write its number, and wait."""
    code = (
        "import os, sys, time, pathlib; file = pathlib.Path(sys.argv[1]);"
        "(file.parent / 'new').write_text(str(os.getpid())); (file.parent / 'new').rename(file);"
        "time.sleep(600)"
    )
    monkeypatch.setattr(beside, "_COMMAND", (sys.executable, "-c", code, str(file)))


def test_the_second_process_ends_with_the_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    _with_command(monkeypatch, file)
    monkeypatch.setattr(beside, "cores", lambda: 2)
    with baseline_beside(PARAMS):
        while not file.exists():
            time.sleep(0.01)
        number = int(file.read_text())
        os.kill(number, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


@pytest.mark.skipif(cores() < 2, reason="one core cannot be divided")
@pytest.mark.parametrize("threads", [0, 2])
def test_the_second_process_has_a_core_of_its_own_unless_threads_are_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, threads: int
) -> None:
    file = tmp_path / "pid"
    _with_command(monkeypatch, file)
    allowed = os.sched_getaffinity(0)
    with baseline_beside(PARAMS | {"train": {"threads": threads}}):
        while not file.exists():
            time.sleep(0.01)
        ours, theirs = (os.sched_getaffinity(of) for of in (0, int(file.read_text())))
        assert (ours, theirs) == (allowed, allowed) if threads else not ours & theirs
        assert ours | theirs == allowed
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.parametrize(
    ("params", "how_many", "world"),
    [
        (PARAMS | {"evaluate": {"baseline": ""}}, 2, "1"),
        (PARAMS | {"train": {"budget_minutes": 10.0}}, 2, "1"),
        ({}, 2, "1"),
        (PARAMS, 1, "1"),
        (PARAMS, 2, "2"),
    ],
)
def test_no_second_process_without_a_baseline_or_time_for_it(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, object], how_many: int, world: str
) -> None:
    monkeypatch.setattr(beside, "_COMMAND", ("no-such-command",))
    monkeypatch.setattr(beside, "cores", lambda: how_many)
    monkeypatch.setenv("WORLD_SIZE", world)
    with baseline_beside(params):
        pass


def test_the_second_process_ends_when_the_training_is_killed(
    processed: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/processed").symlink_to(processed)
    (tmp_path / "params.yaml").write_text(
        "train: {kimg: 1000, snapshots: 1, validation_images: 0, precision: float32}\n"
        "evaluate: {baseline: vae}\n"
    )
    code = (
        "import subprocess, sys;"
        "command = 'from pipeline.stages import baseline as b;"
        " b._LOWEST_PRIORITY = 1; b.run_as_command(b.main)';"
        "child = subprocess.Popen([sys.executable, '-c', command]);"
        "print(child.pid, flush=True); child.wait()"
    )
    kept = tmp_path / "checkpoints"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env=os.environ | {
            "PYTHONPATH": str(Path(__file__).parents[3]), "MEDLOOM_CHECKPOINT_FOLDER": str(kept),
        },
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    while not list(kept.glob("*/")):
        assert parent.poll() is None
        time.sleep(0.05)
    assert os.getpriority(os.PRIO_PROCESS, child) == os.getpriority(os.PRIO_PROCESS, 0) + 1
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while Path(f"/proc/{child}").exists():
        time.sleep(0.05)
