"""The journal: serial, chained, and the one place that says who is champion."""

from typing import Any

import pytest

from pipeline.errors import BadInputError
from pipeline.ledger.journal import BRANCH, FILE, Journal
from pipeline.ledger.ledger import Ledger
from pipeline.settings import Settings


def facts(action: str = "promoted", version: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "action": action, "version": version, "weights_sha256": "ab", "run_key": f"k{version}",
        "data": "d", "predecessor": None, "verdict": {}, "test_set": "t", "by": "gate",
        "reason": "why", **more,
    }  # fmt: skip


def test_champion_and_previous_follow_promotions(settings: Settings) -> None:
    ledger = Ledger(settings)
    assert Journal(ledger).champion is None
    for action, version in (("promoted", 1), ("rejected", 2), ("promoted", 3), ("inconclusive", 4)):
        assert Journal(ledger).append(**facts(action, version))
    journal = Journal(ledger)
    assert journal.champion is not None
    assert journal.champion.version == 3
    assert journal.previous_champion is not None
    assert journal.previous_champion.version == 1
    assert [record.sequence for record in journal.records] == [1, 2, 3, 4]
    verdict = journal.verdict_on("k2")
    assert verdict is not None
    assert verdict.action == "rejected"


def test_of_two_that_read_the_same_head_one_appends(settings: Settings) -> None:
    ledger = Ledger(settings)
    one, two = Journal(ledger), Journal(ledger)
    assert one.append(**facts(version=1)) is not None
    assert two.append(**facts(version=2)) is None
    assert [record.version for record in Journal(ledger).records] == [1]


@pytest.mark.parametrize("harm", ["edit", "drop", "swap"])
def test_a_changed_past_is_found(settings: Settings, harm: str) -> None:
    ledger = Ledger(settings)
    for version in (1, 2, 3):
        Journal(ledger).append(**facts(version=version))
    head = ledger.head(BRANCH)
    assert head is not None
    lines = (ledger.read(head, FILE) or "").split("\n")
    changed = {
        "edit": [lines[0].replace('"version": 1', '"version": 9'), *lines[1:]],
        "drop": [lines[0], lines[2]],
        "swap": [lines[1], lines[0], lines[2]],
    }[harm]
    ledger.commit_files(BRANCH, head, {FILE: "\n".join(changed) + "\n"}, "tamper")
    with pytest.raises(BadInputError, match="broken at record"):
        Journal(ledger)
