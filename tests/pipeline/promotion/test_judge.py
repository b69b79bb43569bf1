"""What a verdict does: promotion, a wait for a person, refusal of what was rolled back."""

import json

import pytest

from pipeline.base.project import Project
from pipeline.promotion.gate import GateConfig, Outcome, Verdict
from pipeline.promotion.judge import refuse_blocked, ruling
from tests.support.decisions import Story


def verdict(outcome: Outcome) -> Verdict:
    return Verdict(
        outcome=outcome, reason="by the groups", candidate="c", champion="d", rules=(),
        comparison=None, looks_used=1, config=GateConfig(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "waits_for", "action", "details"),
    [
        ("promoted", (), "promoted", {}),
        ("promoted", ("code",), "awaiting", {"approval": ["code"]}),
        ("rejected", ("code",), "rejected", {}),
        ("inconclusive", ("code",), "inconclusive", {}),
    ],
)
def test_only_a_promotion_waits_for_a_person(
    outcome: Outcome, waits_for: tuple[str, ...], action: str, details: dict[str, list[str]]
) -> None:
    facts = ruling(verdict(outcome), waits_for)
    assert (facts["action"], facts["details"]) == (action, details)
    assert facts["reason"] == "by the groups"
    assert Verdict.model_validate_json(json.dumps(facts["verdict"])).outcome == outcome


def test_what_was_rolled_back_is_refused_however_good_it_looks(project: Project) -> None:
    story = Story(project)
    block = story.verdict("rolled-back", 1, predecessor=2, reason="no stones")
    refused = refuse_blocked(verdict("promoted"), block)
    assert refused.outcome == "rejected"
    assert "no stones" in refused.reason
    assert [rule.name for rule in refused.rules] == ["guard:blocked"]
    assert refuse_blocked(verdict("promoted"), None).outcome == "promoted"
