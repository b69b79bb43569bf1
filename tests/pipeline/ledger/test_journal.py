"""The journal: appended in order, chained, and the authority on the champion."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.chain import read_chain
from pipeline.ledger.journal import (
    BRANCH,
    FOLDER,
    FORMAT,
    Journal,
    Record,
    champions,
    file_of,
    read_records,
)
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Signer, Verifier, make_key
from tests.support.records import chained, changed, named, put_journal


def facts(action: str = "promoted", version: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "action": action, "version": version, "weights_sha256": "ab", "run_key": f"k{version}",
        "data": "d", "predecessor": None, "verdict": {}, "test_set": "t", "by": "gate",
        "reason": "why", **more,
    }  # fmt: skip


def test_champion_and_previous_follow_promotions(project: Project) -> None:
    ledger = Ledger(project)
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


def test_of_two_that_read_the_same_head_one_appends(project: Project) -> None:
    ledger = Ledger(project)
    one, two = Journal(ledger), Journal(ledger)
    assert one.append(**facts(version=1)) is not None
    assert two.append(**facts(version=2)) is None
    assert [record.version for record in Journal(ledger).records] == [1]


HARMS = ["edit", "drop", "swap", "reformat", "no json"]


@pytest.mark.parametrize("harm", HARMS)
def test_a_changed_past_is_found(project: Project, harm: str) -> None:
    ledger = Ledger(project)
    for version in (1, 2, 3):
        Journal(ledger).append(**facts(version=version))
    head = ledger.head(BRANCH)
    assert head is not None
    files = ledger.read_folder(head, FOLDER)
    one, two, three = (files[f"{number:06d}.json"].decode() for number in (1, 2, 3))
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


def test_a_rollback_blocks_the_bad_version_and_a_challenger_waits(project: Project) -> None:
    ledger = Ledger(project)
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


def test_records_are_signed_when_there_is_a_key(project: Project, tmp_path: Path) -> None:
    public = make_key(tmp_path / "keys" / "journal")
    signing = replace(project, journal_key=tmp_path / "keys" / "journal")
    assert (tmp_path / "keys" / "journal").stat().st_mode & 0o077 == 0
    record = Journal(Ledger(signing)).append(**facts())
    assert record is not None
    verifier = Verifier.load(public)
    assert record.key_id == verifier.key_id == Verifier.load(tmp_path / "keys" / "journal").key_id
    read = Journal(Ledger(project)).records[0]
    assert read == record
    assert verifier.holds(read.signature, read.signed_part)
    forged = Record.read(changed(read.written, version=7))
    assert not verifier.holds(forged.signature, forged.signed_part)
    with pytest.raises(BadInputError, match="is not overwritten"):
        make_key(tmp_path / "keys" / "journal")
    with pytest.raises(BadInputError, match="medloom audit keygen"):
        Journal(Ledger(replace(project, journal_key=tmp_path / "nowhere")))


def test_a_version_trained_on_withdrawn_images_is_no_previous_champion(project: Project) -> None:
    ledger = Ledger(project)
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


# -- records of other versions ---------------------------------------------------------------------


def plain(version: int = 1, /, **more: Any) -> bytes:
    """A record's file; `more` may be fields that this version does not know."""
    written = Record.write(sequence=1, previous="", time="t", **facts(version=version)).written
    return changed(written, **more)


def signer_of(folder: Path) -> Signer:
    make_key(folder / "key")
    found = Signer.of(replace(Project.load({}), journal_key=folder / "key"))
    assert found
    return found


def test_a_record_of_a_later_version_with_a_field_more_holds_in_chain_and_signature(
    tmp_path: Path,
) -> None:
    signer = signer_of(tmp_path)
    verifier = Verifier.load(tmp_path / "key")
    later = {"colour": {"b": [0.1, float("nan"), 1e300, -0.0], "a": "é\u2028"}, "units": 3}
    files = chained([plain(1), plain(2, **later), plain(3)], signer)
    records, broken = read_chain(named(files), Record)
    assert broken is None
    assert [record.version for record in records] == [1, 2, 3]
    assert all(verifier.holds(record.signature, record.signed_part) for record in records)
    assert records[1].written == files[1]
    assert records[1].model_dump()["units"] == 3, "what is not known is shown all the same"
    assert records[1].model_copy().written == files[1]


