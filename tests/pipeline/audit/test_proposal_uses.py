"""Proposals in the audit: what was said about an image, and about those that a version saw."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.audit.answers import trace_json, trace_tree, uses_json, uses_table
from pipeline.audit.report import render
from pipeline.audit.trace import trace
from pipeline.audit.trace_facts import Trace
from pipeline.audit.uses import find_uses
from pipeline.audit.verify import Findings, verify
from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal
from pipeline.data.revise.answering import accept, propose_image
from pipeline.data.revise.revision import Revisions
from pipeline.ledger.chain import PROPOSALS
from tests.support.consenting import Clinic


def test_what_was_said_about_an_image_is_told_by_image_and_by_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic = Clinic.make(tmp_path)
    clinic.judge()
    one, other, *_ = sorted(row.id for row in Revisions(clinic.ledger).rows(clinic.data))
    propose_image(clinic.project, one, ["burnt-in-text"], by="reader-1a", note="a corner")
    accept(clinic.project, [one], by="ada", reason="a name")
    found = find_uses(clinic.project, one)
    assert [(use.action, use.by) for use in found.proposals] == [
        ("proposed", "reader-1a"), ("accepted", "ada"),
    ]  # fmt: skip
    assert found.proposals[1].data == clinic.data
    assert find_uses(clinic.project, other).proposals == ()
    assert json.loads(json.dumps(uses_json(found)))["proposals"][0]["image"] == one
    traced = trace(clinic.project, "1")
    assert traced.proposals == found.proposals
    assert trace_json(traced)["proposals"][1]["says"] == (
        'accepted by ada: set aside; "a name"'
    )  # fmt: skip
    Terminal().print(uses_table(found), trace_tree(traced))
    shown = " ".join(capsys.readouterr().out.split())
    assert "proposals to take it out of the data" in shown
    assert "proposals about images that it saw: 2" in shown
    page = page_of(traced)
    for words in (
        f"<code>{one[:12]}</code>",
        "reader-1a",
        "accepted by ada: set aside",
        "a corner",
    ):
        assert words in page
    clinic.judge()
    untouched = trace(clinic.project, "2")
    assert untouched.proposals == (), "it never saw the image"
    assert "people proposed" not in page_of(untouched)
    _alter(clinic)


def page_of(found: Trace) -> str:
    return render(found, Findings((), ()), [], "0" * 64, datetime(2026, 1, 1, tzinfo=UTC))


def _alter(clinic: Clinic) -> None:
    """Somebody changes a proposal: verify names its chain, and no answer is made of it."""
    ledger, head = clinic.ledger, clinic.ledger.head(PROPOSALS)
    found = verify(ledger, None, None, [], lambda *_: None)
    assert [one.broken for one in found.chains if one.name == PROPOSALS] == [None]
    text = ledger.read_folder(str(head), PROPOSALS)["000001.json"].decode()
    altered = {f"{PROPOSALS}/000001.json": text.replace("corner", "middle")}
    ledger.commit_files(PROPOSALS, head, altered, "altered")
    found = verify(ledger, None, None, [], lambda *_: None)
    (broken,) = [one.broken for one in found.chains if one.name == PROPOSALS]
    assert broken
    assert "only grows" in broken.what
    (image,) = clinic.journal.records[-2].details["images"]
    with pytest.raises(BadInputError, match="branch proposals is broken at 000002"):
        find_uses(clinic.project, image)
