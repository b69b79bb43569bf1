"""Compare the default recipe with its rivals on the same data, with the same minutes."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from pydantic import Field

from bench.ablation import PROTOTYPE
from bench.ablation import configure as configure_row
from bench.faithful import Faithful, faithful
from bench.trial import Outcome, Trial, kept_outcome, run_trial
from model.config import TrainConfig
from model.families import names, recipe_class
from model.progress import Progress
from model.section import Stored
from model.tasks import task_of
from pipeline.base.errors import BadInputError
from pipeline.evaluation.record import DIVERSITY, KERNEL

MEDLOOM = "medloom"
SNAPSHOTS = 10
PLAIN_MINUTES = 2.0
"""Enough to measure the speed of `plain`."""

_DEFAULT = TrainConfig().family
_FAMILIES = tuple(name for name in names() if task_of(name) == task_of(_DEFAULT))
RIVALS = (*(name for name in _FAMILIES if name != _DEFAULT), "prototype", "plain")


def configure(name: str, minutes: float, seed: int) -> Trial:
    """The training of a rival.

    - the name of a family, such as dcgan: that family's own recipe.
    - prototype: the first recipe of this project, which had neither noise nor a loss of layouts.
    - plain: the default network without optimisations: float32, contiguous, default malloc, the
      exact penalty in every step. Only its speed is measured.

    Raises:
        BadInputError: there is no such rival.
    """
    common = TrainConfig(
        budget_minutes=minutes, seed=seed, snapshots=SNAPSHOTS, validation_images=256
    )
    changes: dict[str, object] = {}
    if name in _FAMILIES:
        changes = {"family": name, "recipe": recipe_class(name)()}
    elif name == "prototype":
        changes = {"recipe": configure_row(PROTOTYPE, seed).recipe}
    elif name == "plain":
        changes = {
            "recipe": TrainConfig().recipe.model_copy(update={"penalty_every": 1}),
            "precision": "float32",
            "memory_format": "contiguous",
            "budget_minutes": min(minutes, PLAIN_MINUTES),
            "validation_images": 0,
        }
    elif name != MEDLOOM:
        raise BadInputError(f"no rival {name!r}; known: {', '.join(RIVALS)}")
    config = common.model_copy(update=changes)
    speed_only = name == "plain"
    return Trial(
        name=f"{name} seed {seed}", config=config, tuned=not speed_only, on_test=not speed_only
    )


class Standing(Stored):
    """The result of one contestant, as means over the seeds.

    Attributes:
        kernel_distance, floor: on the test split.
        over_floor: kernel distance minus its floor, but at least half the interval's width, below
            which two distances cannot be distinguished.
        low, high: the interval of the kernel distance (the widest over the seeds).
        ms_ssim, ms_ssim_real: within class, by the test split's protocol.
        speed: images per second.
        minutes: of training, without validations.
        distance_ratio: medloom's over_floor divided by this one's.
        speed_ratio: medloom's speed divided by this one's.
        overtaken_minutes: when medloom's validation distance first reached this rival's last one;
            None if never.
        faithful: whether its images are of their class, by name; empty where it is not scored.
    """

    name: str
    seeds: int
    images_seen: float
    speed: float
    minutes: float
    kernel_distance: float | None = None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    over_floor: float | None = None
    ms_ssim: float | None = None
    ms_ssim_real: float | None = None
    distance_ratio: float | None = None
    speed_ratio: float | None = None
    overtaken_minutes: float | None = None
    faithful: dict[str, Faithful] = Field(default_factory=dict)


def contest(
    processed: Path,
    against: Sequence[str],
    minutes: float,
    seeds: Sequence[int],
    out: Path,
    on_progress: Callable[[str, Progress], None] | None = None,
    *,
    resume: bool = False,
) -> tuple[list[Standing], list[Outcome]]:
    """Train medloom's default and each rival in turn, seed by seed, and compare them.

    Args:
        processed: folder that preprocess wrote.
        against: names out of `RIVALS`.
        minutes: of wall-clock time each, validations included; `plain` takes at most two.
        seeds: of training.
        out: folder for weights, grids and logs, one folder a trial.
        on_progress: called about once a second, with the trial's name.
        resume: keep complete trials in `out` with these data on this machine.

    Raises:
        BadInputError: a rival is unknown.
    """
    names = [MEDLOOM, *against]
    trials = [(name, configure(name, minutes, seed)) for seed in seeds for name in names]
    outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
    for name, trial in trials:
        tell = None if on_progress is None else partial(on_progress, trial.name)
        folder = out / trial.name.replace(" ", "-")
        kept = kept_outcome(processed, trial, folder) if resume else None
        outcomes[name].append(kept or run_trial(processed, trial, folder, tell))
    return standings(outcomes), [one for name in names for one in outcomes[name]]


def standings(outcomes: dict[str, list[Outcome]]) -> list[Standing]:
    """Means over the seeds, and medloom's ratios to each rival."""
    ours = _standing(MEDLOOM, outcomes[MEDLOOM])
    rivals = [
        _against(ours, _standing(name, found), outcomes[MEDLOOM], found)
        for name, found in outcomes.items()
        if name != MEDLOOM
    ]
    return [ours, *rivals]


def _standing(name: str, outcomes: Sequence[Outcome]) -> Standing:
    standing = Standing(
        name=name,
        seeds=len(outcomes),
        images_seen=fmean(one.images_seen for one in outcomes),
        speed=fmean(one.speed for one in outcomes),
        minutes=fmean(one.seconds for one in outcomes) / 60,
    )
    scored = [one.evaluation for one in outcomes if one.evaluation is not None]
    if not scored:
        return standing
    distances = [evaluation.figure(KERNEL) for evaluation in scored]
    diversity = [evaluation.figure(DIVERSITY) for evaluation in scored]
    return standing.model_copy(
        update={
            "kernel_distance": fmean(figure.value for figure in distances),
            "low": min(figure.low or figure.value for figure in distances),
            "high": max(figure.high or figure.value for figure in distances),
            "floor": fmean(figure.floor or 0.0 for figure in distances),
            "over_floor": fmean(
                max(
                    figure.value - (figure.floor or 0.0),
                    ((figure.high or figure.value) - (figure.low or figure.value)) / 2,
                )
                for figure in distances
            ),
            "ms_ssim": fmean(figure.value for figure in diversity),
            "ms_ssim_real": fmean(figure.floor or 0.0 for figure in diversity),
            "faithful": faithful(scored),
        }
    )


def _against(
    ours: Standing, rival: Standing, mine: Sequence[Outcome], theirs: Sequence[Outcome]
) -> Standing:
    update: dict[str, float | None] = {"speed_ratio": ours.speed / rival.speed}
    if ours.over_floor is not None and rival.over_floor:
        update["distance_ratio"] = ours.over_floor / rival.over_floor
    if all(one.moments for one in theirs):
        update["overtaken_minutes"] = _overtaken(mine, theirs)
    return rival.model_copy(update=update)


def _overtaken(mine: Sequence[Outcome], theirs: Sequence[Outcome]) -> float | None:
    """Mean minutes until the first validation at or below the rival's last one; None if never."""
    times = []
    for our, rival in zip(mine, theirs, strict=True):
        mark = rival.moments[-1].kernel_distance
        passed = [moment.seconds for moment in our.moments if moment.kernel_distance <= mark]
        if not passed:
            return None
        times.append(passed[0] / 60)
    return fmean(times)
