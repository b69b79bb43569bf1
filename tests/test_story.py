"""One story through the real scheduler: first model, a kill, new images, nothing new.

It runs `medloom` as a user does, from a copy of the project with tiny numbers, so that nothing of
the checkout or of other runs reaches it.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from bench.faults.tiny import TINY
from tests.support.running import RunningCheckout

NUMBERS = dict(TINY) | {"kimg": 0.28}  # progress is told once a second, and the kill waits for it
CONSUMER = """
import sys
import mlflow, numpy
assert not any("{project}" in place for place in sys.path), sys.path
import model, pipeline  # the consumer's own
assert (model.MINE, pipeline.MINE) == (1, 1)
mlflow.set_tracking_uri("{uri}")
champion = mlflow.pyfunc.load_model("models:/medloom-phantom@champion")
draw = lambda labels, **params: champion.predict(labels, params=params)
labels = ["stone", "cyst", "stone"]
one = draw(labels, seed=7)
assert one.dtype == numpy.uint8 and one.shape == (3, 32, 32), (one.dtype, one.shape)
assert (one == draw(labels, seed=7)).all()
assert (one != draw(labels, seed=8)).any()
assert (one[:1] == draw(["stone"], seed=7)).all()
assert (one[2:] == draw(["stone"], seed=7, start=2)).all()
assert (one == draw(numpy.array(labels), seed=7)).all()
print("the consumer is content")
"""


class TinyStory(RunningCheckout):
    """The project, and what its latest run told."""

    def last_run(self) -> Path:
        return max(self.state.glob("runs/manual*"), key=lambda folder: folder.name)

    def result(self, task: str) -> dict[str, Any]:
        return dict(json.loads((self.last_run() / f"{task}.json").read_text()))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyStory]:
    made = TinyStory.make(tmp_path_factory.mktemp("story") / "medloom", NUMBERS)
    made.medloom("up")
    try:
        yield made
    finally:
        made.medloom("down")
        left = [process.pid for process in made.processes()]
        assert left == [], "every process that medloom starts ends with it"


@pytest.mark.timeout(900)
def test_first_run_promotes_although_its_training_is_killed(tiny: TinyStory) -> None:
    landing = tiny.folder / "landing" / "phantom" / "stone"
    landing.mkdir(parents=True)
    (landing / "holiday.png").write_text("not an image")
    (landing / "empty.jpg").touch()
    running = subprocess.Popen(
        tiny.command("demo", "--patients", "3"),
        cwd=tiny.folder, env=tiny.environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    kill_training(tiny, images_seen=60)
    said, _ = running.communicate()
    assert running.returncode == 0, said
    assert tiny.result("train")["tries"] == 2
    assert "promoted" in said
    assert tiny.status()["champion"]["version"] == 1
    assert (landing / "holiday.png").read_text() == "not an image"
    assert_report_is_whole(tiny)
    assert weights_without_a_kill(tiny) == tiny.history()[0]["weights_sha256"]


def kill_training(tiny: TinyStory, images_seen: int) -> None:
    """SIGKILL the training process once it has seen so many images."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        for file in tiny.state.glob("runs/*/train.progress.json"):
            if json.loads(file.read_text()).get("images_seen", 0) >= images_seen:
                for process in tiny.processes():
                    with contextlib.suppress(psutil.Error):
                        if process.cmdline()[-1:] == ["pipeline.stages.train"]:
                            process.kill()
                            return
        time.sleep(0.05)
    raise AssertionError("the training never got so far")


def weights_without_a_kill(tiny: TinyStory) -> str:
    """The same run by hand, without services, in a checkout: `dvc repro`."""
    folder = tiny.folder.parent / "checkout"
    tiny.medloom("checkout", str(folder), "--branch", f"run/{tiny.history()[0]['run_key']}")
    (folder / "dvc.lock").unlink()
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    env["HOME"] = str(folder)  # its own checkpoints
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--no-run-cache", "train"],
        cwd=folder, env=env, check=True, capture_output=True,
    )  # fmt: skip
    return str(json.loads((folder / "models" / "training.json").read_text())["sha256"])


def assert_report_is_whole(tiny: TinyStory) -> None:
    page = (tiny.last_run() / "report.html").read_text()
    assert "phantom" in page
    assert "holiday" not in page, "a source name may name a patient"
    for expected in ("Promoted", "empty", "data:image/png;base64", "kd_efflite0"):
        assert expected in page
    listed = json.loads(tiny.medloom("quarantine", "--json"))
    assert {row["file"] for row in listed} == {"stone/holiday.png", "stone/empty.jpg"}
    assert all(row["record"] in page for row in listed)


@pytest.mark.timeout(300)
def test_registering_again_finds_the_same_version(tiny: TinyStory) -> None:
    key = tiny.history()[0]["run_key"]
    uri = tiny.status()["services"]["mlflow"]
    said = tiny.medloom("task", "register", "--key", key, MEDLOOM_MLFLOW_URI=uri)
    assert json.loads(said.splitlines()[-1])["version"] == 1


@pytest.mark.timeout(300)
def test_a_consumer_needs_nothing_of_this_repository(tiny: TinyStory, tmp_path: Path) -> None:
    for name in ("model.py", "pipeline.py"):
        (tmp_path / name).write_text("MINE = 1\n")
    uri = tiny.status()["services"]["mlflow"]
    code = CONSUMER.format(uri=uri, project=tiny.folder)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "content" in done.stdout


@pytest.mark.timeout(300)
def test_generated_files_say_what_they_are_and_are_refused_as_input(tiny: TinyStory) -> None:
    out = tiny.folder / "made"
    tiny.medloom("generate", "--label", "cyst", "-n", "2", "--seed", "3", "-o", str(out))
    images = sorted(out.glob("*.png"))
    assert len(images) == 2
    with Image.open(images[0]) as image:
        assert image.info["SyntheticData"] == "YES"
        assert json.loads(image.info["medloom"])["version"] == 1
    said = json.loads(Path(f"{images[1]}.synthetic.json").read_text())
    assert (said["label"], said["seed"], said["index"]) == ("cyst", 3, 1)
    walk = tiny.folder / "walk"
    tiny.medloom(
        "generate", "--label", "cyst+stone", "-n", "2", "--interpolate", "3", "-o", str(walk)
    )
    (strip,) = walk.glob("*-walk.png")
    with Image.open(strip) as image:
        assert image.size == (4 * 32, 32)
        assert image.info["SyntheticData"] == "YES"


@pytest.mark.timeout(900)
def test_added_images_make_a_revision_and_a_verdict(tiny: TinyStory) -> None:
    before = tiny.status()["data"]
    for file in (tiny.folder / "made").glob("*.png"):
        shutil.copy(file, tiny.folder / "landing" / "phantom" / "cyst")
    said = tiny.medloom("demo", "--patients", "4")
    after = tiny.status()["data"]
    assert after["revision"] != before["revision"]
    assert after["images"] > before["images"]
    history = tiny.history()
    assert [record["sequence"] for record in history] == [1, 2]
    assert history[1]["predecessor"] == 1
    assert history[1]["verdict"]["comparison"]["groups"] >= 3
    assert history[1]["action"] in said
    reasons = [row["reason"] for row in json.loads(tiny.medloom("quarantine", "--json"))]
    assert reasons.count("synthetic") == 2


@pytest.mark.timeout(600)
def test_versions_are_scored_and_compared_by_hand(tiny: TinyStory) -> None:
    before = tiny.history()
    found = json.loads(tiny.medloom("compare", "1", "2", "--json"))
    assert found["first"]["protocol"] == found["second"]["protocol"]
    assert found["first"]["model"] != found["second"]["model"]
    by_gate = before[1]["verdict"]["comparison"]
    if before[1]["predecessor"] == 1:  # the gate saw the same two versions by the same images
        assert found["comparison"]["improvement"] == pytest.approx(by_gate["improvement"])
    out = tiny.folder / "by-hand"
    tiny.medloom("evaluate", "--version", "2", "-o", str(out))
    written = json.loads((out / "evaluation.json").read_text())
    assert written == found["second"]
    assert (out / "statistics.png").exists()
    assert tiny.history() == before, "nothing was decided"


@pytest.mark.timeout(300)
def test_nothing_new_ends_early_and_changes_nothing(tiny: TinyStory) -> None:
    before = (tiny.status()["data"], tiny.history())
    said = tiny.medloom("demo", "--patients", "4")
    assert "nothing to do" in said
    assert tiny.result("plan")["outcome"] == "skipped"
    assert not (tiny.last_run() / "train.json").exists()
    assert (tiny.status()["data"], tiny.history()) == before
