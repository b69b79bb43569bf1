"""The versions that a person chooses from."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.base.project import Project
from pipeline.registry.known_versions import KnownVersion, known_versions, version_page
from pipeline.registry.registry import Registry
from tests.support.generators import register_generator, save_tiny_generator
from tests.support.shown import CLASSES, KINDS, add_version, empty_project, shown_project


def test_the_journal_names_them_newest_first_without_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shown_project(tmp_path)
    work = tmp_path / "second"
    add_version(project, work, 2, save_tiny_generator(work / "models", CLASSES), "rejected")
    assert known_versions(project) == [
        KnownVersion(2, (), "rejected"),
        KnownVersion(1, ("champion",), "promoted"),
    ]
    assert [one.in_words for one in known_versions(project)] == ["rejected", "champion, promoted"]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # else it waits for minutes
    nowhere = replace(project, mlflow_uri="http://127.0.0.1:9")
    assert len(known_versions(nowhere)) == 2, "MLflow is down"


def test_a_project_that_learned_nothing_has_none(tmp_path: Path) -> None:
    assert known_versions(empty_project(tmp_path)) == []


def test_a_version_that_was_never_judged_has_its_card_and_its_report(
    project: Project, tmp_path: Path
) -> None:
    registered = register_generator(project, tmp_path, CLASSES, kinds=KINDS)
    assert known_versions(registered) == [KnownVersion(1, (), "")]
    page = version_page(registered, 1)
    assert "synthetic" in page.card
    assert page.report == ""
    (tmp_path / "report.html").write_text("<h1>whole</h1>")
    Registry(registered.mlflow_uri, registered.model).attach_report(1, tmp_path / "report.html")
    assert version_page(registered, 1).report == "<h1>whole</h1>"
