"""Whether a candidate becomes champion: a pure function of two evaluations and the rules.

The kernel distances of two models to the same real images differ by a mean over the real images,
because the real-real term cancels. So each test group (patient) gives one difference, groups count
equally, and a t test on G - 1 degrees asks whether the candidate is better by more than the
margin. To the groups' variance is added that of the finite number of fakes. A bootstrap of images,
or of few groups, would promote far too often at no difference at all.
"""

import bisect
import math
from statistics import fmean, variance
from typing import Literal, NamedTuple

from pydantic import Field

from model.section import Section
from pipeline.errors import BadInputError
from pipeline.scores import COPIES, DIVERSITY, KERNEL, REPEATS, Evaluation, require_same_protocol

Outcome = Literal["promoted", "inconclusive", "rejected"]

_MOST_GROUPS = 1000


class GateConfig(Section):
    """The `gate` section of params.yaml.

    `kernel_distance_*` keys follow the terms of MLflow's MetricThreshold: an absolute threshold,
    and least absolute and relative changes against the champion. Lower is better.
    """

    kernel_distance_threshold: float = Field(
        default=0.5, gt=0, description="most kernel distance above the floor, for any model"
    )
    kernel_distance_margin: float = Field(
        default=0.0, ge=0, description="improvement that must be exceeded with confidence"
    )
    kernel_distance_min_absolute_change: float = Field(
        default=0.0, ge=0, description="least estimated improvement"
    )
    kernel_distance_min_relative_change: float = Field(
        default=0.0, ge=0, lt=1, description="least estimated improvement, as a share"
    )
    diversity_margin: float = Field(
        default=0.15, ge=0, lt=1, description="most MS-SSIM within a class above real images"
    )
    repeat_margin: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="of the way from training images' repeat share to 1 that is allowed",
    )
    copy_share_threshold: float = Field(
        default=0.02, gt=0, lt=1, description="upper bound of the share of copies, above real"
    )
    min_groups: int = Field(default=8, ge=3, description="test groups below which nothing is said")
    looks: int = Field(default=20, ge=1, description="decisions that one test split serves")
    false_promotion: float = Field(
        default=0.10, gt=0, lt=0.5, description="chance of one false promotion over all the looks"
    )

    @property
    def level(self) -> float:
        """One-sided level of a single look."""
        return self.false_promotion / self.looks


class Rule(Section):
    """One rule with its figures.

    Attributes:
        name: guard:… or primary:….
        passed: None where it could not be decided.
        value, limit: what was compared.
        says: the same in a sentence.
    """

    name: str
    passed: bool | None
    value: float
    limit: float
    says: str


class Comparison(Section):
    """The test of a candidate against the champion, in kernel distance (positive: better)."""

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
    """Two versions under one protocol; the comparison's positive side is the second one's."""

    first: Evaluation
    second: Evaluation
    comparison: Comparison


class Verdict(Section):
    """What was decided and everything it was decided by.

    Attributes:
        asks: why a promotion waits for a person, whatever change control says; "": it need not.
    """

    outcome: Outcome
    reason: str
    asks: str = ""
    candidate: str
    champion: str | None
    rules: tuple[Rule, ...]
    comparison: Comparison | None
    looks_used: int
    config: GateConfig


def decide(
    candidate: Evaluation,
    champion: Evaluation | None,
    rules: GateConfig,
    looks_used: int = 0,
    shared: Evaluation | None = None,
) -> Verdict:
    """Judge a candidate.

    Args:
        candidate: scored now; the guards ask it about every class.
        champion: scored now under the candidate's protocol; None for the first model.
        rules: the `gate` section.
        looks_used: comparisons that this test split has served before.
        shared: the candidate once more, on the classes that the champion draws as well, where it
            draws others too; the champion is then scored on those, and the two are compared.

    Returns:
        promoted, inconclusive (the champion stays; not a failure) or rejected by a named rule. A
        candidate that draws more classes, and on the others is neither shown to be better nor to
        be worse, is promoted if a person says so: what is better then is no matter of figures.

    Raises:
        BadInputError: the two were not scored under one protocol.
    """
    checks = _guards(candidate, rules)
    comparison, asks = None, ""
    added: list[Rule] = []
    if champion is not None:
        compared = shared or candidate
        require_same_protocol(compared, champion)
        comparison = compare(compared, champion, rules)
        added = _added_classes(candidate, compared)
        checks += added + _primary(comparison, champion, rules, looks_used)
    outcome, reason = _conclude(checks, champion)
    if added and outcome == "inconclusive":
        open_ = f"There it is not shown to be better, and may be worse: {reason}"
        outcome, asks = "promoted", f"{added[0].says}. {open_}"
        reason = asks
    return Verdict(
        outcome=outcome,
        reason=reason,
        asks=asks,
        candidate=candidate.model,
        champion=champion.model if champion else None,
        rules=tuple(checks),
        comparison=comparison,
        looks_used=looks_used + (champion is not None),
        config=rules,
    )


