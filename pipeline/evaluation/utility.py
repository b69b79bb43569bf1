"""Measure the utility of a generator's images for training a classifier."""

from pathlib import Path

from model.utility.config import UtilityConfig
from model.utility.record import UtilityReport
from model.utility.run import Labelled, run_utility
from pipeline.base.errors import BadInputError
from pipeline.data.processed import Processed, SplitArrays
from pipeline.evaluation.score import OnProgress, Sampler
from pipeline.evaluation.utility_figure import draw_utility

UTILITY_PICTURE = "utility.png"
UTILITY_FITS = "utility fits"
"""Name of the task in progress messages."""


def measure_utility(
    processed: Processed,
    sampler: Sampler,
    config: UtilityConfig,
    out: Path,
    on_progress: OnProgress | None = None,
) -> UtilityReport | None:
    """Train classifiers with and without the generator's images; write utility.png.

    Args:
        processed: the training split that the generator saw, and the test split.
        sampler: class names and a seed in, uint8 [N, H, W] out.
        config: the `evaluate.utility` section.
        out: folder to write, created when missing.
        on_progress: called as (task, done, total).

    Returns:
        None when `config.minutes` is 0; nothing is written then.

    Raises:
        BadInputError: the data are not suitable, or the sampler's images do not match them.
    """
    if not config.minutes:
        return None
    train, test = (_labelled(split) for split in (processed.train, processed.test))

    def report_fit(done: int, total: int) -> None:
        if on_progress:
            on_progress(UTILITY_FITS, done, total)

    try:
        report = run_utility(train, test, processed.classes, sampler, config, report_fit)
    except ValueError as error:
        raise BadInputError(f"cannot measure utility: {error}") from error
    out.mkdir(parents=True, exist_ok=True)
    draw_utility(report, out / UTILITY_PICTURE)
    return report


def _labelled(split: SplitArrays) -> Labelled:
    return Labelled(split.images, split.labels, split.groups)
