"""Whether a candidate becomes champion: a pure function of two evaluations and the rules."""

from pipeline.promotion.gate.comparison import Compared, Comparison, compare
from pipeline.promotion.gate.rules import GateConfig, Rule
from pipeline.promotion.gate.verdict import Outcome, Verdict, decide

__all__ = [
    "Compared", "Comparison", "GateConfig", "Outcome", "Rule", "Verdict", "compare", "decide",
]  # fmt: skip
