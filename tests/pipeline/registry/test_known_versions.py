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


def test_mlflow_is_asked_for_what_the_journal_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = replace(shown_project(tmp_path), mlflow_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    registry, asked = Registry(project.mlflow_uri, project.model), list[int]()
    registry._client.create_registered_model(project.model)
    for number in range(1, 4):
        registry._client.create_model_version(project.model, f"runs:/{number}/generator")
    work = tmp_path / "third"
    add_version(project, work, 3, save_tiny_generator(work / "models", CLASSES), "rejected")
    versions = Registry.versions

    def noted(self: Registry, since: int = 1) -> list[int]:
        asked.append(since)
        return versions(self, since)

    monkeypatch.setattr(Registry, "versions", noted)
    found = [(one.number, one.in_words) for one in known_versions(project)]
    assert found == [(3, "rejected"), (2, "not judged yet"), (1, "champion, promoted")]
    assert asked == [2], "the first one without a verdict"
    assert versions(registry, 2) == [2, 3]
    assert versions(registry) == [1, 2, 3]


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
