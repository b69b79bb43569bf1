"""The train stage: train a generator on processed images."""

import argparse
import csv
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from model.checkpoint import Checkpoints, fingerprint
from model.config import TrainConfig
from model.extracting.weights import check_extractor
from model.extractors import ExtractorConfig
from model.parallel import joined, this_shard
from model.progress import Progress, Stopped
from model.tasks import task_of
from model.training import TrainResult, fit
from model.validation import Judge, make_judge, make_paired_judge
from model.warm_start import NETWORKS_FILE, Networks, save_networks
from model.weights import save_generator
from pipeline.base import stage_environment
from pipeline.base.code import require_described_code
from pipeline.base.errors import BadInputError, TransientError, run_as_command
from pipeline.base.params_file import load_section, read_yaml, validate
from pipeline.base.start import FRESH, NETWORKS, ORIGIN_FILE, Start
from pipeline.data.processed import Processed
from pipeline.stages.beside import baseline_beside

PROCESSED = Path("data/processed")
MODELS = Path("models")
HISTORY_FILE = "history.csv"
VALIDATION_FILE = "validation.csv"
MEMBERSHIP_FILE = "membership.csv"
RECORD_FILE = "training.json"
SAMPLES_FOLDER = "samples"

TUNABLES = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
    "GOMP_SPINCOUNT": "1000",
}
"""Environment variables that the C libraries read once, when a process starts.

glibc: keep freed memory, since each step frees and allocates the same hundreds of MB, and new pages
are slow. OpenMP: let waiting threads sleep early; if other processes such as Airflow and MLflow use
the cores, spinning threads make a step several times slower.
"""

DEFAULT_CHECKPOINTS = Path("~/.cache/medloom/checkpoints")


@dataclass(frozen=True)
class TrainStageResult:
    """The sha256 of the weights that were written, "" if none were, and the number of images seen.

    With several processes only the leader writes.
    """

    sha256: str
    images_seen: int


