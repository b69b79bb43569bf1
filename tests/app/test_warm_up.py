"""The first page finds its version loaded; the server runs on where none can be."""

import logging
from pathlib import Path

import pytest

from app import shared, warm_up
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.generators import Generators
from tests.support.shown import empty_project


def serve(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)


def refuse(*_: object) -> None:
    raise BadInputError("no weights")


def test_the_version_of_the_first_page_is_loaded_and_nothing_is_counted_as_drawn(
    shown: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(shown, monkeypatch)
    monkeypatch.setattr(DrawCounter, "count", refuse)
    assert warm_up.warm_up() == 1
    monkeypatch.setattr(Generators, "_load", refuse)
    assert shared.generators(1)


def test_a_project_without_a_version_has_nothing_to_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(empty_project(tmp_path), monkeypatch)
    assert warm_up.warm_up() is None


def test_a_version_that_cannot_be_loaded_is_said_in_the_log(
    shown: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    serve(shown, monkeypatch)
    monkeypatch.setattr(Generators, "_load", refuse)
    with caplog.at_level(logging.WARNING):
        thread = warm_up.warm_up_beside()
        thread.join(60)
    assert "no weights" in caplog.text
