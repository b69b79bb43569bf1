"""Compare a candidate with the champion: one difference per test group, and a t test over groups.

The kernel distances of two models to the same real images differ by a mean over the real images,
because the real-real term cancels. So each test group (patient) gives one difference, groups count
equally, and a t test with G - 1 degrees of freedom tests whether the candidate is better by more
than the margin. The variance due to the finite number of fakes is added to that of the groups. A
bootstrap of images, or of few groups, would promote far too often when there is no difference.
"""

import bisect
import math
from statistics import fmean, variance
from typing import NamedTuple

from model.section import Stored
from model.tasks import Task, task_named
from pipeline.base.errors import BadInputError
from pipeline.evaluation.record import KERNEL, Evaluation
from pipeline.promotion.gate.rules import GateConfig, Rule, rule

_MOST_GROUPS = 1000


class Comparison(Stored):
    """The test of a candidate against the champion, in the task's score (positive: better)."""

    groups: int
    improvement: float
    standard_error: float
    fakes_share: float
    t: float
    t_needed: float
    margin: float
    level: float
    by_seed: tuple[float, ...]
    groups_needed: int | None

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Two-sided interval of the improvement, over new groups and new fakes."""
        half = _t_quantile((1 - confidence) / 2, self.groups) * self.standard_error
        return self.improvement - half, self.improvement + half


class Compared(NamedTuple):
    """Two versions under one protocol; a positive improvement means the second is better."""

    first: Evaluation
    second: Evaluation
    comparison: Comparison


def compare(candidate: Evaluation, champion: Evaluation, rules: GateConfig) -> Comparison:
    """Compare by the champion's minus the candidate's score of each group; positive is better.

    Raises:
        BadInputError: there are fewer than two groups.
    """
    groups = sorted(candidate.group_scores)
    if len(groups) < 2:
        raise BadInputError("the test split has fewer than two groups: ingest more patients")
    pairs = [(champion.group_scores[g], candidate.group_scores[g]) for g in groups]
    gains = [fmean(old) - fmean(new) for old, new in pairs]
    seeds = range(len(pairs[0][0]))
    by_seed = tuple(fmean(old[s] - new[s] for old, new in pairs) for s in seeds)
    of_groups, of_fakes = variance(gains), candidate.fake_variance + champion.fake_variance
    error = math.sqrt(of_groups / len(groups) + of_fakes)
    margin = _margin(candidate, rules)
    lead = fmean(gains) - margin
    return Comparison(
        groups=len(groups),
        improvement=fmean(gains),
        standard_error=error,
        fakes_share=of_fakes / error**2 if error else 0.0,
        t=lead / error if error else 0.0,
        t_needed=_t_quantile(rules.level, len(groups)),
        margin=margin,
        level=rules.level,
        by_seed=by_seed,
        groups_needed=_groups_needed(lead, of_groups, of_fakes, rules),
    )


def _task(evaluation: Evaluation) -> Task:
    return task_named(evaluation.protocol.task)


def _margin(evaluation: Evaluation, rules: GateConfig) -> float:
    """The gate's margins are in kernel distance; other scores have none."""
    return 0.0 if _task(evaluation).paired else rules.kernel_distance_margin


def _groups_needed(lead: float, of_groups: float, of_fakes: float, rules: GateConfig) -> int | None:
    """Test groups needed to decide, at this lead and variance; None if more groups cannot."""

    def decides(number: int) -> bool:
        error = math.sqrt(of_groups / number + of_fakes)
        return lead > _t_quantile(rules.level, number) * error

    numbers = range(rules.min_groups, _MOST_GROUPS + 1)
    place = bisect.bisect_left(numbers, True, key=decides)  # once true, true for every larger one
    return numbers[place] if place < len(numbers) else None


def primary(
    result: Comparison, champion: Evaluation, rules: GateConfig, looks_used: int
) -> list[Rule]:
    """The rules of a comparison: looks, number of groups, least change and t test."""
    if looks_used >= rules.looks:
        return [_worn(looks_used, rules)]
    if result.groups < rules.min_groups:
        return [_too_few(result, rules)]
    task = _task(champion)
    change = [] if task.paired else [_change(result, champion, rules)]
    if result.improvement < -result.t_needed * result.standard_error:
        says = f"worse than the champion: {_tell(result, task)}"
        return [*change, rule("primary:better", False, result.t, result.t_needed, says)]
    passed = True if result.t > result.t_needed else None
    says = _tell(result, task)
    return [*change, rule("primary:better", passed, result.t, result.t_needed, says)]


def added_classes(candidate: Evaluation, compared: Evaluation) -> list[Rule]:
    """A rule that names the classes which the champion cannot draw, so they are not compared."""
    every, common = candidate.protocol.classes, compared.protocol.classes
    if not (added := sorted(set(every) - set(common))):
        return []
    says = (
        f"the champion does not draw {', '.join(added)}: the two are compared on "
        f"{', '.join(common)}, and the guards alone judge the rest"
    )
    return [rule("primary:classes", True, len(common), len(every), says)]


def _tell(result: Comparison, task: Task) -> str:
    unit = f" {task.unit}" if task.unit else ""
    says = (
        f"{task.score} changes by {-result.improvement:+.4g}{unit} (standard error "
        f"{result.standard_error:.2g}, {result.groups} test groups); t is {result.t:.2f} against "
        f"a margin of {result.margin:g}, and {result.t_needed:.2f} is needed"
    )
    if abs(result.t) > result.t_needed:
        return says
    if result.groups_needed is None:
        return f"{says}; more test groups alone would not decide it"
    return f"{says}; with this lead about {result.groups_needed} test groups would decide it"


def _change(result: Comparison, champion: Evaluation, rules: GateConfig) -> Rule:
    """MLflow's least changes, applied to the estimate; a smaller change is inconclusive."""
    base = champion.figure(KERNEL).value
    relative = rules.kernel_distance_min_relative_change * abs(base)
    limit = max(rules.kernel_distance_min_absolute_change, relative)
    gain = result.improvement
    says = (
        f"kernel distance changes by {-gain:+.4g} on the champion's {base:.4g}; it must fall by "
        f"at least {limit:.4g}"
    )
    return rule("primary:change", True if gain >= limit else None, gain, limit, says)


def _worn(looks_used: int, rules: GateConfig) -> Rule:
    says = (
        f"holdout worn: this test split has served {looks_used} of {rules.looks} looks; add test "
        f"groups ({rules.min_groups} open a new life) or ask a person"
    )
    return rule("primary:looks", None, looks_used, rules.looks, says)


def _too_few(result: Comparison, rules: GateConfig) -> Rule:
    lacking = rules.min_groups - result.groups
    says = (
        f"{result.groups} test groups cannot tell two models apart; at least {rules.min_groups} "
        f"are needed, so {lacking} more"
    )
    return rule("primary:groups", None, result.groups, rules.min_groups, says)


def _t_quantile(level: float, groups: int) -> float:
    from scipy import stats

    return float(stats.t.isf(level, groups - 1))