def test_a_field_more_in_the_model_breaks_no_record_that_was_written_without(
    tmp_path: Path,
) -> None:
    class LaterRecord(Record):
        colour: str = "grey"
        doubts: int | None = None

    signer, old = signer_of(tmp_path), plain()
    without = {name: value for name, value in json.loads(old).items() if name != "format"}
    first = json.dumps(without, sort_keys=True).encode() + b"\n"
    for written in (changed(old, signer), changed(first, signer)):
        read = LaterRecord.read(written)
        assert (read.colour, read.sha256) == ("grey", Record.read(written).sha256)
        assert Verifier.load(tmp_path / "key").holds(read.signature, read.signed_part)


def test_a_field_that_is_called_as_a_part_of_a_record_takes_nothing_over() -> None:
    names = (
        "sha256",
        "written",
        "_written",
        "signed_part",
        "newer",
        "number",
        "model_dump",
        "read",
    )
    written = plain(3, **dict.fromkeys(names, "taken over"))
    record = Record.read(written)
    assert (record.written, record.number, record.newer) == (written, 3, False)
    assert record.sha256 == hashlib.sha256(written).hexdigest()
    assert b"taken over" in record.signed_part
    assert record.model_dump()["sha256"] == "taken over"


def swap_keys(content: bytes) -> bytes:
    turned = dict(reversed(json.loads(content).items()))
    return json.dumps(turned).encode() + b"\n"


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte": lambda content: content.replace(b"why", b"whz"),
    "an unknown field": lambda content: content.replace(b'"blue"', b'"red"'),
    "an unknown field dropped": lambda content: content.replace(b'"colour": "blue", ', b""),
    "a field added": lambda content: changed(content, weight=1),
    "the order of keys": swap_keys,
    "white space": lambda content: content.replace(b'": ', b'":', 1),
    "the last line's end": lambda content: content.rstrip(b"\n"),
    "a key twice": lambda content: content.replace(b'"by"', b'"by": "nobody", "by"', 1),
    "a number written otherwise": lambda content: content.replace(b"0.25", b"0.250"),
    "a letter written otherwise": lambda content: content.replace(b"\\u00e9", "é".encode()),
    "no text": lambda content: content.replace(b"why", b"wh\xff"),
    "a number as a text": lambda content: content.replace(b'"version": 2', b'"version": "2"'),
    "the format": lambda content: changed(content, format=FORMAT + 1),
    "the signature": lambda content: changed(content, signature="00"),
}


@pytest.mark.parametrize("harm", CHANGES)
def test_whatever_is_changed_in_a_record_is_found(tmp_path: Path, harm: str) -> None:
    signer, verifier = signer_of(tmp_path), Verifier.load(tmp_path / "key")
    more = {"colour": "blue", "share": 0.25, "name": "é"}
    files = chained([plain(1, **more), plain(2, **more), plain(3)], signer)
    altered = CHANGES[harm](files[1])
    assert altered != files[1]
    records, broken = read_chain(named([files[0], altered, files[2]]), Record)
    assert broken, "the record after it names other bytes"
    assert len(records) < 3
    # As the last record nothing names its bytes, but the signature is over all that they say.
    records, broken = read_chain(named([files[0], altered]), Record)
    assert broken or not verifier.holds(records[1].signature, records[1].signed_part)


def test_nothing_is_decided_on_top_of_a_newer_medloom(project: Project) -> None:
    ledger = Ledger(project)
    assert Journal(ledger).append(**facts())
    old = Journal(ledger).records[0].written
    newer = plain(2, action="retired", format=FORMAT + 1, heir=1)
    put_journal(ledger, chained([old, newer]))
    with pytest.raises(BadInputError, match=r"record 2 .* newer medloom, in format 4.*upgrade"):
        Journal(ledger)
    records = read_records(ledger, ledger.head(BRANCH))
    assert [(r.action, r.version, r.newer) for r in records] == [
        ("promoted", 1, False), ("retired", 2, True),
    ]  # fmt: skip


def test_an_action_that_the_format_does_not_have_is_no_record() -> None:
    for number in (1, FORMAT):
        with pytest.raises(ValueError, match=f"format {number} has no action 'retired'"):
            Record.read(plain(action="retired", format=number))


def test_what_is_written_says_its_format_and_nothing_unknown(project: Project) -> None:
    journal = Journal(Ledger(project))
    with pytest.raises(ValueError, match="a record has no colour"):
        journal.append(**facts(), colour="blue")
    with pytest.raises(ValueError, match="no action 'praised'"):
        journal.append(**facts("praised"))
    details = {"by version": {2: ("a", "b"), 10: None}, "p": float("nan")}
    record = journal.append(**facts(details=details))
    assert record
    assert record.format == json.loads(record.written)["format"] == FORMAT
    assert record.details["by version"] == {"2": ["a", "b"], "10": None}, "as it is read again"
    assert Journal(Ledger(project)).records[0].written == record.written
