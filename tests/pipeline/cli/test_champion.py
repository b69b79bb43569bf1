"""`medloom champion`: what it prints, whom it names, and that it tells consumers."""

import getpass
import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli import champion
from pipeline.cli.champion import champion_app
from pipeline.promotion import webhook
from pipeline.promotion.block import block_copyist
from pipeline.registry.generators import Version
from tests.support.decisions import Story, weights

Medloom = Callable[..., str]


@pytest.fixture
def story(project: Project, monkeypatch: pytest.MonkeyPatch) -> Story:
    made = Story(project)
    for version in (1, 2):
        made.verdict("promoted", version)

    def in_registry(work: Callable[..., Any]) -> Any:
        return work(made.ledger, made.registry)

    monkeypatch.setattr(champion, "_in_registry", in_registry)
    return made


@pytest.fixture
def medloom(project: Project) -> Medloom:
    def run(*arguments: str) -> str:
        env = {**project.environment(), "COLUMNS": "200"}
        result = CliRunner().invoke(champion_app, list(arguments), env=env)
        if result.exception:
            raise result.exception
        return result.output

    return run


def test_show_names_champion_and_challenger(story: Story, medloom: Medloom) -> None:
    assert json.loads(medloom("show", "--json"))["challenger"] is None
    story.verdict("awaiting", 3)
    facts = json.loads(medloom("show", "--json"))
    assert (facts["version"], facts["challenger"]["version"]) == (2, 3)
    said = medloom("show")
    assert "code is false" in said
    assert "medloom champion promote 3" in said


def test_rollback_is_by_the_user_and_is_told(
    story: Story, medloom: Medloom, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def tell(project: Project, journal: Any) -> str:
        told.append(journal.champion.action)
        return "the webhook was not notified"

    monkeypatch.setattr(webhook, "notify_champion", tell)
    said = medloom("rollback", "--reason", "no [stones]")
    assert f"version 1 rolled-back by {getpass.getuser()}: no [stones]" in said
    assert told == ["rolled-back"]
    assert story.champion == 1
    history = json.loads(medloom("history", "--json"))
    assert [record["action"] for record in history] == ["promoted", "promoted", "rolled-back"]
    assert "rolled-back" in medloom("history")


def test_decline_and_repair(story: Story, medloom: Medloom) -> None:
    story.verdict("awaiting", 3)
    facts = json.loads(medloom("repair", "--json"))
    assert (facts["champion"], facts["previous"], facts["challenger"]) == (2, 1, 3)
    assert story.registry.aliases() == {"champion": 2, "previous": 1, "challenger": 3}
    record = json.loads(medloom("decline", "3", "--by", "Bo", "--reason", "blur", "--json"))
    assert (record["action"], record["by"]) == ("declined", "Bo")
    assert "challenger nobody" in medloom("repair")


def test_a_reason_cannot_be_left_out(story: Story, medloom: Medloom) -> None:
    with pytest.raises(SystemExit):
        medloom("rollback")
    with pytest.raises(BadInputError, match="reason"):
        medloom("rollback", "--reason", "")
    assert story.champion == 2


def test_promote_of_what_does_not_wait_is_refused(story: Story, medloom: Medloom) -> None:
    story.verdict("rejected", 3)
    with pytest.raises(BadInputError, match="never overrides"):
        medloom("promote", "3", "--reason", "I like it")


def test_show_and_history_say_which_copy_blocked_the_champion(
    story: Story, medloom: Medloom
) -> None:
    for number in (2, 1):
        version = Version(number, (), weights(number), f"k{number}")
        facts = {"weights_sha256": version.weights_sha256}
        block_copyist(story.ledger, version, facts, f"version {number} drew a copy")
        if number == 2:
            said = medloom("show")
            assert "copy-check" in said
            assert "version 2 drew a copy" in said
    with pytest.raises(
        BadInputError, match=r"no champion any more: version 1 was demoted by copy-"
    ):
        medloom("show")
    assert "version 2 drew a copy" in medloom("history")
