"""The evaluate stage: score a trained generator against held-out images, with pictures.

Champion and candidate are scored by the same functions (`evaluation.score`), never by old figures.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.config import TrainConfig
from model.families.base import Generator
from model.network import NetworkConfig
from model.sampling import draw_layouts, load_generator, made_layouts, sample
from model.tasks import task_of, work_of
from model.weights import WEIGHTS_FILE, read_config
from pipeline.base.code import require_described_code
from pipeline.base.errors import BadInputError, run_as_command
from pipeline.base.params_file import load_section
from pipeline.base.stage_environment import checkpoint_folder, feature_cache, report_progress
from pipeline.data.manifest import PHANTOM_FILE
from pipeline.data.processed import Processed
from pipeline.data.region import RegionConfig, in_words
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.agreement import agreement
from pipeline.evaluation.detector import detected, fit_on
from pipeline.evaluation.figures import (
    draw_curves,
    draw_grids,
    draw_nearest,
    draw_rows,
    draw_statistics,
)
from pipeline.evaluation.paired import Pairs, rows_of, score_pairs
from pipeline.evaluation.privacy import membership
from pipeline.evaluation.record import (
    BASELINE_FOLDER,
    EVALUATION_FILE,
    EvaluateConfig,
    Evaluation,
    Figure,
)
from pipeline.evaluation.score import Fakes, OnProgress, Sampler, Scored, draw_fakes, score_images
from pipeline.evaluation.utility import UTILITY_FITS, measure_utility
from pipeline.stages.baseline import train_baseline
from pipeline.stages.train import DEFAULT_CHECKPOINTS, MEMBERSHIP_FILE, with_tunables

PROCESSED, MODELS, REPORTS = Path("data/processed"), Path("models"), Path("reports")
CURVES = ("history.csv", "validation.csv")
PAIRS_SHOWN = 4
"""Images of each class in the picture of a task whose results have a truth."""


def evaluate(
    processed: Path,
    models: Path,
    out: Path,
    config: EvaluateConfig,
    *,
    phantom: bool = False,
    baseline: Path | None = None,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Score a generator and write evaluation.json and pictures.

    The pictures are grid-<class>.png, nearest.png, statistics.png and curves.png; of a baseline
    baseline/grid-<class>.png. Of a task whose results have a truth they are grid-<class>.png, with
    rows of what is given, the rival's, what is made and the real image, and curves.png.

    Args:
        processed: folder of the processed data set.
        models: folder that the train stage wrote.
        out: folder to write, made when missing.
        config: the `evaluate` section.
        phantom: the images are kidney phantoms, whose stones and cysts are counted.
        baseline: folder of a generator of family `config.baseline`, to score for comparison.
        cache: folder of cached features of real images, by content.
        on_progress: called with the current step, the amount done and the total.

    Raises:
        BadInputError: the model or the data cannot be evaluated.
    """
    data = Processed.load(processed)
    if task_of(_network(models).family).paired:
        return _evaluate_pairs(data, models, out, config, cache, on_progress)
    fakes, scored = score_weights(models, data, config, cache, on_progress)
    figures = [*scored.evaluation.figures, *membership(models / MEMBERSHIP_FILE)]
    if phantom:
        figures += _phantom_findings(fakes, data)
    figures += _faithfulness(fakes, data, config, on_progress)
    evaluation = scored.evaluation.model_copy(update={"figures": tuple(figures)})
    if baseline is not None:
        drawn, scored_too = score_weights(baseline, data, config, cache, on_progress)
        _draw_grids(out / BASELINE_FOLDER, drawn, data, config)
        beside = scored_too.evaluation
        if phantom:
            found = (*beside.figures, *_phantom_findings(drawn, data))
            beside = beside.model_copy(update={"figures": found})
        update = {"baseline_family": config.baseline, "baseline": beside}
        evaluation = evaluation.model_copy(update=update)
    utility = measure_utility(
        data, _sampler(_load(models, data.view), config, None), config.utility, out, on_progress
    )
    evaluation = evaluation.model_copy(update={"utility": utility})
    write_evaluation(out, evaluation, fakes, data, scored, config)
    draw_curves([models / name for name in CURVES], out / "curves.png")
    return evaluation


