"""Aliases and the journal's position in MLflow itself, without a server."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.registry.aliases import JournalPosition, Projection
from pipeline.registry.registry import WEIGHTS_TAG, Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", "medloom-tiny")


def test_aliases_and_tags_are_set_moved_and_taken_away(registry: Registry) -> None:
    first = Projection(1, None, None, JournalPosition("ab", 1))
    registry.apply(first)
    assert registry.aliases() == {}, "there is no model yet, and nothing to point at"
    assert registry.journal_position() is None
    client = MlflowClient(registry.uri)
    client.create_registered_model(registry.model)
    for number in (1, 2, 3):
        tags = {WEIGHTS_TAG: f"w{number}"}
        client.create_model_version(registry.model, f"file:///nowhere/{number}", tags=tags)
    registry.apply(first)
    assert registry.aliases() == {"champion": 1}
    assert registry.journal_position() == JournalPosition("ab", 1)
    registry.apply(Projection(2, 1, 3, JournalPosition("cd", 4)))
    assert registry.aliases() == {"champion": 2, "previous": 1, "challenger": 3}
    assert registry.journal_position() == JournalPosition("cd", 4)
    registry.apply(Projection(None, None, None, JournalPosition("ef", 5)))
    assert registry.aliases() == {}
    assert registry.journal_position() == JournalPosition("ef", 5)
    assert registry.weights(2) == "w2"
