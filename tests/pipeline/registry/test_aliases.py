"""The registry follows the journal, and detects that the journal was truncated."""

from collections.abc import Callable

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.git import Git
from pipeline.ledger.journal import BRANCH, Journal
from pipeline.promotion.champion import decide_once
from pipeline.registry.aliases import Projection, update_aliases
from tests.support.decisions import Story, verdict_facts


@pytest.fixture
def story(project: Project) -> Story:
    made = Story(project)
    for version in (1, 2, 3):
        made.verdict("promoted", version)
    made.verdict("awaiting", 4)
    update_aliases(made.ledger, made.registry)
    return made


def test_aliases_and_mirror_say_what_the_journal_says(story: Story) -> None:
    assert story.registry.aliases() == {"champion": 3, "previous": 2, "challenger": 4}
    position = story.registry.journal_position()
    assert position == (story.journal.head, 4)


def test_a_decision_found_again_repairs_what_a_kill_left(story: Story) -> None:
    position = story.registry.journal_position()
    assert position
    story.registry.apply(Projection(1, None, None, position))
    record = decide_once(story.ledger, story.registry, "k4", fail)
    assert record.sequence == 4
    assert story.registry.aliases() == {"champion": 3, "previous": 2, "challenger": 4}


def fail(journal: Journal) -> dict[str, object]:
    raise AssertionError("the decision stands")


def cut(story: Story, project: Project) -> None:
    """Remove the last record, as an attacker with access to the ledger can."""
    git = Git(story.ledger.mirror.folder)
    head = git.run("rev-parse", f"{story.journal.commit}~1")
    git.run("push", "--quiet", "--force", project.ledger, f"{head}:refs/heads/{BRANCH}")


def test_a_cut_journal_is_found_and_nothing_is_projected_or_decided(
    story: Story, project: Project
) -> None:
    before = story.registry.projected()
    cut(story, project)
    decide: list[Callable[[], object]] = [
        lambda: update_aliases(story.ledger, story.registry),
        lambda: decide_once(
            story.ledger, story.registry, "k5", lambda j: verdict_facts(j, "promoted", 5)
        ),
    ]
    for attempt in decide:
        with pytest.raises(BadInputError, match=r"truncated or rewritten.*audit verify"):
            attempt()
    assert story.registry.projected() == before
    assert len(story.journal.records) == 3


def test_a_journal_that_was_cut_and_grew_again_is_found(story: Story, project: Project) -> None:
    cut(story, project)
    for version in (5, 6):
        story.verdict("promoted", version)
    with pytest.raises(BadInputError, match="truncated or rewritten"):
        update_aliases(story.ledger, story.registry)


def test_what_moves_while_it_is_projected_is_projected_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = story.registry.apply

    def meanwhile(projection: Projection) -> None:
        if projection.champion == 3:
            story.verdict("promoted", 5)
        apply(projection)

    monkeypatch.setattr(story.registry, "apply", meanwhile)
    assert len(update_aliases(story.ledger, story.registry).records) == 5
    assert story.registry.aliases() == {"champion": 5, "previous": 3}
    assert story.registry.journal_position() == (story.journal.head, 5)
