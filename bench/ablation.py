"""An ablation: one training per row with one factor changed, ranked by the validation split.

All rows have the same minutes, so that slower changes train on fewer images. The clock is not used
directly, because a slow minute of the machine would affect the ranking. Instead, the speed of each
row is measured first, briefly and one after the other, and converts its minutes to images.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import yaml
from pydantic import ValidationError

from bench.trial import Outcome, Trial, run_trial
from model.config import TrainConfig
from model.families import recipe_class
from model.progress import Progress
from model.runtime import cores
from pipeline.base.errors import BadInputError

PROTOTYPE = (
    "batch=16,widths=[128,128,96,64],learning_rate=0.0005,learning_rate_end=0.0005,warm_up_kimg=0,"
    "gamma=0.25,gamma_end=0.25,mode_seeking=0,class_scale=1,head=shuffle,on_grid=0,flip=0.5,"
    "most_update=0,noise=false,layout=0,new_layouts=0"
)
"""The first recipe that worked: R1 + R2 of weight 1 taken every 4th step (0.25 each step)."""

ROWS = (
    "default",
    PROTOTYPE,
    "most_update=0",
    "mode_seeking=0",
    "class_scale=1",
    "head=shuffle",
    "on_grid=0",
    "on_grid=1",
    "batch=16",
    "batch=32",
    "gamma=0.125,gamma_end=0.0625",
    "gamma=2,gamma_end=1",
    "penalty_every=1",
    "penalty_every=16",
    "penalty=difference,penalty_every=1",
    "learning_rate=0.0004,learning_rate_end=0.00016",
    "learning_rate=0.0016,learning_rate_end=0.00032",
    "learning_rate_end=0.00008",
    "widths=[128,128,96,64]",
    "widths=[96,64,48,24]",
    "translate=0,scale=0,brightness=0,contrast=0",
    "translate=0.15,scale=0.3,brightness=0.3,contrast=0.3",
    "adapt_to=0.4",
    "new_layouts=0",
)
"""The default recipe, the prototype, and one factor at a time from the default."""

PACE_MINUTES = 0.2
"""Minutes of training to measure a row's speed."""

OnProgress = Callable[[str, Progress], None]


def configure(row: str, seed: int, **given: object) -> TrainConfig:
    """The training of a row such as `gamma=1,batch=16`; `default` changes nothing.

    Keys are those of `train.recipe`, or of `train` itself (family, precision, ...); `given` are
    default values for keys of `train`.

    Raises:
        BadInputError: a key is unknown or a value is not allowed.
    """
    section: dict[str, object] = {"seed": seed} | given
    recipe: dict[str, object] = {}
    for key, value in _pairs(row):
        (section if key in TrainConfig.model_fields else recipe)[key] = value
    family = str(section.get("family", TrainConfig().family))
    try:
        kind = recipe_class(family) if "family" not in section else None
        known = kind.model_fields if kind else recipe
        for key, value in recipe.items():
            if key in known and isinstance(value, int) and not isinstance(value, bool):
                recipe[key] = _as_declared(family, key, value)
        return TrainConfig.model_validate(section | {"recipe": recipe})
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadInputError(f"row {row!r} cannot be trained: {told}") from None


def _key(name: str, config: TrainConfig) -> tuple[str, str]:
    """What tells one training of a table from another."""
    return name, config.model_dump_json()


def _pairs(row: str) -> Iterator[tuple[str, object]]:
    if row == "default":
        return
    try:
        # A row is a YAML flow mapping written with `=`.
        given = yaml.safe_load("{" + row.replace("=", ": ") + "}")
    except yaml.YAMLError as error:
        raise BadInputError(f"row {row!r} is not KEY=VALUE,KEY=VALUE: {error}") from None
    for key, value in given.items():
        if value is None:
            raise BadInputError(f"row {row!r}: {key} has no value; write {key}=VALUE")
        yield str(key), value


def _as_declared(family: str, key: str, value: int) -> object:
    """`gamma=1` means 1.0, as a person writes it."""
    declared = recipe_class(family).model_fields[key].annotation
    return float(value) if declared is float else value


def ablate(
    processed: Path,
    rows: Sequence[str],
    minutes: float,
    seeds: Sequence[int],
    file: Path,
    jobs: int = 1,
    on_progress: OnProgress | None = None,
) -> list[Outcome]:
    """Train each row with each seed, append the outcomes to a file, and rank them.

    Rows that are already in the file for these data are not trained again.

    Args:
        processed: folder that preprocess wrote.
        rows: as `configure` takes them.
        minutes: of each training, at the row's measured speed.
        seeds: of training.
        file: JSON lines, one per outcome; created if missing. The speeds are stored next to it.
        jobs: parallel trainings, each with its share of the cores.
        on_progress: called about once a second, with the row's name.

    Returns:
        Every outcome asked for, best (lowest kernel distance to the validation split) first.
    """
    threads = max(cores() // jobs, 1)
    images_a_minute = _paces(processed, rows, file.with_suffix(".pace.json"), threads)
    trials = {
        f"{row} seed {seed}": configure(
            row, seed, kimg=round(minutes * images_a_minute[row] / 1000, 3), threads=threads
        )
        for row in rows
        for seed in seeds
    }
    data = str(processed.absolute())
    done = {_key(one.name, one.config): one for one in _read(file) if one.data == data}
    missing = [(name, config) for name, config in trials.items() if _key(name, config) not in done]
    with ThreadPoolExecutor(jobs) as pool:
        running = [
            pool.submit(
                run_trial,
                processed,
                Trial(name=name, config=config),
                file.with_suffix("") / name.replace("/", "_").replace(" ", "-"),
                None if on_progress is None else partial(on_progress, name),
            )
            for name, config in missing
        ]
        for finished in as_completed(running):
            outcome = finished.result()
            with file.open("a") as stream:
                stream.write(outcome.model_dump_json() + "\n")
            done[_key(outcome.name, outcome.config)] = outcome
    chosen = [done[_key(name, config)] for name, config in trials.items()]
    return sorted(chosen, key=lambda outcome: outcome.validation or 0.0)


def _paces(processed: Path, rows: Sequence[str], file: Path, threads: int) -> Mapping[str, float]:
    """Images per minute of each row; measured and stored if `file` does not have it."""
    known: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    names = {row: f"{row}, {threads} threads, {processed.absolute()}" for row in rows}
    for row, name in names.items():
        if name not in known:
            config = configure(
                row, 0, budget_minutes=PACE_MINUTES, validation_images=0, threads=threads
            )
            folder = file.with_suffix("") / row.replace("/", "_")
            told: list[Progress] = []
            run_trial(processed, Trial(name=row, config=config), folder, told.append)
            known[name] = 60 * _speed_at_the_end(told)
            whole = file.with_suffix(".part")
            whole.write_text(json.dumps(known, indent=1) + "\n")
            whole.replace(file)
    return {row: known[name] for row, name in names.items()}


def _speed_at_the_end(told: Sequence[Progress]) -> float:
    """Images per second over the second half, because the first steps are slow."""
    half, last = told[len(told) // 2 - 1], told[-1]
    seconds = [one.images_seen / one.images_per_second for one in (half, last)]
    return (last.images_seen - half.images_seen) / (seconds[1] - seconds[0])


def _read(file: Path) -> list[Outcome]:
    if not file.exists():
        return []
    # A line truncated by a kill is not JSON; its row is trained again.
    lines = [line for line in file.read_text().splitlines() if _is_whole(line)]
    return [Outcome.model_validate_json(line) for line in lines]


def _is_whole(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
