"""Promoted, inconclusive or rejected."""

from typing import Literal

from model.section import Section
from pipeline.evaluation.record import Evaluation, require_same_protocol
from pipeline.promotion.gate.comparison import Comparison, added_classes, compare, primary
from pipeline.promotion.gate.guards import guards
from pipeline.promotion.gate.rules import GateConfig, Rule

Outcome = Literal["promoted", "inconclusive", "rejected"]


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