def train(
    processed: Path,
    out: Path | None,
    config: TrainConfig,
    *,
    start: Path | None = None,
    origin: Start = FRESH,
    checkpoints: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainStageResult:
    """Train on the training split, and write the generator, its history and sample grids.

    Args:
        processed: output folder of preprocess.
        out: folder to write (created if missing): generator.safetensors, config.json,
            networks.safetensors, history.csv, validation.csv, membership.csv, training.json,
            samples/*.png. None: train as far as checkpoints go, and keep them.
        config: the `train` section. Its `start` is a wish; `start` here is what was decided.
        start: networks.safetensors of another training to begin from; None: fresh networks.
        origin: of `start`, if it is of a version; its sha256 is checked.
        checkpoints: folder of checkpoints; each training uses a subfolder named by its data,
            recipe and code, and removes it at the end.
        on_progress: called about once a second.
        should_stop: called about once a second and before anything is written.

    Raises:
        BadInputError: the data or the recipe is unsuitable, or `start` is missing, altered or does
            not fit them.
        TransientError: `should_stop` returned True; the checkpoint is kept.
    """
    data = Processed.load(processed)
    arrays = data.train
    networks = None if start is None else _read_start(start, origin)
    begun = networks.sha256 if networks else ""
    folder = None
    if checkpoints is not None:
        key = fingerprint(
            arrays.images,
            arrays.labels,
            data.classes,
            config,
            arrays.layouts,
            data.kinds,
            begun,
        )
        folder = checkpoints.expanduser() / key[:16]
    try:
        val = data.val
        judge, held_out = None, None
        if set(val.labels) == set(range(len(data.classes))):
            held_out = (val.images, val.labels)
        if config.validation_images:
            judge = _judge(data, config)
        result = fit(
            arrays.images,
            arrays.labels,
            data.classes,
            config,
            kinds=data.kinds,
            layouts=arrays.layouts,
            mm=arrays.millimetres,
            view=data.view,
            judge=judge,
            held_out=held_out,
            start=networks,
            checkpoint_folder=folder,
            on_progress=on_progress,
            should_stop=should_stop,
        )
    except Stopped as stopped:
        raise TransientError(
            "another try has taken over this training, or the task that started it has ended; "
            "nothing more was written, and the newest checkpoint was kept"
        ) from stopped
    except (ValueError, FloatingPointError) as error:
        raise BadInputError(f"cannot train on {processed}: {error}") from error
    if out is None or not this_shard().leads:
        return TrainStageResult("", result.images_seen)
    sha256 = _write(out, result, config, _described(begun, origin))
    if folder is not None:
        Checkpoints(folder, "").clear()
        folder.rmdir()
    return TrainStageResult(sha256, result.images_seen)


def _judge(data: Processed, config: TrainConfig) -> Judge:
    """The judge of the family's task, on the validation split."""
    val, task = data.val, task_of(config.family)
    if not task.paired:
        return make_judge(val.images, val.labels, config.seed, config.validation_images)
    network = config.network(val.images.shape[-1], data.classes, data.kinds, data.view)
    return make_paired_judge(task, network, val.images, val.groups, config.validation_images)


def _read_start(file: Path, origin: Start) -> Networks:
    """Read the networks to begin from, and check that they are those that were decided on."""
    advice = "`medloom run --start fresh` trains without them"
    try:
        networks = Networks.read(file)
    except FileNotFoundError:
        raise BadInputError(f"{file} is missing: `dvc pull {file}.dvc`, or {advice}") from None
    except ValueError as error:
        raise BadInputError(f"cannot begin from {file}: {error}; {advice}") from error
    if origin != FRESH and networks.sha256 != origin.sha256:
        raise BadInputError(
            f"{file} was altered: its sha256 is {networks.sha256}, and {ORIGIN_FILE} says "
            f"{origin.sha256}; `dvc pull --force {file}.dvc` restores it, or {advice}"
        )
    return networks


def _described(sha256: str, origin: Start) -> dict[str, object]:
    """What the training began from, for its record."""
    return origin.facts if origin != FRESH or not sha256 else {"from": "file", "sha256": sha256}


def _write(out: Path, result: TrainResult, config: TrainConfig, start: dict[str, object]) -> str:
    sha256: str = save_generator(out, result.weights, result.network)
    networks = save_networks(out / NETWORKS_FILE, result.networks, result.network)
    _write_rows(out / HISTORY_FILE, result.history)
    if result.validations:
        _write_rows(out / VALIDATION_FILE, result.validations)
    if result.membership:
        scores = result.membership.items()
        rows = [
            {"held_out": float(side == "held_out"), "score": float(score)}
            for side, found in scores
            for score in found
        ]
        _write_rows(out / MEMBERSHIP_FILE, rows)
    samples = out / SAMPLES_FOLDER
    samples.mkdir(exist_ok=True)
    for seen, grid in result.grids.items():
        Image.fromarray(grid).save(samples / f"{seen:09d}.png")
    record = {
        "sha256": sha256,
        "networks_sha256": networks,
        "start": start,
        "family": config.family,
        "seed": config.seed,
        "images_seen": result.images_seen,
        "best_images_seen": result.best_images_seen,
        "ended": result.ended,
        "repeatable": result.repeatable,
        "resumed_inexactly": result.resumed,
        "collapsed": [row["images_seen"] for row in result.validations if row["collapsed"]],
        "runtime": dataclasses.asdict(result.runtime),
    }
    (out / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n")
    return sha256


def _write_rows(file: Path, rows: list[dict[str, float]]) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def with_tunables() -> None:
    """Restart this command with `TUNABLES`, unless they are set; existing values are kept."""
    if not TUNABLES.keys() <= os.environ.keys():
        os.execve(sys.executable, sys.orig_argv, TUNABLES | os.environ)  # noqa: S606


def require_extractor(params: Path) -> None:
    """Check the extractor before training, since evaluation would fail without it.

    It reads one key of the `evaluate` section, which does not affect the training.

    Raises:
        BadInputError: `evaluate.extractor` is invalid, or its weights are missing or altered.
    """
    evaluate = read_yaml(params).get("evaluate")
    given = evaluate.get("extractor", {}) if isinstance(evaluate, dict) else {}
    config = validate(params, ExtractorConfig, given, prefix="evaluate.extractor.")
    try:
        check_extractor(config)
    except (ValueError, FileNotFoundError) as error:
        raise BadInputError(f"training was not started: {error}") from error


def _report(progress: Progress) -> None:
    facts = dataclasses.asdict(progress)
    facts |= facts.pop("loss")
    stage_environment.report_progress(
        **{
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in facts.items()
        }
    )


def main() -> None:
    """Run the stage in the current workspace with its params.yaml."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.stages.train",
        description="Train on data/processed with params.yaml and write models/. Under torchrun, "
        "each process takes its share of every batch.",
    )
    parser.parse_args()
    with_tunables()
    require_described_code("train")
    require_extractor(Path("params.yaml"))
    origin = Start.parse(ORIGIN_FILE.read_text() if ORIGIN_FILE.exists() else None)
    with joined(), baseline_beside(read_yaml(Path("params.yaml"))):
        train(
            PROCESSED,
            MODELS,
            load_section(Path("params.yaml"), "train", TrainConfig),
            start=None if origin == FRESH else NETWORKS,
            origin=origin,
            checkpoints=stage_environment.checkpoint_folder(DEFAULT_CHECKPOINTS),
            on_progress=_report,
            should_stop=lambda: not stage_environment.lease_is_ours(),
        )


if __name__ == "__main__":
    run_as_command(main)
