"""All sections of params.yaml as one typed object."""

from collections.abc import Iterator
from itertools import count
from math import ceil

from model.config import TrainConfig
from model.section import Section
from model.tasks import task_of
from pipeline.base.errors import BadInputError
from pipeline.base.params_file import validate
from pipeline.data.config import IngestConfig
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.record import EvaluateConfig
from pipeline.feedback.rules import FeedbackConfig
from pipeline.flow.planning import RetrainConfig
from pipeline.ledger.project_params import ProjectParams
from pipeline.monitor.config import MonitorConfig
from pipeline.promotion.change_control import ChangeControlConfig
from pipeline.promotion.gate import GateConfig


class Params(Section):
    """All sections; each class is declared with the code that uses it."""

    ingest: IngestConfig
    preprocess: PreprocessConfig
    train: TrainConfig
    evaluate: EvaluateConfig
    gate: GateConfig
    retrain: RetrainConfig
    feedback: FeedbackConfig
    monitor: MonitorConfig
    change_control: ChangeControlConfig


def require_valid(params: ProjectParams) -> Params:
    """Validate all sections of a project's parameters, each alone and together.

    Raises:
        BadInputError: they are invalid, or contradict each other; the message lists every error.
    """
    valid = validate(params.origin, Params, dict(params.values))
    if found := list(contradictions(valid)):
        lines = "\n".join(f"  {line}" for line in found)
        raise BadInputError(f"{params.origin} has {len(found)} contradiction(s):\n{lines}")
    return valid


def contradictions(params: Params) -> Iterator[str]:
    """Values that are each allowed, but with which no model could ever be trained or promoted."""
    gate, evaluate = params.gate, params.evaluate
    for name in ("kernel_distance_margin", "kernel_distance_min_absolute_change"):
        if (least := getattr(gate, name)) >= gate.kernel_distance_threshold:
            yield (
                f"gate.{name} is {least:g} and gate.kernel_distance_threshold is "
                f"{gate.kernel_distance_threshold:g}: a champion is at most that much above the "
                f"floor, so none could be improved by {least:g}; set gate.{name} below the "
                "threshold"
            )
    drawn = evaluate.n_fake // len(evaluate.seeds) * len(evaluate.seeds)
    bound = _bound_of_no_copies(drawn)
    if bound > gate.copy_share_threshold:
        needed = next(
            n for n in count(drawn) if _bound_of_no_copies(n) <= gate.copy_share_threshold
        )
        needed = -(-needed // len(evaluate.seeds)) * len(evaluate.seeds)
        yield (
            f"evaluate.n_fake is {evaluate.n_fake} and gate.copy_share_threshold is "
            f"{gate.copy_share_threshold:g}: even without a single copy the upper bound of their "
            f"share is {bound:.2g}; set evaluate.n_fake to at least {needed}, or "
            f"gate.copy_share_threshold to at least {ceil(bound * 1000) / 1000:g}"
        )
    yield from _contradictions_of_task(params)
    for one in params.change_control.parameters:
        if one.least is not None and one.most is not None and one.least > one.most:
            yield (
                f"change_control.parameters: {one.name} has least {one.least:g} above most "
                f"{one.most:g}, which allows no value; exchange the two"
            )


def _contradictions_of_task(params: Params) -> Iterator[str]:
    """Of a family that is given images: what is not measured of it, and what it is not given."""
    family, evaluate, task = params.train.family, params.evaluate, task_of(params.train.family)
    if task.sources == 1 and (modalities := params.preprocess.modalities):
        yield (
            f"preprocess.modalities is {', '.join(modalities)}, which makes pairs, and "
            f"train.family is {family}, which learns from single images: set "
            "preprocess.modalities to [], or train.family to one that fuses (docs/families.md)"
        )
    try:
        params.train.recipe.shape(params.preprocess.size)
    except ValueError as error:
        yield str(error)
    if task.paired and (evaluate.baseline or evaluate.utility.minutes):
        yield (
            f"train.family is {family}, whose images have a truth: it has no baseline but "
            f"{task.rival}, and utility is not measured; set evaluate.baseline to '' and "
            "evaluate.utility.minutes to 0"
        )


def _bound_of_no_copies(images: int) -> float:
    """The upper end of the 95 % Clopper-Pearson interval of none in so many images."""
    return float(1 - 0.025 ** (1 / images))
