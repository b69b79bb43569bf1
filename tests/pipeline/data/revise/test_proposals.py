"""Proposals to take real images out of the data, and a person's answers to them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.decisions import REJECTED_FILE, Rejected
from pipeline.data.revise import answering
from pipeline.data.revise.answering import accept, decline, list_proposed, propose_image
from pipeline.data.revise.proposals import Proposal, Proposals, proposed_images
from pipeline.data.revise.quarantining import list_quarantined, release
from pipeline.data.revise.revision import Revisions
from pipeline.flow import steps
from pipeline.ledger.chain import next_record
from tests.pipeline.cli.test_main import invoke
from tests.support.consenting import Clinic
from tests.support.quarantined import copy_of

pytestmark = pytest.mark.usefixtures("dvc_in_process")

READER = "reader-1a2b"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinic")
    Clinic.make(folder)
    return folder


@pytest.fixture
def clinic(made: Path, tmp_path: Path) -> Clinic:
    return copy_of(made, tmp_path)


def held(clinic: Clinic) -> dict[str, str]:
    return {row.id: row.label for row in Revisions(clinic.ledger).rows(clinic.data)}


def proposed(clinic: Clinic, label: str = "cyst", by: str = READER, **more: Any) -> str:
    rows = Revisions(clinic.ledger).rows(clinic.data)
    cells = Counter((row.label, row.split) for row in rows)
    image = min(r.id for r in rows if r.label == label and cells[r.label, r.split] > 1)
    propose_image(clinic.project, image, ["burnt-in-text"], by=by, **more)
    return image


def states(clinic: Clinic) -> dict[str, str]:
    return {one.image: one.state for one in list_proposed(clinic.project, 20)}


# -- what stands -----------------------------------------------------------------------------------


def chain(*facts: dict[str, Any]) -> list[Proposal]:
    records: list[Proposal] = []
    for one in facts:
        said = {"action": "proposed", "tags": ["artefact"]} if "answers" not in one else {}
        records.append(next_record(records, Proposal, None, **(said | one)))
    return records


def said(image: str, by: str = "ada", **more: Any) -> dict[str, Any]:
    return {"image": image, "by": by} | more


def answer(image: str, *numbers: int, action: str = "declined") -> dict[str, Any]:
    return {"action": action, "image": image, "by": "eve", "answers": [*numbers], "reason": "no"}


def test_nobody_buries_the_list() -> None:
    records = chain(*(said(f"i{n}") for n in range(4)), said("i3", "bob"), said("i9", "bob"))
    here = dict.fromkeys(("i0", "i1", "i2", "i3", "i9"), "cyst")
    found = {one.image: one.state for one in proposed_images(records, here, 2)}
    assert found == {"i0": "open", "i1": "open", "i2": "waiting", "i3": "open", "i9": "open"}
    after = chain(*(said(f"i{n}") for n in range(4)), answer("i0", 1))
    found = {one.image: one.state for one in proposed_images(after, here, 2)}
    assert found["i2"] == "open", "an answer makes room"


def test_what_one_reader_says_last_counts_and_an_answer_is_about_what_it_names() -> None:
    here = {"i0": "cyst"}
    records = chain(said("i0", reason="first"), said("i0", "bob"), said("i0", reason="second"))
    (one,) = proposed_images(records, here, 2)
    assert [(each.by, each.reason) for each in one.proposals] == [("bob", ""), ("ada", "second")]
    (after,) = proposed_images([*records, *chain(*[])], here, 2)
    records = chain(said("i0"), said("i0", "bob"), answer("i0", 1))
    (after,) = proposed_images(records, here, 2)
    assert (after.state, [each.by for each in after.proposals]) == ("open", ["bob"])
    assert "before: declined by eve" in after.detail
    (gone,) = proposed_images(records, {}, 2)
    assert gone.state == "gone"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tags": []}, "a proposal says what is wrong"),
        ({"tags": ["looks-copied"]}, "no flaw looks-copied; known: artefact"),
        ({"reason": "x" * 501}, "the reason has 501 characters, at most 500"),
        ({"answers": [1]}, "an answer names the proposals"),
        ({"action": "liked"}, "has no action 'liked'"),
        ({"image": ""}, "at least 1 character"),
    ],
)
def test_what_is_not_allowed_is_refused(change: dict[str, Any], says: str) -> None:
    facts = said("i0") | {"action": "proposed", "tags": ["artefact"]}
    with pytest.raises(ValueError, match=says):
        next_record([], Proposal, None, **(facts | change))


# -- answers ---------------------------------------------------------------------------------------


def test_a_proposal_changes_nothing_and_an_accepted_one_takes_the_image_out(
    clinic: Clinic,
) -> None:
    before = clinic.data
    image = proposed(clinic, note="left lower corner")
    assert clinic.data == before
    assert states(clinic) == {image: "open"}
    done = accept(clinic.project, [image[:12]], by="ada", reason="a name", role="curator")
    assert image not in held(clinic)
    assert len(held(clinic)) == 7
    told = clinic.journal.records[-1]
    assert (told.action, told.by, told.reason) == ("kept-out", "ada", "a name")
    assert told.details["images"] == [image]
    assert (told.details["set_aside"], told.details["proposals"]) == (["burnt-in-text"], [1])
    (answered,) = done.records
    assert (answered.action, answered.by, answered.role) == ("accepted", "ada", "curator")
    assert (answered.answers, answered.outcome) == ([1], "set-aside")
    assert answered.data == clinic.data == told.data
    assert states(clinic) == {image: "accepted"}
    assert not done.warnings


def test_a_class_that_loses_a_split_is_said_to(clinic: Clinic) -> None:
    rows = Revisions(clinic.ledger).rows(clinic.data)
    cells = Counter((row.label, row.split) for row in rows)
    lonely = next(row for row in rows if cells[row.label, row.split] == 1)
    propose_image(clinic.project, lonely.id, ["artefact"], by=READER)
    (warning,) = accept(clinic.project, [lonely.id], by="ada", reason="noise").warnings
    assert f"class {lonely.label} has no image in {lonely.split} any more" in warning


def test_later_ingests_keep_it_out_until_a_person_lets_it_in_again(clinic: Clinic) -> None:
    image = proposed(clinic)
    accept(clinic.project, [image], by="ada", reason="a name")
    report = steps.ingest(clinic.project)
    assert (report.new, report.reasons) == (0, {"rejected": 1})
    clinic.project.index_file.unlink()
    assert steps.ingest(clinic.project).reasons == {"rejected": 1}
    (each,) = list_quarantined(clinic.project)
    assert (each.entry.image_id, each.state) == (image, "rejected")
    release(clinic.project, [each.record], by="bob", reason="it was a ruler")
    assert steps.ingest(clinic.project).new == 1
    assert image in held(clinic)
    assert states(clinic) == {image: "accepted"}
    propose_image(clinic.project, image, ["artefact"], by="reader-9")
    assert states(clinic) == {image: "open"}
    accept(clinic.project, [image], by="ada", reason="after all")
    assert image not in held(clinic)


def test_a_wrong_class_is_corrected_instead(clinic: Clinic) -> None:
    image = proposed(clinic)
    (answered,) = accept(clinic.project, [image], by="ada", reason="seen", to="stone").records
    assert held(clinic)[image] == "stone"
    assert (answered.outcome, answered.data) == ("stone", clinic.data)
    assert clinic.journal.records[-1].action == "relabelled"
    with pytest.raises(BadInputError, match="is not open but accepted"):
        accept(clinic.project, [image], by="ada", reason="again")


def test_a_declined_image_stays_and_may_be_proposed_again(clinic: Clinic) -> None:
    before, image = clinic.data, proposed(clinic)
    decline(clinic.project, [image], by="ada", reason="a ruler")
    assert (clinic.data, states(clinic)) == (before, {image: "declined"})
    assert not clinic.journal.records
    with pytest.raises(BadInputError, match="is not open but declined"):
        decline(clinic.project, [image], by="ada", reason="again")
    proposed(clinic, by="reader-2")
    assert states(clinic) == {image: "open"}


def test_an_answer_has_a_reason_and_a_proposal_an_image(clinic: Clinic) -> None:
    image = proposed(clinic)
    for act in (accept, decline):
        with pytest.raises(BadInputError, match="--reason"):
            act(clinic.project, [image], by="ada", reason=" ")
        with pytest.raises(BadInputError, match="names 0 proposed images"):
            act(clinic.project, ["0" * 12], by="ada", reason="why")
    with pytest.raises(BadInputError, match="names 0 images of the newest data"):
        propose_image(clinic.project, "0" * 64, ["artefact"], by=READER)
    with pytest.raises(BadInputError, match="give an image id, or 8 digits"):
        propose_image(clinic.project, image[:7], ["artefact"], by=READER)


def test_a_kill_before_the_answer_is_completed_by_repeating_it(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = proposed(clinic)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(answering, "_answer", killed)
        with pytest.raises(KeyboardInterrupt):
            accept(clinic.project, [image], by="ada", reason="a name")
    after = clinic.data
    assert image not in held(clinic)
    assert states(clinic) == {image: "gone"}
    (answered,) = accept(clinic.project, [image], by="bob", reason="as she said").records
    assert (answered.by, answered.reason, answered.data) == ("ada", "a name", after)
    assert clinic.data == after
    assert [one.action for one in clinic.journal.records] == ["kept-out"]


def test_an_image_that_left_by_a_withdrawal_is_no_longer_open(clinic: Clinic) -> None:
    image = proposed(clinic)
    from pipeline.data.revise.withdrawal import withdraw

    withdraw(clinic.project, clinic.shelf, image, by="ada", reason="a letter")
    assert states(clinic) == {image: "gone"}
    with pytest.raises(BadInputError, match="left the data by another decision"):
        accept(clinic.project, [image], by="ada", reason="a name")
    rejected = clinic.ledger.read(clinic.data, str(REJECTED_FILE)) or ""
    assert image not in Rejected.parse(rejected).images


# -- the command line ------------------------------------------------------------------------------


def test_proposals_stand_in_the_list_of_the_quarantine(clinic: Clinic) -> None:
    images = sorted(held(clinic))[:2]
    for image in images:
        told = invoke(clinic.project, "data", "quarantine", "propose", image[:10], "--tag",
                      "burnt-in-text", "--note", "a corner")  # fmt: skip
        assert "proposed by reader-" in told
    rows = json.loads(invoke(clinic.project, "quarantine", "--json"))
    assert [(row["record"], row["reason"], row["state"]) for row in rows] == [
        (image[:12], "proposed", "open") for image in images
    ]
    assert 'burnt in text; "a corner"' in rows[0]["detail"]
    plain = invoke(clinic.project, "quarantine")
    assert "proposes to take out" in plain
    assert images[0][:12] in plain
    invoke(clinic.project, "data", "quarantine", "accept", images[0][:12], "--reason", "a name",
           "--by", "ada")  # fmt: skip
    invoke(clinic.project, "data", "quarantine", "decline", images[1][:12], "--reason", "a ruler")
    rows = json.loads(invoke(clinic.project, "quarantine", "--reason", "proposed", "--json"))
    assert [row["state"] for row in rows] == ["accepted", "declined"]
    (shown,) = json.loads(invoke(clinic.project, "data", "quarantine", "show", images[0][:12],
                                 "--json"))  # fmt: skip
    assert [one["action"] for one in shown["decided"]] == ["proposed", "accepted"]
    assert [one.action for one in Proposals(clinic.ledger).records] == [
        "proposed", "proposed", "accepted", "declined",
    ]  # fmt: skip
