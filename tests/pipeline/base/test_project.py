"""Settings: one typed view of the deployment."""

from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import PROJECT_ROOT, Project, is_installed


def test_a_project_is_its_state_folder(tmp_path: Path) -> None:
    project = Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "kidney-ct")})
    assert project.name == "kidney-ct"
    assert project.model == "medloom-kidney-ct"
    assert project.landing == tmp_path / "landing" / "kidney-ct"


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
        "MEDLOOM_MARKS": str(tmp_path / "marks"),
        "MEDLOOM_PATIENT_KEY_FILE": str(tmp_path / "patient.key"),
        "MEDLOOM_WEBHOOK_URL": "https://consumer/hook",
        "MEDLOOM_WEBHOOK_SECRET_FILE": str(tmp_path / "webhook.secret"),
    }
    assert Project.load(given).environment() == given
    assert Project.load(given).marks == tmp_path / "marks"


def test_a_named_project_wins(tmp_path: Path) -> None:
    environ = {"MEDLOOM_HOME": str(tmp_path), "MEDLOOM_STATE": "/elsewhere/x"}
    assert Project.load(environ, name="mine").state == tmp_path / "state" / "mine"


def test_the_landing_zone_is_outside_the_state(tmp_path: Path) -> None:
    state = tmp_path / "state" / "a"
    with pytest.raises(BadInputError, match="MEDLOOM_LANDING"):
        Project.load({"MEDLOOM_STATE": str(state), "MEDLOOM_LANDING": str(state / "in")})


def test_a_webhook_needs_a_secret(tmp_path: Path) -> None:
    environ = {"MEDLOOM_STATE": str(tmp_path / "a"), "MEDLOOM_WEBHOOK_URL": "https://consumer/hook"}
    with pytest.raises(BadInputError, match="MEDLOOM_WEBHOOK_SECRET_FILE"):
        Project.load(environ)


@pytest.mark.parametrize("name", ["Kidney CT", "-x", "ä"])
def test_a_project_name_is_a_valid_folder_and_model_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match="lower-case letters"):
        Project.load({"MEDLOOM_STATE": str(tmp_path / name)})


def test_a_checkout_holds_its_own_state() -> None:
    assert not is_installed()
    assert Project.load({}).state == PROJECT_ROOT / "state" / "phantom"


def test_an_installed_package_never_holds_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "medloom"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr("pipeline.base.project.PROJECT_ROOT", package)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project = Project.load({})
    assert project.state == tmp_path / "home" / "medloom" / "state" / "phantom"
    assert project.landing == tmp_path / "home" / "medloom" / "landing" / "phantom"
    assert Project.load({"MEDLOOM_HOME": "/data"}).state == Path("/data/state/phantom")


def test_a_task_on_a_shared_ledger_needs_the_models_name(tmp_path: Path) -> None:
    shared = {"MEDLOOM_STATE": str(tmp_path / "worker"), "MEDLOOM_LEDGER": "ssh://git/ledger.git"}
    assert Project.load(shared).model == "medloom-worker"
    task = shared | {"MEDLOOM_RUN_ID": "manual__1"}
    with pytest.raises(BadInputError, match="set MEDLOOM_MODEL"):
        Project.load(task)
    assert Project.load(task | {"MEDLOOM_MODEL": "kidney"}).model == "kidney"


def test_a_ledger_and_a_remote_are_one_place_for_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    given = {
        "MEDLOOM_STATE": "state/a",
        "MEDLOOM_LEDGER": "ledger.git",
        "MEDLOOM_REMOTE": "~/store",
    }
    project = Project.load(given)
    assert project.ledger == str(tmp_path / "ledger.git")
    assert project.remote == str(tmp_path / "home" / "store")


def test_a_place_in_another_notation_is_refused(tmp_path: Path) -> None:
    given = {"MEDLOOM_STATE": str(tmp_path / "a"), "MEDLOOM_LEDGER": "git@host:team/ledger.git"}
    with pytest.raises(
        BadInputError, match=r"MEDLOOM_LEDGER is .* ssh://git@host/team/ledger\.git"
    ):
        Project.load(given)


def test_a_user_without_a_home_is_told_to_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**30)
    with pytest.raises(BadInputError, match="user 1073741824 has none: set HOME"):
        Project.load({"MEDLOOM_STATE": "/state/a"})


def test_projects_beside_each_other_share_what_is_of_no_project_alone(tmp_path: Path) -> None:
    told = {
        "MEDLOOM_STATE": str(tmp_path / "state" / "kidney-larger"), "MEDLOOM_MODEL": "larger",
        "MEDLOOM_LEDGER": str(tmp_path / "git"), "MEDLOOM_MLFLOW_URI": "http://mlflow:5000",
    }  # fmt: skip
    project = Project.load(told)
    (tmp_path / "state" / "kidney-larger" / "ledger.git").mkdir(parents=True)
    (tmp_path / "state" / "kidney" / "ledger.git").mkdir(parents=True)
    (tmp_path / "state" / "notes").mkdir()
    assert project.neighbours == ["kidney"]
    other = project.beside("kidney", told)
    assert (other.name, other.model) == ("kidney", "medloom-kidney")
    assert other.ledger == str(tmp_path / "state" / "kidney" / "ledger.git")
    assert other.mlflow_uri == project.mlflow_uri
    with pytest.raises(BadInputError, match="is no project"):
        project.beside("../kidney", told)
