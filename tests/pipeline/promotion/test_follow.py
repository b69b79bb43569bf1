"""A block in a real MLflow server: aliases, tags and pages follow the journal, also afterwards."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.audit.verify import verify
from pipeline.ledger.journal import Journal, Record
from pipeline.promotion.block import BLOCKED_TAG, block_copyist, follow, tell_block
from pipeline.registry.generators import Version
from tests.support.tiny import Tiny, tiny_project

pytestmark = pytest.mark.usefixtures("dvc_in_process")

HIT = {"label": "stone", "seed": 7, "index": 3, "correlation": 0.99, "limit": 0.97}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    with tiny_project(tmp_path_factory.mktemp("blocked"), champions=1) as made:
        made.learn(2)
        made.learn(3)
        yield made


def blocked(own: Tiny, number: int) -> Record:
    made = Journal(own.ledger).made_champion(number)
    assert made
    version = Version(number, (), made.weights_sha256, made.run_key)
    copy = HIT | {"version": number, "weights_sha256": made.weights_sha256}
    record, new = block_copyist(own.ledger, version, copy, f"version {number} drew a copy")
    assert new
    return record


def whole(own: Tiny) -> bool:
    return verify(own.ledger, own.registry, None, [], lambda *_: None).whole


def test_a_block_is_told_to_the_registry_and_can_be_told_later(
    own: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # else it waits for minutes
    registry = own.registry
    assert registry.aliases() == {"champion": 3, "previous": 2}
    former = blocked(own, 2)
    assert tell_block(own.project, former) == ""
    assert registry.aliases() == {"champion": 3, "previous": 1}
    assert registry.tags(2)[BLOCKED_TAG] == str(former.sequence)

    # The server is down, and its consumers are told by the next repair.
    champion = blocked(own, 3)
    away = replace(own.project, mlflow_uri="http://127.0.0.1:9")
    assert "`medloom champion repair` lets the registry follow" in tell_block(away, champion)
    registry = own.registry  # which the last one made is the one that MLflow downloads from
    assert (registry.aliases()["champion"], BLOCKED_TAG in registry.tags(3)) == (3, False)
    assert follow(own.ledger, registry).head == Journal(own.ledger).head
    assert registry.aliases() == {"champion": 1}
    assert registry.tags(3)[BLOCKED_TAG] == str(champion.sequence)
    assert "The champion, version 1," in registry.description()
    assert whole(own)

    last = blocked(own, 1)
    assert tell_block(own.project, last) == ""
    assert registry.aliases() == {}
    assert "has no champion at present" in registry.description()
    assert whole(own)
    assert tell_block(own.project, last) == "", "a repeated call changes nothing"
