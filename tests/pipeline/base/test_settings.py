"""Settings: one typed view of the deployment."""

from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.settings import PROJECT_ROOT, Settings, is_installed


def test_a_project_is_its_state_folder(tmp_path: Path) -> None:
    settings = Settings.load({"MEDLOOM_STATE": str(tmp_path / "state" / "kidney-ct")})
    assert settings.project == "kidney-ct"
    assert settings.model == "medloom-kidney-ct"
    assert settings.landing == tmp_path / "landing" / "kidney-ct"


def test_every_variable_is_read_and_handed_on(tmp_path: Path) -> None:
    given = {
        "MEDLOOM_STATE": str(tmp_path / "s" / "a"),
        "MEDLOOM_LANDING": str(tmp_path / "in"),
        "MEDLOOM_LEDGER": "ssh://host/ledger.git",
        "MEDLOOM_REMOTE": "s3://bucket/store",
        "MEDLOOM_CACHE": str(tmp_path / "cache"),
        "MEDLOOM_MODEL": "kidney",
        "MEDLOOM_MLFLOW_URI": "http://mlflow:5000",
        "MEDLOOM_JOURNAL_KEY": str(tmp_path / "journal.key"),
        "MEDLOOM_PATIENT_KEY_FILE": str(tmp_path / "patient.key"),
        "MEDLOOM_WEBHOOK_URL": "https://consumer/hook",
        "MEDLOOM_WEBHOOK_SECRET_FILE": str(tmp_path / "webhook.secret"),
    }
    assert Settings.load(given).environment() == given


def test_a_named_project_wins(tmp_path: Path) -> None:
    environ = {"MEDLOOM_HOME": str(tmp_path), "MEDLOOM_STATE": "/elsewhere/x"}
    assert Settings.load(environ, project="mine").state == tmp_path / "state" / "mine"


def test_the_landing_zone_is_outside_the_state(tmp_path: Path) -> None:
    state = tmp_path / "state" / "a"
    with pytest.raises(BadInputError, match="MEDLOOM_LANDING"):
        Settings.load({"MEDLOOM_STATE": str(state), "MEDLOOM_LANDING": str(state / "in")})


def test_a_webhook_needs_a_secret(tmp_path: Path) -> None:
    environ = {"MEDLOOM_STATE": str(tmp_path / "a"), "MEDLOOM_WEBHOOK_URL": "https://consumer/hook"}
    with pytest.raises(BadInputError, match="MEDLOOM_WEBHOOK_SECRET_FILE"):
        Settings.load(environ)


@pytest.mark.parametrize("name", ["Kidney CT", "-x", "ä"])
def test_a_project_name_is_a_valid_folder_and_model_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match="lower-case letters"):
        Settings.load({"MEDLOOM_STATE": str(tmp_path / name)})


def test_a_checkout_holds_its_own_state() -> None:
    assert not is_installed()
    assert Settings.load({}).state == PROJECT_ROOT / "state" / "phantom"


def test_an_installed_package_never_holds_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "medloom"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr("pipeline.base.settings.PROJECT_ROOT", package)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings = Settings.load({})
    assert settings.state == tmp_path / "home" / "medloom" / "state" / "phantom"
    assert settings.landing == tmp_path / "home" / "medloom" / "landing" / "phantom"
    assert Settings.load({"MEDLOOM_HOME": "/data"}).state == Path("/data/state/phantom")


def test_a_task_on_a_shared_ledger_needs_the_models_name(tmp_path: Path) -> None:
    shared = {"MEDLOOM_STATE": str(tmp_path / "worker"), "MEDLOOM_LEDGER": "ssh://git/ledger.git"}
    assert Settings.load(shared).model == "medloom-worker"
    task = shared | {"MEDLOOM_RUN_ID": "manual__1"}
    with pytest.raises(BadInputError, match="set MEDLOOM_MODEL"):
        Settings.load(task)
    assert Settings.load(task | {"MEDLOOM_MODEL": "kidney"}).model == "kidney"
