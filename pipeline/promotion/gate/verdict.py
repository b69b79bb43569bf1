"""Decide whether a candidate is promoted, inconclusive or rejected."""

from typing import Literal

from model.section import Stored
from pipeline.evaluation.record import Evaluation, require_same_protocol
from pipeline.promotion.gate.comparison import Comparison, added_classes, compare, primary
from pipeline.promotion.gate.guards import guards
from pipeline.promotion.gate.rules import GateConfig, Rule

Outcome = Literal["promoted", "inconclusive", "rejected"]


class Verdict(Stored):
    """A decision and every figure behind it.

    Attributes:
        asks: why the promotion needs an approval, whatever change control says; "" if it does not.
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
        candidate: its evaluation on every class; the guards use it.
        champion: its evaluation under the candidate's protocol; None for the first model.
        rules: the `gate` section.
        looks_used: comparisons that this test split has served before.
        shared: the candidate's evaluation on the classes that the champion draws too, if the
            candidate draws more; it is compared with the champion's.

    Returns:
        promoted, inconclusive (the champion stays; not a failure) or rejected by a named rule. A
        candidate with added classes whose comparison is inconclusive is promoted, but needs an
        approval: figures cannot decide whether added classes are worth it.

    Raises:
        BadInputError: the two were not scored under one protocol.
    """
    checks = guards(candidate, rules)
    comparison, asks = None, ""
    added: list[Rule] = []
    if champion is not None:
        compared = shared or candidate
        require_same_protocol(compared, champion)
        comparison = compare(compared, champion, rules)
        added = added_classes(candidate, compared)
        checks += added + primary(comparison, champion, rules, looks_used)
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
