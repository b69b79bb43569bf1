"""A version that drew a copy: champion no more, never again, and not by approval."""

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.journal import FORMAT, Journal, Record
from pipeline.promotion.approval import approve, waiting_verdict
from pipeline.promotion.block import block_copyist
from pipeline.promotion.champion import block_on, rollback
from pipeline.registry.generators import Version
from pipeline.registry.known_versions import known_versions
from tests.support.decisions import Story, weights


@pytest.fixture
def story(project: Project) -> Story:
    made = Story(project)
    for version in (1, 2):
        made.verdict("promoted", version)
    return made


def blocked(story: Story, number: int) -> tuple[Record, bool]:
    version = Version(number, (), weights(number), f"k{number}")
    copy = {"weights_sha256": version.weights_sha256, "index": 3}
    return block_copyist(story.ledger, version, copy, f"version {number} drew a copy")


def test_the_last_champion_that_may_return_takes_the_place(story: Story) -> None:
    record, new = blocked(story, 2)
    assert new
    assert (record.action, record.version, record.predecessor) == ("demoted", 1, 2)
    assert record.format == FORMAT == 3
    assert story.champion == 1
    assert blocked(story, 2) == (record, False), "a repeated call changes nothing"
    assert len(story.journal.records) == 3
    with pytest.raises(BadInputError, match="version 2 cannot become champion again"):
        rollback(story.ledger, story.registry, "ada", "the newer one", to=2)


def test_blocked_one_after_the_other_none_is_left(story: Story) -> None:
    former, _ = blocked(story, 1)
    assert (former.action, former.version, story.champion) == ("blocked", 1, 2)
    last, _ = blocked(story, 2)
    assert (last.action, last.version) == ("demoted", None)
    assert story.champion is None
    assert sorted(story.journal.blocked) == [1, 2]


def test_a_version_that_waits_is_no_challenger_and_cannot_be_approved(story: Story) -> None:
    story.verdict("awaiting", 3)
    assert story.journal.challenger
    blocked(story, 3)
    assert story.champion == 2
    assert story.journal.challenger is None
    with pytest.raises(BadInputError, match="version 3 was blocked"):
        waiting_verdict(story.journal, "3")
    with pytest.raises(BadInputError, match="version 3 was blocked"):
        approve(story.ledger, story.registry, "3", "ada", "it is good", lambda _: {})


def test_the_same_weights_under_another_number_are_blocked(story: Story) -> None:
    blocked(story, 2)
    assert block_on(story.journal, 9, weights(2))
    assert story.journal.withheld(weights(2))
    assert not story.journal.withheld(weights(1))


def test_a_version_that_was_never_judged_can_be_blocked(story: Story, project: Project) -> None:
    record, _ = blocked(story, 7)
    assert (record.action, record.run_key) == ("blocked", "k7")
    assert {one.number: one.in_words for one in known_versions(project)} == {
        7: "blocked", 2: "champion, promoted", 1: "previous, promoted",
    }  # fmt: skip


def test_a_champion_that_came_meanwhile_is_the_one_that_is_replaced(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, raced = Journal.append, list[Record | None]()

    def overtaken(self: Journal, **facts: object) -> Record | None:
        if not raced:
            raced.append(append(Journal(story.ledger), **_promoted(3)))
        return append(self, **facts)

    monkeypatch.setattr(Journal, "append", overtaken)
    record, _ = blocked(story, 2)
    assert (record.action, record.version) == ("blocked", 2), "decided again on the new journal"
    assert story.champion == 3


def _promoted(version: int) -> dict[str, object]:
    facts = {"action": "promoted", "version": version, "weights_sha256": weights(version)}
    return facts | {"run_key": f"k{version}", "predecessor": 2, "by": "gate", "reason": "better"}