def _conclude(checks: list[Rule], champion: Evaluation | None) -> tuple[Outcome, str]:
    if failed := [rule for rule in checks if rule.passed is False]:
        return "rejected", "; ".join(f"{rule.name}: {rule.says}" for rule in failed)
    if open_rules := [rule for rule in checks if rule.passed is None]:
        return "inconclusive", "; ".join(f"{rule.name}: {rule.says}" for rule in open_rules)
    if champion is None:
        return "promoted", "first model: every guard holds, and there is no champion to compare"
    return "promoted", checks[-1].says


# -- guards: what any model must hold, first or not ------------------------------------------------


def _guards(candidate: Evaluation, rules: GateConfig) -> list[Rule]:
    return [
        _every_class(candidate),
        _fidelity(candidate, rules.kernel_distance_threshold),
        _diversity(candidate, rules.diversity_margin),
        _repeats(candidate, rules.repeat_margin),
        _copies(candidate, rules.copy_share_threshold),
    ]


def _every_class(candidate: Evaluation) -> Rule:
    wanted = candidate.protocol.classes
    missing = sorted(set(wanted) - set(candidate.classes_drawn))
    says = f"the generator draws {len(candidate.classes_drawn)} of {len(wanted)} classes"
    says += f"; missing: {', '.join(missing)}" if missing else ""
    return _rule("guard:classes", not missing, len(candidate.classes_drawn), len(wanted), says)


def _fidelity(candidate: Evaluation, threshold: float) -> Rule:
    figure = candidate.figure(KERNEL)
    floor = figure.floor or 0.0
    half = (figure.high - figure.value) if figure.high is not None else 0.0
    excess = max(figure.value - floor, half)
    says = f"kernel distance is {excess:.4g} above the floor, at most {threshold:g} is allowed"
    return _rule(f"guard:{KERNEL}", excess <= threshold, excess, threshold, says)


def _diversity(candidate: Evaluation, margin: float) -> Rule:
    """The worst class counts: a generator that collapsed in one class has collapsed."""
    figures = [f for f in candidate.figures if f.metric == DIVERSITY and f.label is not None]
    worst = max(figures, key=lambda figure: figure.value - (figure.floor or 0.0))
    limit = (worst.floor or 0.0) + margin
    says = (
        f"MS-SSIM within {worst.label} is {worst.value:.3f}, real images have "
        f"{worst.floor or 0.0:.3f} and {limit:.3f} is allowed"
    )
    return _rule(f"guard:{DIVERSITY}", worst.value <= limit, worst.value, limit, says)


def _repeats(candidate: Evaluation, margin: float) -> Rule:
    """Slices of a series are alike: only what lies far beyond training images is repetition."""
    figure = candidate.figure(REPEATS)
    floor = figure.floor or 0.0
    limit = floor + margin * (1 - floor)
    says = (
        f"another seed draws {figure.value:.1%} of the images again, training images have "
        f"{floor:.1%} and {limit:.1%} is allowed"
    )
    return _rule(f"guard:{REPEATS}", figure.value <= limit, figure.value, limit, says)


def _copies(candidate: Evaluation, threshold: float) -> Rule:
    """Held-out real images resemble training images too: that share is no copying."""
    figure = candidate.figure(COPIES)
    upper = figure.high if figure.high is not None else figure.value
    limit = threshold + (figure.floor or 0.0)
    says = (
        f"at most {upper:.2%} of the generated images are copies (upper bound), held-out real "
        f"images {figure.floor or 0.0:.2%}, and {limit:.2%} is allowed"
    )
    return _rule(f"guard:{COPIES}", upper <= limit, upper, limit, says)


def _rule(name: str, passed: bool | None, value: float, limit: float, says: str) -> Rule:
    return Rule(name=name, passed=passed, value=float(value), limit=float(limit), says=says)


