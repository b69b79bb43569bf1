"""Guards of tasks whose results have a truth: the bounds that the task names."""

from model.tasks import Task, task_named
from model.tasks.task import Bound
from pipeline.evaluation.record import Evaluation
from pipeline.promotion.gate.rules import Rule, rule


def paired_guards(candidate: Evaluation) -> list[Rule]:
    """Apply every bound of the candidate's task."""
    task = task_named(candidate.protocol.task)
    return [
        _better(candidate, task, bound) if bound.most is None else _most(candidate, task, bound)
        for bound in task.bounds
    ]


def _better(candidate: Evaluation, task: Task, bound: Bound) -> Rule:
    """Better than the rival beyond chance: the lower end of the gain's interval is above 0."""
    quality = task.quality(bound.quality)
    figure = candidate.figure(quality.gain)
    low = figure.low if figure.low is not None else figure.value
    unit = quality.unit
    says = (
        f"{bound.quality.upper()} is {figure.value:+.4g}{f' {unit}' if unit else ''} better than "
        f"{task.rival}'s, surely {low:+.4g}; it must surely be better"
    )
    return rule(f"guard:{bound.quality}", low > 0, low, 0.0, says)


def _most(candidate: Evaluation, task: Task, bound: Bound) -> Rule:
    figure = candidate.figure(bound.quality)
    high = figure.high if figure.high is not None else figure.value
    limit = bound.most or 0.0
    unit = task.quality(bound.quality).unit
    says = (
        f"{bound.quality} is {figure.value:.3g} (at most {high:.3g}) {unit}; {limit:g} is allowed"
    )
    return rule(f"guard:{bound.quality}", high <= limit, high, limit, says)