def _evaluate_pairs(
    data: Processed,
    models: Path,
    out: Path,
    config: EvaluateConfig,
    cache: Path | None,
    on_progress: OnProgress | None,
) -> Evaluation:
    """Score results that have a truth; the pictures are grid-<class>.png and curves.png."""
    if config.baseline or config.utility.minutes:
        raise BadInputError(
            "evaluate.baseline and evaluate.utility are for generators that draw; set baseline to "
            "'' and utility.minutes to 0 for a family that is given images"
        )
    generator = _load(models, data.view)
    work = work_of(task_of(generator.config.family))
    try:
        scored = score_pairs(
            partial(work.make, generator),
            generator.config,
            data,
            config,
            _identity(models),
            cache=cache,
            on_progress=on_progress,
        )
    except (ValueError, FileNotFoundError) as error:
        raise BadInputError(f"cannot evaluate {models}: {error}") from error
    found = membership(models / MEMBERSHIP_FILE)
    evaluation = scored.evaluation.model_copy(
        update={"figures": (*scored.evaluation.figures, *found)}
    )
    write_pairs(out, evaluation, scored.pairs, data.classes)
    draw_curves([models / name for name in CURVES], out / "curves.png")
    return evaluation


def write_pairs(out: Path, evaluation: Evaluation, pairs: Pairs, classes: tuple[str, ...]) -> None:
    """Write evaluation.json, and grid-<class>.png with rows of given, rival, made and real."""
    out.mkdir(parents=True, exist_ok=True)
    evaluation.save(out / EVALUATION_FILE)
    for label, name in enumerate(classes):
        (rows,) = np.nonzero(pairs.labels == label)
        if len(rows):
            shown = np.unique(np.linspace(0, len(rows) - 1, PAIRS_SHOWN).astype(int))
            draw_rows(out / f"grid-{name}.png", rows_of(pairs, rows[shown]))


def _phantom_findings(fakes: Fakes, data: Processed) -> list[Figure]:
    """Findings in images of a kidney phantom, by the phantom's own rule."""
    # Imported by name, so that it is not part of the run keys of other data.
    findings = import_module("pipeline.evaluation.findings").findings
    square = PreprocessConfig(
        size=data.test.images.shape[1], region=RegionConfig.of_view(data.view)
    )
    found: list[Figure] = findings(
        fakes.images, fakes.labels, data.classes, square, fakes.layouts, fakes.kinds, fakes.made
    )
    return found


def _faithfulness(
    fakes: Fakes, data: Processed, config: EvaluateConfig, on_progress: OnProgress | None
) -> list[Figure]:
    """What a classifier and a detector of real images see in generated ones."""

    def tell(done: int, total: int) -> None:
        if on_progress:
            on_progress("detector", done, total)

    try:
        fitted = fit_on(data, config, tell)
        figures = agreement(fakes.images, fakes.labels, data, config, fitted)
        if fitted:
            figures += detected(
                fitted, fakes.images, fakes.labels, data, fakes.layouts, fakes.made, fakes.kinds
            )
    except ValueError as error:
        raise BadInputError(f"cannot measure faithfulness: {error}") from error
    return figures


def score_weights(
    models: Path,
    data: Processed,
    config: EvaluateConfig,
    cache: Path | None,
    on_progress: OnProgress | None,
) -> tuple[Fakes, Scored]:
    """Draw images from the generator in a folder and score them.

    Raises:
        BadInputError: the folder has no generator, or it cannot be scored on the data.
    """
    generator = _load(models, data.view)
    fakes = draw_fakes(
        _sampler(generator, config, on_progress),
        data,
        config,
        partial(draw_layouts, generator),
        partial(made_layouts, generator) if generator.config.made else None,
    )
    fakes = replace(fakes, kinds=generator.config.given or generator.config.made)
    try:
        model = _identity(models)
        scored = score_images(fakes, data, config, model, cache=cache, on_progress=on_progress)
    except (ValueError, FileNotFoundError) as error:
        raise BadInputError(f"cannot evaluate {models}: {error}") from error
    return fakes, scored


