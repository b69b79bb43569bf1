"""The journal: serial, chained, and the one place that says who is champion."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings
from pipeline.ledger.journal import BRANCH, FOLDER, Journal, champions, file_of
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Verifier, make_key


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


HARMS = ["edit", "drop", "swap", "reformat", "no json"]


@pytest.mark.parametrize("harm", HARMS)
def test_a_changed_past_is_found(settings: Settings, harm: str) -> None:
    ledger = Ledger(settings)
    for version in (1, 2, 3):
        Journal(ledger).append(**facts(version=version))
    head = ledger.head(BRANCH)
    assert head is not None
    files = ledger.read_folder(head, FOLDER)
    one, two, three = (files[f"{number:06d}.json"] for number in (1, 2, 3))
    broken_at, changed = {
        "edit": (2, {1: one.replace('"version": 1', '"version": 9')}),
        "drop": (2, {2: three}),
        "swap": (1, {1: two, 2: one}),
        "reformat": (2, {2: two.replace("\n", " ")}),
        "no json": (3, {3: three[:-20]}),
    }[harm]
    texts = {file_of(number): text for number, text in changed.items()}
    ledger.commit_files(BRANCH, head, texts, "tamper")
    with pytest.raises(BadInputError, match=f"broken at {broken_at:06d}.json"):
        Journal(ledger)


def test_a_rollback_blocks_the_bad_version_and_a_challenger_waits(settings: Settings) -> None:
    ledger = Ledger(settings)
    for action, version, before in (("promoted", 1, None), ("promoted", 2, 1)):
        assert Journal(ledger).append(**facts(action, version, predecessor=before))
    assert Journal(ledger).append(**facts("rolled-back", 1, predecessor=2))
    journal = Journal(ledger)
    assert journal.champion is not None
    assert journal.champion.version == 1
    assert list(journal.blocked) == [2]
    assert journal.previous_champion is None
    assert Journal(ledger).append(**facts("awaiting", 3, predecessor=1))
    waiting = Journal(ledger).challenger
    assert waiting is not None
    assert waiting.version == 3
    assert Journal(ledger).append(**facts("approved", 3, predecessor=1, by="a person"))
    journal = Journal(ledger)
    assert journal.challenger is None
    assert journal.champion is not None
    assert journal.champion.version == 3
    assert [tenure[0] for tenure in champions(journal.records)] == [1, 2, 1, 3]
    verdict = journal.verdict_on("k3")
    assert verdict is not None
    assert verdict.action == "awaiting"


def test_records_are_signed_when_there_is_a_key(settings: Settings, tmp_path: Path) -> None:
    public = make_key(tmp_path / "keys" / "journal")
    signing = replace(settings, journal_key=tmp_path / "keys" / "journal")
    assert (tmp_path / "keys" / "journal").stat().st_mode & 0o077 == 0
    record = Journal(Ledger(signing)).append(**facts())
    assert record is not None
    verifier = Verifier.load(public)
    assert record.key_id == verifier.key_id == Verifier.load(tmp_path / "keys" / "journal").key_id
    read = Journal(Ledger(settings)).records[0]
    assert verifier.holds(read.signature, read.signed_part())
    forged = read.model_copy(update={"version": 7})
    assert not verifier.holds(forged.signature, forged.signed_part())
    with pytest.raises(BadInputError, match="no key is overwritten"):
        make_key(tmp_path / "keys" / "journal")
    with pytest.raises(BadInputError, match="medloom audit keygen"):
        Journal(Ledger(replace(settings, journal_key=tmp_path / "nowhere")))


def test_a_version_of_withdrawn_data_is_nobody_to_return_to(settings: Settings) -> None:
    ledger = Ledger(settings)
    for version, before in ((1, None), (2, 1), (3, 2)):
        assert Journal(ledger).append(**facts("promoted", version, predecessor=before))
    withdrawal = {"action": "withdrawn", "version": None, "by": "a person", "reason": "consent"}
    assert Journal(ledger).append(**withdrawal, details={"versions": [2]})
    journal = Journal(ledger)
    assert list(journal.affected) == [2]
    assert journal.champion is not None
    assert journal.champion.version == 3
    assert journal.previous_champion is not None
    assert journal.previous_champion.version == 1
