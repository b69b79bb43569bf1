"""Who looked at which real images."""

import json

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import BRANCH, LONGEST_REASON, Looks, record_look
from pipeline.ledger.signing import Verifier, make_key

ONE, TWO = "a" * 64, "b" * 64


@pytest.fixture
def ledger(project: Project) -> Ledger:
    project.state.mkdir(parents=True)
    return Ledger(project)


def test_looks_are_chained(ledger: Ledger) -> None:
    first = record_look(ledger, [TWO, ONE, TWO], by="ann", purpose="quarantine", reason=" ruler? ")
    second = record_look(ledger, [ONE], by="reader-1", role="reader", purpose="study")
    assert Looks(ledger).records == [first, second]
    assert (first.images, first.reason, first.by) == ([ONE, TWO], "ruler?", "ann")
    assert second.previous == first.sha256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": []}, "images"),
        ({"by": ""}, "by"),
        ({"purpose": ""}, "purpose"),
        ({"reason": "x" * (LONGEST_REASON + 1)}, f"at most {LONGEST_REASON}"),
    ],
)
def test_a_look_says_enough_and_not_too_much(
    ledger: Ledger, change: dict[str, object], said: str
) -> None:
    facts = {"images": [ONE], "by": "ann", "purpose": "quarantine"} | change
    with pytest.raises(BadInputError, match=said):
        record_look(ledger, **facts)  # type: ignore[arg-type]
    assert not Looks(ledger).records


def test_an_altered_look_is_noticed(ledger: Ledger) -> None:
    for by in ("ann", "ben"):
        record_look(ledger, [ONE], by=by, purpose="quarantine")
    head = ledger.head(BRANCH)
    name = f"{BRANCH}/000001.json"
    altered = json.loads(ledger.read(str(head), name) or "") | {"by": "eve"}
    text = json.dumps(altered, sort_keys=True) + "\n"
    ledger.commit_files(BRANCH, head, {name: text}, "altered")
    with pytest.raises(BadInputError, match=r"branch looks of .* is broken at 000002.json"):
        Looks(ledger)


def test_looks_of_a_newer_medloom_are_refused(ledger: Ledger) -> None:
    look = record_look(ledger, [ONE], by="ann", purpose="quarantine")
    newer = json.loads(look.written) | {"format": 9, "of": "tomorrow"}
    head, name = ledger.head(BRANCH), f"{BRANCH}/000001.json"
    text = json.dumps(newer, sort_keys=True) + "\n"
    ledger.commit_files(BRANCH, head, {name: text}, "newer")
    with pytest.raises(
        BadInputError, match="newer medloom, in format 9; this version reads formats 1 to 1"
    ):
        record_look(ledger, [ONE], by="ann", purpose="quarantine")


def test_looks_are_signed_where_there_is_a_key(project: Project) -> None:
    key = project.state.parent / "key"
    public = make_key(key)
    signed = Project.load({"MEDLOOM_STATE": str(project.state), "MEDLOOM_JOURNAL_KEY": str(key)})
    signed.state.mkdir(parents=True)
    look = record_look(Ledger(signed), [ONE], by="ann", purpose="quarantine")
    assert Verifier.load(public).holds(look.signature, look.signed_part)