# -- the comparison with the champion --------------------------------------------------------------


def compare(candidate: Evaluation, champion: Evaluation, rules: GateConfig) -> Comparison:
    """Champion's minus candidate's score a group; more is better for the candidate.

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
    lead = fmean(gains) - rules.kernel_distance_margin
    return Comparison(
        groups=len(groups),
        improvement=fmean(gains),
        standard_error=error,
        fakes_share=of_fakes / error**2 if error else 0.0,
        t=lead / error if error else 0.0,
        t_needed=_t_quantile(rules.level, len(groups)),
        margin=rules.kernel_distance_margin,
        level=rules.level,
        by_seed=by_seed,
        groups_needed=_groups_needed(lead, of_groups, of_fakes, rules),
    )


def _groups_needed(lead: float, of_groups: float, of_fakes: float, rules: GateConfig) -> int | None:
    """Test groups at which this lead would be enough, if it and the spread stayed as they are."""

    def decides(number: int) -> bool:
        error = math.sqrt(of_groups / number + of_fakes)
        return lead > _t_quantile(rules.level, number) * error

    numbers = range(rules.min_groups, _MOST_GROUPS + 1)
    place = bisect.bisect_left(numbers, True, key=decides)  # once true, true for every larger one
    return numbers[place] if place < len(numbers) else None


def _primary(
    result: Comparison, champion: Evaluation, rules: GateConfig, looks_used: int
) -> list[Rule]:
    if looks_used >= rules.looks:
        return [_worn(looks_used, rules)]
    if result.groups < rules.min_groups:
        return [_too_few(result, rules)]
    change = _change(result, champion, rules)
    if result.improvement < -result.t_needed * result.standard_error:
        says = f"worse than the champion: {_tell(result)}"
        return [change, _rule("primary:better", False, result.t, result.t_needed, says)]
    passed = True if result.t > result.t_needed else None
    return [change, _rule("primary:better", passed, result.t, result.t_needed, _tell(result))]


def _added_classes(candidate: Evaluation, compared: Evaluation) -> list[Rule]:
    """What the comparison says nothing of: classes that the champion cannot draw."""
    every, common = candidate.protocol.classes, compared.protocol.classes
    if not (added := sorted(set(every) - set(common))):
        return []
    says = (
        f"the champion does not draw {', '.join(added)}: the two are compared on "
        f"{', '.join(common)}, and the guards alone judge the rest"
    )
    return [_rule("primary:classes", True, len(common), len(every), says)]


def _tell(result: Comparison) -> str:
    says = (
        f"kernel distance changes by {-result.improvement:+.4g} (standard error "
        f"{result.standard_error:.2g}, {result.groups} test groups); t is {result.t:.2f} against "
        f"a margin of {result.margin:g}, and {result.t_needed:.2f} is needed"
    )
    if abs(result.t) > result.t_needed:
        return says
    if result.groups_needed is None:
        return f"{says}; more test groups alone would not decide it"
    return f"{says}; with this lead about {result.groups_needed} test groups would decide it"


def _change(result: Comparison, champion: Evaluation, rules: GateConfig) -> Rule:
    """MLflow's least changes, on the estimate; too small a change is no failure."""
    base = champion.figure(KERNEL).value
    relative = rules.kernel_distance_min_relative_change * abs(base)
    limit = max(rules.kernel_distance_min_absolute_change, relative)
    gain = result.improvement
    says = (
        f"kernel distance changes by {-gain:+.4g} on the champion's {base:.4g}; it must fall by "
        f"at least {limit:.4g}"
    )
    return _rule("primary:change", True if gain >= limit else None, gain, limit, says)


def _worn(looks_used: int, rules: GateConfig) -> Rule:
    says = (
        f"holdout worn: this test split has served {looks_used} of {rules.looks} looks; add test "
        f"groups ({rules.min_groups} open a new life) or ask a person"
    )
    return _rule("primary:looks", None, looks_used, rules.looks, says)


def _too_few(result: Comparison, rules: GateConfig) -> Rule:
    lacking = rules.min_groups - result.groups
    says = (
        f"{result.groups} test groups cannot tell two models apart; at least {rules.min_groups} "
        f"are needed, so {lacking} more"
    )
    return _rule("primary:groups", None, result.groups, rules.min_groups, says)


def _t_quantile(level: float, groups: int) -> float:
    from scipy import stats

    return float(stats.t.isf(level, groups - 1))
