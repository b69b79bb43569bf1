"""One training of a benchmark, in its own process, because its environment affects the speed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydantic import Field

from model.config import TrainConfig
from model.families.base import Generator
from model.parallel import this_shard
from model.progress import Progress
from model.runtime import processor_name
from model.section import Stored
from model.training import fit
from model.validation import Judgement, make_judge
from model.weights import save_generator
from pipeline.base.errors import MedloomError
from pipeline.base.files import write_atomically
from pipeline.data.processed import Processed
from pipeline.evaluation.record import EvaluateConfig, Evaluation
from pipeline.stages.evaluate import evaluate
from pipeline.stages.prepared import are_phantoms
from pipeline.stages.train import TUNABLES

OUTCOME_FILE = "outcome.json"

OnLine = Callable[[Progress], None]


class Trial(Stored):
    """A training, and how it is scored.

    Attributes:
        name: for tables.
        config: the family, its recipe and the budget.
        tuned: with the malloc tunables that the train stage sets.
        on_test: score by the test split, as the report does; else by the validation split.
        scoring: how the test split is used.
        judged: generated images in the last validation, which decides the ranking.
    """

    name: str
    config: TrainConfig
    tuned: bool = True
    on_test: bool = False
    scoring: EvaluateConfig = EvaluateConfig()
    judged: int = 800


class Moment(Stored):
    """A validation during training; `seconds` exclude validations."""

    seconds: float
    images_seen: int
    kernel_distance: float
    ms_ssim: float
    ms_ssim_real: float


class Outcome(Stored):
    """The outcome of a trial.

    Attributes:
        data: folder of the arrays that it was trained on.
        seconds: of training, without validations.
        precision, memory_format, threads, processor: what it ran with.
        moments: validations by `train.validation_images` images.
        validation: kernel distance to the validation split by `Trial.judged` images, of the
            weights that were kept; None when the trial was scored on the test split.
        evaluation: on the test split; None otherwise.
    """

    name: str
    data: str
    config: TrainConfig
    images_seen: int
    seconds: float
    precision: str
    memory_format: str
    threads: int
    processor: str
    moments: tuple[Moment, ...] = Field(strict=False)
    validation: float | None = None
    ms_ssim: float | None = None
    ms_ssim_real: float | None = None
    evaluation: Evaluation | None = None

    @property
    def speed(self) -> float:
        """Images a second of training."""
        return self.images_seen / self.seconds


def run_trial(
    processed: Path, trial: Trial, out: Path, on_progress: OnLine | None = None
) -> Outcome:
    """Train and score in a new process.

    Args:
        processed: folder that preprocess wrote.
        trial: what to do.
        out: folder for the weights, the sample grid and, on the test split, the report's pictures.
        on_progress: told about once a second.

    Raises:
        MedloomError: the process failed; its last words are in the message.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / OUTCOME_FILE).unlink(missing_ok=True)
    spec = {"processed": str(processed.absolute()), "out": str(out.absolute())}
    spec["trial"] = trial.model_dump_json()
    bare = {name: value for name, value in os.environ.items() if name not in TUNABLES}
    environment = bare | TUNABLES if trial.tuned else bare
    with (
        (out / "log.txt").open("w+") as log,
        subprocess.Popen(
            [sys.executable, "-m", "bench.trial"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(json.dumps(spec))
        process.stdin.close()
        for line in process.stdout:
            if on_progress and line.startswith("{"):
                on_progress(Progress(**json.loads(line)))
        if process.wait():
            log.seek(0)
            raise MedloomError(f"{trial.name} failed:\n{log.read()[-2000:]}")
    return Outcome.model_validate_json((out / OUTCOME_FILE).read_text())


def kept_outcome(processed: Path, trial: Trial, out: Path) -> Outcome | None:
    """What an earlier run of this very trial, on these data and this processor, came to."""
    file = out / OUTCOME_FILE
    if not file.exists():
        return None
    found = Outcome.model_validate_json(file.read_text())
    asked = (trial.name, trial.config, str(processed.absolute()), processor_name("cpu"))
    same = asked == (found.name, found.config, found.data, found.processor)
    return found if same and trial.on_test == (found.evaluation is not None) else None


def main() -> None:
    """Do what standard input asks for; progress goes to standard output, a line a second."""
    spec = json.loads(sys.stdin.read())
    trial = Trial.model_validate_json(spec["trial"])
    outcome = _train(Path(spec["processed"]), trial, Path(spec["out"]))
    write_atomically(Path(spec["out"]) / OUTCOME_FILE, outcome.model_dump_json(indent=2) + "\n")


def _train(processed: Path, trial: Trial, out: Path) -> Outcome:
    from PIL import Image

    data, config = Processed.load(processed), trial.config
    val = data.val
    started, judging = time.monotonic(), 0.0
    seconds: list[float] = []
    ask = None
    if config.validation_images:
        judge = make_judge(
            np.asarray(val.images), val.labels, config.seed, config.validation_images
        )

        def timed(generator: Generator) -> Judgement:
            nonlocal judging
            before = time.monotonic()
            seconds.append(before - started - judging)
            judgement = judge(generator)
            judging += time.monotonic() - before
            return judgement

        ask = timed

    def tell(progress: Progress) -> None:
        if this_shard().leads:
            print(json.dumps(vars(progress)), flush=True)

    started = time.monotonic()
    result = fit(
        data.train.images,
        data.train.labels,
        data.classes,
        config,
        kinds=data.kinds,
        layouts=data.train.layouts,
        mm=data.train.millimetres,
        view=data.view,
        judge=ask,
        held_out=(np.asarray(val.images), val.labels),
        on_progress=tell,
    )
    took = time.monotonic() - started - judging
    save_generator(out, result.weights, result.network)
    Image.fromarray(result.grids[max(result.grids)]).save(out / "grid.png")
    outcome = Outcome(
        name=trial.name,
        data=str(processed),
        config=config,
        images_seen=result.images_seen,
        seconds=took,
        precision=result.runtime.precision,
        memory_format="channels_last" if result.runtime.channels_last else "contiguous",
        threads=result.runtime.threads,
        processor=result.runtime.processor,
        moments=tuple(
            Moment(
                seconds=at,
                images_seen=int(row["images_seen"]),
                kernel_distance=row["kernel_distance"],
                ms_ssim=row["ms_ssim"],
                ms_ssim_real=row["ms_ssim_real"],
            )
            for at, row in zip(seconds, result.validations, strict=True)
        ),
    )
    if trial.on_test:
        scored = evaluate(
            processed, out, out / "report", trial.scoring, phantom=are_phantoms(processed)
        )
        return outcome.model_copy(update={"evaluation": scored})
    if ask is None:
        return outcome
    return outcome.model_copy(update=_final(data, out, config.seed, trial.judged))


def _final(data: Processed, out: Path, seed: int, images: int) -> dict[str, float]:
    from model.sampling import load_generator

    val = data.val
    judge = make_judge(np.asarray(val.images), val.labels, seed + 1, images)
    judgement = judge(load_generator(out))
    return {
        "validation": judgement.kernel_distance,
        "ms_ssim": judgement.ms_ssim,
        "ms_ssim_real": judgement.ms_ssim_real,
    }


if __name__ == "__main__":
    main()