def _identity(models: Path) -> str:
    """The sha256 of the weights in a folder."""
    return hashlib.sha256((models / WEIGHTS_FILE).read_bytes()).hexdigest()


def _network(models: Path) -> NetworkConfig:
    """The config of the generator in a folder."""
    try:
        return read_config(models)[0]
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise BadInputError(f"cannot load the generator of {models}: {error}") from error


def _load(models: Path, view: str) -> Generator:
    """The generator in `models`, of this view."""
    try:
        generator = load_generator(models)
    except (ValueError, FileNotFoundError) as error:
        raise BadInputError(f"cannot load the generator of {models}: {error}") from error
    if generator.config.view != view:
        raise BadInputError(
            f"the generator of {models} draws {in_words(generator.config.view)}, the images show "
            f"{in_words(view)}: figures of two regions are never compared; train it on these images"
        )
    return generator


def _sampler(
    generator: Generator, config: EvaluateConfig, on_progress: OnProgress | None
) -> Sampler:
    """A sampler that reports its draws as progress."""
    done = 0

    def draw(labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        nonlocal done
        images = sample(generator, labels, seed)
        done += len(labels)
        if on_progress:
            on_progress("sampling", done, len(labels) * len(config.seeds))
        return images

    return draw


def write_evaluation(
    out: Path,
    evaluation: Evaluation,
    fakes: Fakes,
    data: Processed,
    scored: Scored,
    config: EvaluateConfig,
) -> None:
    """Write evaluation.json, grid-<class>.png, statistics.png and nearest.png into a folder."""
    _draw_grids(out, fakes, data, config)
    evaluation.save(out / EVALUATION_FILE)
    found = scored.canonical
    draw_statistics(out / "statistics.png", found.real, found.fake, found.statistics)
    shown = slice(config.nearest_shown)
    draw_nearest(
        out / "nearest.png",
        fakes.images[scored.nearest_fakes[shown]],
        np.asarray(data.train.images)[scored.nearest_train[shown]],
        scored.nearest_ssim[shown],
    )


def _draw_grids(out: Path, fakes: Fakes, data: Processed, config: EvaluateConfig) -> None:
    """Write grid-<class>.png, held-out images beside drawn ones, into a folder, made if missing."""
    out.mkdir(parents=True, exist_ok=True)
    draw_grids(
        out,
        data.classes,
        (np.asarray(data.test.images), data.test.labels),
        (fakes.images, fakes.labels),
        config.grid_columns,
    )


def main() -> None:
    """Run the stage in the current workspace with its params.yaml."""

    def tell(what: str, done: int, total: int) -> None:
        if done % 40 == 0 or done == total or what == UTILITY_FITS:
            report_progress(done=done, total=total, what=what)

    require_described_code("evaluate")
    params = Path("params.yaml")
    config = load_section(params, "evaluate", EvaluateConfig)
    baseline = None
    if config.baseline:
        with_tunables()
        baseline = REPORTS / BASELINE_FOLDER
        train_baseline(
            PROCESSED,
            baseline,
            load_section(params, "train", TrainConfig),
            config.baseline,
            checkpoint_folder(DEFAULT_CHECKPOINTS),
            on_progress=lambda now: report_progress(
                done=now.images_seen, total=now.images_total, what=config.baseline
            ),
        )
    evaluate(
        PROCESSED,
        MODELS,
        REPORTS,
        config,
        phantom=Path(PHANTOM_FILE).exists(),
        baseline=baseline,
        cache=feature_cache(),
        on_progress=tell,
    )


if __name__ == "__main__":
    run_as_command(main)
