"""docker-compose.yml executed by a Docker daemon: `make test-compose`, as root.

The commands are those of docs/deployment.md; `tests.deploy.standing_in` says what stands in for the
images. The tests are one story, in this order.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from pipeline.base.project import PROJECT_ROOT
from tests.deploy.standing_in import Programs, build, make_base, override, same_services
from tests.support.installed import TINY

FOLDER = os.environ.get("MEDLOOM_TEST_COMPOSE", "")
PORTS = {
    "AIRFLOW_PORT": "22080",
    "MLFLOW_PORT": "22050",
    "LEDGER_PORT": "22418",
    "APP_PORT": "22081",
    "HTTP_PORT": "22079",
    "HTTPS_PORT": "22443",
}
DOMAIN = "medloom.test"
AIRFLOW = f"http://127.0.0.1:{PORTS['AIRFLOW_PORT']}"
CONSUMER = """
import mlflow
model = mlflow.pyfunc.load_model("models:/medloom-phantom@champion")
print(model.predict(["stone"] * 2, params={"seed": 7}).shape)
"""
pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not FOLDER, reason="half an hour with Docker, as root: `make test-compose`"),
]


@dataclass(frozen=True)
class Stack:
    """A deployment in a folder of its own, and its daemon.

    Attributes:
        folder: holds docker-compose.yml, deploy/ and what `make env` wrote.
        compose: the command `docker compose`, with the override.
        environment: says where the daemon is.
    """

    folder: Path
    compose: tuple[str, ...]
    environment: dict[str, str]

    def run(self, *arguments: str, stdin: str = "", ok: bool = True) -> str:
        """`docker compose …`; returns what it printed."""
        return self._run([*self.compose, *arguments], stdin, ok)

    def script(self, *arguments: str) -> str:
        """A script of deploy/, to which `docker compose` is this one."""
        return self._run(list(arguments), "", True)

    def _run(self, command: list[str], stdin: str, ok: bool) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, input=stdin,
            capture_output=True, text=True, check=False, timeout=3000,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == ok, (command, done.returncode, said[-4000:])
        return said

    @property
    def secrets(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = Path(FOLDER)
    socket = f"unix://{home}/docker.sock"
    docker = ["docker", "--host", socket]
    with (home / "dockerd.log").open("ab") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--host", socket, "--data-root", str(home / "docker"), "--exec-root",
             str(home / "exec"), "--pidfile", str(home / "docker.pid")],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait_for_daemon(docker, daemon)
        make_base(docker, home)
        build(docker, home)
        yield from _stack(tmp_path_factory.mktemp("deployment"), home, socket, docker)
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)


def _wait_for_daemon(docker: list[str], daemon: "subprocess.Popen[bytes]") -> None:
    for _ in range(60):
        if daemon.poll() is not None:
            pytest.skip(f"no Docker daemon starts here: {FOLDER}/dockerd.log says why")
        if not subprocess.run([*docker, "info"], capture_output=True, check=False).returncode:
            return
        time.sleep(1)
    pytest.skip(f"the Docker daemon does not answer: {FOLDER}/dockerd.log says why")


def _stack(folder: Path, home: Path, socket: str, docker: list[str]) -> Iterator[Stack]:
    folder.chmod(0o755)
    shutil.copy(PROJECT_ROOT / "docker-compose.yml", folder)
    ignored = shutil.ignore_patterns("secrets", "certificates", "__pycache__")
    shutil.copytree(PROJECT_ROOT / "deploy", folder / "deploy", ignore=ignored)
    make = [sys.executable, str(folder / "deploy" / "make_env.py"), "--domain", DOMAIN]
    subprocess.run(make, check=True, capture_output=True)
    with (folder / ".env").open("a") as stream:
        stream.writelines(f"{name}={port}\n" for name, port in PORTS.items())
    tools = home / "tools"
    binary = next(tools.glob("lib/*/site-packages/compose/docker-compose"))
    rclone = tools / "bin" / "rclone"
    interpreter = Path(sysconfig.get_config_var("prefix"))
    file = home / "override.yml"
    file.write_text(override(Programs(docker, home / "venv", interpreter, rclone)))
    environment = {**os.environ, "DOCKER_HOST": socket, "COMPOSE_PROJECT_NAME": "medloom-test"}
    environment["PATH"] = f"{folder}/bin:{environment['PATH']}"
    compose = (str(binary), "-f", "docker-compose.yml", "-f", str(file))
    _docker_compose(folder / "bin", compose)
    made = Stack(folder, compose, environment)
    assert same_services(compose, folder, environment)
    _remove(made)  # a test that was killed leaves volumes, whose passwords are others
    try:
        yield made
    finally:
        _remove(made)


def _remove(stack: Stack) -> None:
    subprocess.run(
        [*stack.compose, "--profile", "*", "down", "--volumes", "--timeout", "5"],
        cwd=stack.folder, env=stack.environment, capture_output=True, check=False,
    )  # fmt: skip


def _docker_compose(folder: Path, compose: tuple[str, ...]) -> None:
    """A `docker` for the scripts of deploy/, of which `docker compose` is the one of this test."""
    folder.mkdir()
    file = folder / "docker"
    file.write_text(f'#!/bin/sh\nshift\nexec {" ".join(compose)} "$@"\n')
    file.chmod(0o755)


def test_hadolint_has_nothing_to_say() -> None:
    lint = Path(FOLDER) / "tools" / "bin" / "hadolint"
    done = subprocess.run(
        [lint, PROJECT_ROOT / "deploy" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_service_becomes_healthy(stack: Stack) -> None:
    stack.run("config", "--quiet")
    stack.run("up", "--detach", "--wait", "--no-build")
    states = stack.run(
        "ps", "--all", "--format", "{{.Service}} {{.State}} {{.ExitCode}} {{.Health}}"
    )
    rows = {line.split()[0]: line.split()[1:] for line in states.splitlines()}
    assert len(rows) == 14
    for name, state in rows.items():
        once = name in ("bucket", "airflow-init", "accounts")
        assert state == (["exited", "0"] if once else ["running", "0", "healthy"]), (name, state)


def test_the_proxy_speaks_tls_and_nothing_else(stack: Stack) -> None:
    root = stack.folder / "root.crt"
    kept = "/data/caddy/pki/authorities/local/root.crt"
    root.write_text(stack.run("exec", "-T", "proxy", "cat", kept))
    for name, path in (("mlflow", "/health"), ("airflow", "/api/v2/monitor/health")):
        assert _curl(f"https://{name}.{DOMAIN}", path, "--cacert", str(root)) == "200"
        assert _curl(f"http://{name}.{DOMAIN}", path) == "308"
        assert _curl(f"https://{name}.{DOMAIN}", path) == "000", "nobody knows this authority"


def _curl(server: str, path: str, *options: str) -> str:
    """The status that curl gets by way of the proxy; 000: it does not trust the certificate."""
    scheme, host = server.split("://")
    port = PORTS["HTTPS_PORT" if scheme == "https" else "HTTP_PORT"]
    command = ["curl", "--silent", "--output", os.devnull, "--write-out", "%{http_code}", *options]
    command += ["--resolve", f"{host}:{port}:127.0.0.1", f"{server}:{port}{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_the_demo_ends_promoted(stack: Stack) -> None:
    write = "mkdir -p /state/phantom && cat > /state/phantom/params.yaml"
    stack.run("run", "--rm", "-T", "--entrypoint", "sh", "medloom", "-c", write, stdin=TINY)
    demo = ("demo", "--patients", "12", "--against", "http://api-server:8080")
    said = stack.run("run", "--rm", "-T", "medloom", *demo)
    assert "medloom-phantom 1 @champion" in said
    assert "promoted: " in said
    again = stack.run("run", "--rm", "-T", "medloom", *demo)
    assert "nothing to do" in again


def test_the_app_shows_nothing_to_whom_it_does_not_know(stack: Stack) -> None:
    """The commands of docs/deployment.md; the provider is one that nobody reaches."""
    key = stack.folder / "deploy" / "secrets" / "oidc-client"
    key.touch(0o600)
    key.write_text("of a client that no provider knows")
    os.chown(key, int(stack.secrets["MEDLOOM_UID"]), -1)
    provider = f"https://login.{DOMAIN}/.well-known/openid-configuration"
    with (stack.folder / ".env").open("a") as stream:
        stream.write(f"MEDLOOM_OIDC_METADATA_URL={provider}\nMEDLOOM_OIDC_CLIENT_ID=medloom\n")
    stack.run("--profile", "app", "up", "--detach", "--wait", "--no-build", "app")
    trust = ("--cacert", str(stack.folder / "root.crt"))
    for path, status in (("/health", "200"), ("/images.zip?version=1&label=stone", "401")):
        assert _curl(f"https://app.{DOMAIN}", path, *trust) == status
    stack.run("--profile", "app", "stop", "app")


def test_a_consumer_loads_the_champion_and_sees_nothing_else(stack: Stack) -> None:
    said = stack.run(
        "run", "--rm", "-T", "users", "add", "bot", "consumer", "--model", "medloom-phantom"
    )
    password = said.split("shown this once: ")[1].split()[0]
    uri = f"http://127.0.0.1:{PORTS['MLFLOW_PORT']}"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(stack.folder), "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_TRACKING_USERNAME": "bot", "MLFLOW_TRACKING_PASSWORD": password,
        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    }  # fmt: skip
    loaded = subprocess.run(
        [sys.executable, "-c", CONSUMER], env=environment, cwd=stack.folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "(2, 32, 32)" in loaded.stdout, loaded.stderr
    for user, expected in ((("bot", password), False), (_admin(stack), True)):
        assert _may_see_runs(uri, user) == expected
        assert _may_move_alias(uri, user) == expected
    assert (
        requests.get(
            f"{uri}/api/2.0/mlflow/experiments/search?max_results=5", timeout=30
        ).status_code
        == 401
    )


def _admin(stack: Stack) -> tuple[str, str]:
    return "admin", stack.secrets["MLFLOW_ADMIN_PASSWORD"]


def _may_see_runs(uri: str, user: tuple[str, str]) -> bool:
    found = requests.get(
        f"{uri}/api/2.0/mlflow/experiments/get-by-name", auth=user,
        params={"experiment_name": "medloom-phantom"}, timeout=30,
    ).json()  # fmt: skip
    experiment = found["experiment"]["experiment_id"]
    answer = requests.post(
        f"{uri}/api/2.0/mlflow/runs/search", auth=user, timeout=30,
        json={"experiment_ids": [experiment], "max_results": 5},
    )  # fmt: skip
    return answer.ok and bool(answer.json().get("runs"))


def _may_move_alias(uri: str, user: tuple[str, str]) -> bool:
    body = {"name": "medloom-phantom", "alias": "tried", "version": "1"}
    path = f"{uri}/api/2.0/mlflow/registered-models/alias"
    return requests.post(path, auth=user, json=body, timeout=30).ok


@pytest.mark.parametrize(
    ("role", "may_start"),
    [("reader", False), ("auditor", False), ("curator", True), ("engineer", True)],
)
def test_who_may_start_a_run(stack: Stack, role: str, may_start: bool) -> None:
    said = stack.run("run", "--rm", "-T", "users", "add", f"a-{role}", role)
    password = said.split("shown this once: ")[1].split()[0]
    headers = _logged_in(f"a-{role}", password)
    dag = f"{AIRFLOW}/api/v2/dags/watch_landing__phantom"
    assert requests.get(dag, headers=headers, timeout=30).ok
    now = {"logical_date": None}
    started = requests.post(f"{dag}/dagRuns", headers=headers, json=now, timeout=30)
    assert started.ok == may_start, started.text
    mlflow = f"http://127.0.0.1:{PORTS['MLFLOW_PORT']}"
    assert _may_see_runs(mlflow, (f"a-{role}", password))
    assert not _may_move_alias(mlflow, (f"a-{role}", password))


def _logged_in(user: str, password: str) -> dict[str, str]:
    """The headers of requests to Airflow by somebody."""
    log_in = {"username": user, "password": password}
    token = requests.post(f"{AIRFLOW}/auth/token", json=log_in, timeout=30).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def test_an_auditor_reads_all_and_writes_nothing(stack: Stack) -> None:
    said = stack.run("run", "--rm", "-T", "auditor", "audit", "verify", "--all")
    assert "all chains hold" in said
    ledger = f"127.0.0.1:{PORTS['LEDGER_PORT']}/git/phantom.git"
    for user, name in (("medloom", "LEDGER_PASSWORD"), ("auditor", "LEDGER_AUDITOR_PASSWORD")):
        url = f"http://{user}:{stack.secrets[name]}@{ledger}"
        assert "refs/heads/journal" in _git(stack, True, "ls-remote", url)
        work = stack.folder / user
        _git(stack, True, "clone", "--quiet", "--branch", "data", url, str(work))
        _git(stack, False, "-C", str(work), "push", "--force", url, "HEAD~1:data")
        _git(stack, False, "-C", str(work), "push", url, ":data")
        _git(stack, user == "medloom", "-C", str(work), "push", url, "HEAD:refs/heads/tried")
    _git(stack, False, "ls-remote", f"http://{ledger}")


def _git(stack: Stack, ok: bool, *arguments: str) -> str:
    environment = {**stack.environment, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout


def test_no_secret_is_in_logs_or_command_lines(stack: Stack) -> None:
    logs = stack.run("logs", "--no-color")
    processes = Path("/proc")
    lines = [
        file.read_bytes().decode(errors="replace")
        for file in processes.glob("[0-9]*/cmdline")
        if file.exists()
    ]
    for name, value in _hidden(stack).items():
        assert value not in logs, f"{name} is in a log"
        # rclone, which stands in for SeaweedFS, takes keys by its command line alone.
        shown = [line for line in lines if value in line and "rclone" not in line]
        assert not shown, f"{name} is in the command line {shown[0][:40]} …"


def test_no_secret_is_in_what_airflow_and_mlflow_keep(stack: Stack) -> None:
    for database in ("airflow", "celery", "mlflow"):
        command = ("pg_dump", "--username", "postgres", database)
        kept = stack.run("exec", "-T", "postgres", *command)
        assert "CREATE TABLE" in kept
        for name, value in _hidden(stack).items():
            assert value not in kept, f"{name} is in the database {database}, such as in an XCom"


def _hidden(stack: Stack) -> dict[str, str]:
    """The secrets of the deployment."""
    long = {name: value for name, value in stack.secrets.items() if len(value) >= 32}
    found = {name: value for name, value in long.items() if "://" not in value}
    assert len(found) >= 19
    return found


def test_a_backup_comes_back_in_empty_volumes(stack: Stack) -> None:
    stack.script("sh", "deploy/backup.sh", str(stack.folder / "backup"))
    stack.run("--profile", "*", "down", "--volumes")
    stack.script("sh", "deploy/restore.sh", str(stack.folder / "backup"))
    stack.run("up", "--detach", "--wait", "--no-build")
    stack.run("run", "--rm", "-T", "auditor", "audit", "verify", "--all")
    assert "medloom-phantom" in stack.run("run", "--rm", "-T", "medloom", "champion", "show")
    assert "bot\tconsumer" in stack.run("run", "--rm", "-T", "users", "list")


def test_an_upgrade_migrates_what_an_earlier_airflow_wrote(stack: Stack) -> None:
    runs = _runs(stack)
    assert runs
    stack.run("--profile", "*", "down")
    stack.run("up", "--detach", "--wait", "postgres")
    back = ("airflow", "db", "downgrade", "--to-version", "3.2.0", "--yes")
    stack.run("run", "--rm", "-T", "--no-deps", "airflow-init", *back)
    stack.run("up", "--detach", "--wait", "--no-build")
    assert _runs(stack) >= runs


def _runs(stack: Stack) -> set[str]:
    """The runs that Airflow knows."""
    headers = _logged_in("admin", stack.secrets["AIRFLOW_ADMIN_PASSWORD"])
    found = requests.get(
        f"{AIRFLOW}/api/v2/dags/retrain_generator__phantom/dagRuns", headers=headers, timeout=30
    )
    return {one["dag_run_id"] for one in found.json()["dag_runs"]}
