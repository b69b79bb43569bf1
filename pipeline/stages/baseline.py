"""The baseline that the evaluate stage compares with: another family, trained equally long.

As a command it trains the baseline of the current workspace as far as its checkpoints go, beside
the train stage (`beside`). The evaluate stage goes on from the newest and writes the result.
"""

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from model.config import TrainConfig
from model.progress import Progress
from pipeline.base.errors import BadInputError, run_as_command
from pipeline.base.params_file import load_section
from pipeline.base.stage_environment import checkpoint_folder, lease_is_ours
from pipeline.evaluation.record import EvaluateConfig
from pipeline.stages.train import DEFAULT_CHECKPOINTS, PROCESSED, train

_LOWEST_PRIORITY = 19


def train_baseline(
    processed: Path,
    out: Path | None,
    config: TrainConfig,
    family: str,
    checkpoints: Path | None,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> None:
    """Train `family` with its default recipe, for the generator's length and seed.

    It goes on from the newest checkpoint. It has one thread: the result depends on their number,
    and beside the generator's training there is time for no more.

    Args:
        processed: output folder of preprocess.
        out: folder to write, as the train stage does; None: only checkpoints are written.
        config: the `train` section of the generator.
        family: of the baseline.
        checkpoints: folder of checkpoints; None: none are kept.
        on_progress: called about once a second.
        should_stop: called about once a second and before anything is written.

    Raises:
        BadInputError: the family does not exist, or cannot be trained on the data.
        TransientError: `should_stop` returned True.
    """
    given = config.model_dump(exclude={"family", "recipe"})
    try:
        same_length = TrainConfig.model_validate(given | {"family": family, "threads": 1})
    except ValidationError as error:
        raise BadInputError(f"evaluate.baseline: {error.errors()[0]['msg']}") from None
    train(
        processed,
        out,
        same_length,
        checkpoints=checkpoints,
        on_progress=on_progress,
        should_stop=should_stop,
    )


def main() -> None:
    """Train the baseline of the current workspace until it is done or the parent process ends."""
    os.nice(_LOWEST_PRIORITY)
    parent, params = os.getppid(), Path("params.yaml")
    train_baseline(
        PROCESSED,
        None,
        load_section(params, "train", TrainConfig),
        load_section(params, "evaluate", EvaluateConfig).baseline,
        checkpoint_folder(DEFAULT_CHECKPOINTS),
        should_stop=lambda: os.getppid() != parent or not lease_is_ours(),
    )


if __name__ == "__main__":
    run_as_command(main)
