"""Opinions: one chain that nobody can alter unseen, and that readers share."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.feedback.export import csv_text
from pipeline.feedback.opinions import BRANCH, LONGEST_NOTE, Opinions, give
from pipeline.ledger.chain_branch import ChainBranch
from pipeline.ledger.ledger import Ledger

FLAWED: Mapping[str, Any] = {
    "reader": "ada", "version": 3, "weights_sha256": "ab", "label": "stone", "seed": 7, "index": 2,
    "settings": {"truncation": 0.7}, "verdict": "flawed", "tags": ["wrong-class"],
}  # fmt: skip
GOOD = {**FLAWED, "verdict": "good", "tags": []}


@pytest.fixture
def ledger(project: Project) -> Ledger:
    return Ledger(project)


def test_opinions_are_read_as_they_were_given(ledger: Ledger) -> None:
    give(ledger, [FLAWED, GOOD])
    give(ledger, [{**GOOD, "image": "c0ffee", "version": None, "reader": "bob"}])
    found = Opinions(ledger).records
    assert [one.sequence for one in found] == [1, 2, 3]
    assert [one.flawed for one in found] == [True, False, False]
    assert found[0].tags == ["wrong-class"]
    assert found[0].subject == found[1].subject != found[2].subject
    assert csv_text(found).splitlines()[1].count("truncation=0.7") == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tags": ["ugly"]}, "no tag ugly; known: artefact, "),
        ({"tags": []}, "a flawed image has a tag"),
        ({"verdict": "bad"}, "neither good nor flawed"),
        ({"note": "x" * (LONGEST_NOTE + 1)}, "the note has 501 characters, at most 500"),
        ({"reader": "Ada Lovelace"}, "reader 'Ada Lovelace' is not of letters"),
        ({"image": "c0ffee"}, "about a version's image, or about a real one"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"mood": "sad"}, "has no mood"),
    ],
)
def test_what_is_not_allowed_is_refused_and_nothing_is_written(
    ledger: Ledger, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadInputError, match=says):
        give(ledger, [FLAWED, {**FLAWED, **change}])
    assert ledger.head(BRANCH) is None


def test_readers_who_speak_at_once_are_all_heard(project: Project) -> None:
    ledgers = [Ledger(project) for _ in range(3)]
    threads = [
        threading.Thread(target=give, args=(ledger, [{**FLAWED, "reader": f"r{number}"}]))
        for number, ledger in enumerate(ledgers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.reader for one in Opinions(ledgers[0]).records} == {"r0", "r1", "r2"}


def test_an_altered_opinion_is_noticed(ledger: Ledger) -> None:
    give(ledger, [FLAWED])
    give(ledger, [GOOD])
    head = ledger.head(BRANCH)
    first = ledger.read_folder(str(head), BRANCH)["000001.json"].decode()
    altered = first.replace("stone", "cysts")
    ledger.commit_files(BRANCH, head, {f"{BRANCH}/000001.json": altered}, "altered")
    with pytest.raises(BadInputError, match=r"is broken at 000002\.json: it does not continue"):
        Opinions(ledger)


def test_who_is_always_overtaken_is_told_to_try_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChainBranch, "append", lambda *_: None)
    with pytest.raises(TransientError, match="nothing was lost"):
        give(ledger, [FLAWED])
