"""A child runs the code of the process that starts it; no variable of a shell decides for it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.base.children import IGNORED, child_environment, keep_settled
from pipeline.base.project import PROJECT_ROOT

SERVER = "https://mlflow.clinic"
LOGIN = {
    "MLFLOW_TRACKING_USERNAME": "u",
    "MLFLOW_TRACKING_PASSWORD": "p",
    "MLFLOW_TRACKING_TOKEN": "t",
}
STORES = {
    "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": "http://store",
    "AZURE_STORAGE_CONNECTION_STRING": "c", "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
    "https_proxy": "http://proxy:3128", "SSL_CERT_FILE": "/ca.pem",
    "GIT_SSL_CAINFO": "/ca.pem", "SSH_AUTH_SOCK": "/agent",
    "CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "2", "MEDLOOM_REMOTE": "s3://bucket",
}  # fmt: skip


def test_the_tree_that_runs_is_all_that_pythonpath_names() -> None:
    for given in ({}, {"PYTHONPATH": os.pathsep.join(["/plugins", str(PROJECT_ROOT), ""])}):
        assert child_environment(given)["PYTHONPATH"] == str(PROJECT_ROOT)


def test_an_installation_that_pythonpath_names_is_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "medloom"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.setattr("pipeline.base.children.PROJECT_ROOT", package)
    given = {"PYTHONPATH": os.pathsep.join(["/plugins", str(tmp_path)])}
    made = child_environment(given)
    assert made["PYTHONPATH"] == os.pathsep.join([str(package), str(tmp_path)])
    assert child_environment(made) == made


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_HOME", "AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_X", "_AIRFLOW_X", "BASH_ENV",
        "DVC_STUDIO_TOKEN", "DVC_TEST", "DVC_ROOT", "STUDIO_TOKEN", "DVCLIVE_RESUME", "GIT_DIR",
        "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "GUNICORN_CMD_ARGS", "UVICORN_FD", "FLASK_ENV",
        "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME",
        "MLFLOW_DEFAULT_ARTIFACT_ROOT", "MLFLOW_REGISTRY_STORE_URI", "MLFLOW_TRACKING_TOKEN",
        "OTEL_EXPORTER_OTLP_ENDPOINT", "PYTHONHOME", "PYTHONWARNINGS", "PYTHONIOENCODING",
        "PYTHONSAFEPATH", "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "TORCHELASTIC_RUN_ID",
    ],
)  # fmt: skip
def test_what_decides_for_us_is_left_out_and_named(name: str) -> None:
    made = child_environment({name: "hostile", "PATH": "/bin"})
    assert name not in made
    assert (made[IGNORED], made["PATH"]) == (name, "/bin")
    assert "hostile" not in made.values()


def test_credentials_of_stores_proxies_and_settings_pass() -> None:
    made = child_environment(STORES)
    assert {name: made[name] for name in STORES} == STORES
    assert IGNORED not in made


@pytest.mark.parametrize(
    ("more", "passes"),
    [
        ({"MEDLOOM_MLFLOW_URI": SERVER}, True),
        ({"MEDLOOM_MLFLOW_URI": SERVER, "MLFLOW_TRACKING_URI": f"{SERVER}/"}, True),
        ({"MEDLOOM_MLFLOW_URI": SERVER, "MLFLOW_TRACKING_URI": "https://other"}, False),
        ({"MLFLOW_TRACKING_URI": SERVER}, False),
        ({}, False),
    ],
)
def test_a_login_goes_to_the_server_that_the_project_names(
    more: dict[str, str], passes: bool
) -> None:
    made = child_environment(LOGIN | more)
    assert {name in made for name in LOGIN} == {passes}
    assert "MLFLOW_TRACKING_URI" not in made
    assert child_environment(made) == made


def test_nothing_reports_to_its_vendor() -> None:
    made = child_environment({"MLFLOW_DISABLE_TELEMETRY": "false", "DO_NOT_TRACK": "0"})
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        assert made[name] == "true"
    assert (made["DVC_NO_ANALYTICS"], made["DVC_STUDIO_OFFLINE"]) == ("1", "1")


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_a_proxy_is_never_between_processes_of_this_machine(name: str) -> None:
    made = child_environment({"http_proxy": "http://proxy", name: "clinic, 127.0.0.1"})
    assert made["no_proxy"] == made["NO_PROXY"] == "clinic,127.0.0.1,localhost,::1"
    assert made["http_proxy"] == "http://proxy"


def test_a_socks_proxy_that_no_client_speaks_is_left_out() -> None:
    made = child_environment({"ALL_PROXY": "socks5://proxy", "all_proxy": "http://proxy"})
    assert (made.get("ALL_PROXY"), made["all_proxy"]) == (None, "http://proxy")


def test_a_relative_tmpdir_is_one_place_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert child_environment({"TMPDIR": "tmp"})["TMPDIR"] == str(tmp_path / "tmp")


def test_a_user_without_a_name_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 2**30)
    assert child_environment({})["USER"] == "medloom"
    assert child_environment({"LOGNAME": "ada"}).get("USER") is None


def test_settling_twice_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        LOGIN | STORES | {"GIT_DIR": "/x", "NO_PROXY": "a", "TMPDIR": "/t"}
    ).items():
        monkeypatch.setenv(name, value)
    made = child_environment()
    assert child_environment(made) == made
    before = dict(os.environ)
    try:
        keep_settled()
        assert dict(os.environ) == made
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_a_workspace_runs_its_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").touch()
    (tmp_path / "pipeline" / "stage.py").write_text("print('of the workspace')\n")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # which would leave the workspace out
    said = subprocess.run(
        [sys.executable, "-m", "pipeline.stage"],
        cwd=tmp_path, env=child_environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said == "of the workspace\n"


SETTLED = """
import sys
sys.path.insert(0, {root!r})
from pipeline.base.children import settle
settle()
import json, os
found = [sys.path, sys.flags.utf8_mode, sys.stdout.encoding, sorted(os.environ), os.getpid()]
print(json.dumps(found))
"""


def settled(variables: dict[str, str]) -> tuple[list[str], int, str, list[str], bool]:
    """Path, UTF-8 mode, encoding, variables of a process that settles; whether it kept its id."""
    code = SETTLED.format(root=str(PROJECT_ROOT))
    with subprocess.Popen(
        [sys.executable, "-c", code], env={"PATH": os.environ["PATH"]} | variables,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        said, error = process.communicate(timeout=60)
    assert process.returncode == 0, error.decode()
    *found, pid = json.loads(said)
    return *found, pid == process.pid


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONPATH": "/somewhere/else"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONWARNINGS": "ignore", "PYTHONSAFEPATH": "1"},
    ],
    ids=str,
)
def test_a_python_that_was_told_otherwise_starts_again(variables: dict[str, str]) -> None:
    path, utf8, encoding, names, same = settled(variables)
    assert "/somewhere/else" not in path
    assert str(PROJECT_ROOT) in path
    assert (utf8, encoding, same) == (1, "utf-8", True)
    assert not {"PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONSAFEPATH"} & set(names)


def test_every_child_is_given_its_environment() -> None:
    for file in sorted((PROJECT_ROOT / "pipeline").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if ast.unparse(node.func) in ("subprocess.run", "subprocess.Popen", "os.system"):
                given = {keyword.arg for keyword in node.keywords}
                assert "env" in given, f"{file}:{node.lineno} inherits whatever the shell says"
