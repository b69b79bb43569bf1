"""Approval, refusal and rollback: a person's word, the journal's order, repair."""

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.journal import Journal
from pipeline.promotion.approval import approve, decline
from pipeline.promotion.champion import Facts, block_on, rollback
from pipeline.registry.aliases import update_aliases
from tests.support.decisions import Story, verdict_facts, weights


@pytest.fixture
def story(project: Project) -> Story:
    made = Story(project)
    made.verdict("promoted", 1)
    return made


def never(journal: Journal) -> Facts:
    raise AssertionError("the verdict is up to date: nothing to judge again")


def test_an_awaiting_verdict_leaves_the_champion_until_a_person_approves(story: Story) -> None:
    story.verdict("awaiting", 2)
    update_aliases(story.ledger, story.registry)
    assert story.registry.aliases() == {"champion": 1, "challenger": 2}
    record = approve(story.ledger, story.registry, "challenger", "Ada", "looked at it", never)
    assert (record.action, record.version, record.predecessor) == ("approved", 2, 1)
    assert (record.by, record.reason) == ("Ada", "looked at it")
    assert story.registry.aliases() == {"champion": 2, "previous": 1}
    assert story.registry.tried == [2]
    again = approve(story.ledger, story.registry, "2", "Ada", "twice", never)
    assert again == record
    assert len(story.journal.records) == 3


def test_a_champion_that_came_in_between_is_judged_against(story: Story) -> None:
    story.verdict("awaiting", 2)
    story.verdict("promoted", 3)
    judged: list[int | None] = []

    def better_still(journal: Journal) -> Facts:
        judged.append(journal.champion.version if journal.champion else None)
        return verdict_facts(journal, "awaiting", 2)

    record = approve(story.ledger, story.registry, "2", "Ada", "good", better_still)
    assert judged == [3]
    verdict, approval = story.journal.records[-2:]
    assert (verdict.action, verdict.predecessor) == ("awaiting", 3)
    assert (approval, approval.predecessor) == (record, 3)


def test_one_that_is_no_longer_better_is_not_approved(story: Story) -> None:
    story.verdict("awaiting", 2)
    story.verdict("promoted", 3)
    with pytest.raises(BadInputError, match="judged again and is inconclusive"):
        approve(
            story.ledger, story.registry, "2", "Ada", "good",
            lambda journal: verdict_facts(journal, "inconclusive", 2),
        )  # fmt: skip
    assert story.champion == 3
    assert story.journal.records[-1].action == "inconclusive"
    with pytest.raises(BadInputError, match="never overrides"):
        approve(story.ledger, story.registry, "2", "Ada", "but I like it", never)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("2", "is rejected.*never overrides"),
        ("3", "is inconclusive.*never overrides"),
        ("1", "was promoted"),
        ("9", "no verdict on version 9"),
        ("", "no verdict waits"),
        ("newest", "is not a version"),
    ],
)
def test_a_person_overrides_nothing(story: Story, version: str, why: str) -> None:
    story.verdict("rejected", 2)
    story.verdict("inconclusive", 3)
    with pytest.raises(BadInputError, match=why):
        approve(story.ledger, story.registry, version, "Ada", "why not", never)
    assert story.champion == 1


def test_a_decision_needs_a_name_and_a_reason(story: Story) -> None:
    story.verdict("awaiting", 2)
    for by, reason in (("", "why"), ("Ada", " ")):
        with pytest.raises(BadInputError, match="--reason TEXT"):
            approve(story.ledger, story.registry, "2", by, reason, never)
    assert story.champion == 1


def test_one_that_does_not_answer_is_not_approved(story: Story) -> None:
    story.verdict("awaiting", 2)
    story.registry.blank.add(2)
    with pytest.raises(BadInputError, match="not blank"):
        approve(story.ledger, story.registry, "2", "Ada", "good", never)
    assert story.champion == 1


def test_other_weights_than_the_journals_are_not_approved(story: Story) -> None:
    story.verdict("awaiting", 2, weights_sha256="ab" * 32)
    with pytest.raises(BadInputError, match="audit verify"):
        approve(story.ledger, story.registry, "2", "Ada", "good", never)
    assert story.champion == 1


def test_a_refusal_stands(story: Story) -> None:
    story.verdict("awaiting", 2)
    record = decline(story.ledger, story.registry, "challenger", "Bo", "too blurred")
    assert record.action == "declined"
    assert story.registry.aliases() == {"champion": 1}
    assert decline(story.ledger, story.registry, "2", "Bo", "again") == record
    with pytest.raises(BadInputError, match=r"declined by Bo.*too blurred"):
        approve(story.ledger, story.registry, "2", "Ada", "good", never)


def test_rollback_blocks_the_bad_version_and_its_weights(story: Story) -> None:
    story.verdict("promoted", 2)
    record = rollback(story.ledger, story.registry, "Ada", "stones without shadow")
    assert (record.action, record.version, record.predecessor) == ("rolled-back", 1, 2)
    assert story.registry.tried == [1]
    assert story.registry.aliases() == {"champion": 1}
    assert block_on(story.journal, 2, weights(2)) == record
    assert block_on(story.journal, 7, weights(2)) == record, "the same weights, registered anew"
    assert block_on(story.journal, 7, weights(7)) is None
    story.verdict("awaiting", 2)
    with pytest.raises(BadInputError, match=r"blocked.*stones without shadow"):
        approve(story.ledger, story.registry, "2", "Ada", "good", never)


def test_rollback_goes_to_a_former_champion_only(story: Story) -> None:
    story.verdict("promoted", 2)
    story.verdict("rejected", 3)
    story.verdict("promoted", 4)
    for to in (3, 4, 9):
        with pytest.raises(BadInputError, match="allowed: 1, 2"):
            rollback(story.ledger, story.registry, "Ada", "bad", to)
    assert rollback(story.ledger, story.registry, "Ada", "bad", 1).version == 1
    assert story.registry.aliases() == {"champion": 1, "previous": 2}
    with pytest.raises(BadInputError, match="version 4"):
        rollback(story.ledger, story.registry, "Ada", "bad", 4)


def test_the_first_champion_has_nobody_to_go_back_to(story: Story, project: Project) -> None:
    with pytest.raises(BadInputError, match="allowed: none"):
        rollback(story.ledger, story.registry, "Ada", "bad")
    assert story.champion == 1


def test_a_rollback_that_was_killed_is_completed_and_not_done_twice(story: Story) -> None:
    story.verdict("promoted", 2)
    story.verdict("promoted", 3)
    update_aliases(story.ledger, story.registry)
    stale = story.registry.projected()
    assert stale
    record = rollback(story.ledger, story.registry, "Ada", "bad")
    story.registry.apply(stale)  # as if killed between the record and the aliases
    assert rollback(story.ledger, story.registry, "Ada", "bad") == record
    assert story.registry.aliases() == {"champion": 2, "previous": 1}
    assert rollback(story.ledger, story.registry, "Ada", "bad too").version == 1


def test_a_rollback_is_about_the_champion_that_was_seen(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.verdict("promoted", 2)
    draw = story.registry.draw

    def meanwhile(*arguments: object, **more: object) -> object:
        story.verdict("promoted", 3)
        return draw(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(story.registry, "draw", meanwhile)
    with pytest.raises(BadInputError, match="no longer champion"):
        rollback(story.ledger, story.registry, "Ada", "bad")
    assert story.champion == 3
