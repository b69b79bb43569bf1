"""How long Airflow takes with many projects and many runs, as `medloom up` configures it.

The DAGs are parsed and written to the database by Airflow itself. One run of two DAGs is asked for
by its API; the others are copies of their rows, which say success.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from bench.scale.command import wait_for
from bench.scale.copies import Copies, copying, megabytes
from bench.scale.row import Asking, ScaleRow, Sizes
from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.ledger.lease_holder import end_process_tree
from pipeline.local.airflow_api import AirflowApi
from pipeline.local.processes import answers, free_port, spawn
from pipeline.local.services import Services
from pipeline.local.supervisor import airflow_environment

_DAGS = ("retrain_generator", "watch_landing")
_ROUNDS = 3  # of what takes Airflow's start each time
_BEGIN = "2024-01-01"
_EVERY = 5
"""Minutes from one copied run to the next; the watcher of a project runs so often."""
_TASK, _RESULT = "plan", {"key": "0123456789abcdef", "data": "ab" * 20, "code": "cd" * 20}


def in_airflow(sizes: Sizes, folder: Path, say: Callable[[str], None]) -> Iterator[ScaleRow]:
    """Measure the parsing of DAGs, and what medloom and the scheduler ask of the database.

    Raises:
        MedloomError: Airflow failed.
    """
    project = Project.load({"MEDLOOM_STATE": str(folder / "state" / "airflow")})
    project.state.mkdir(parents=True)
    services = Services(
        supervisor=os.getpid(),
        mlflow_uri="",
        airflow_uri=f"http://127.0.0.1:{free_port()}",
        user="admin",
        password=secrets.token_urlsafe(),
    )
    env = airflow_environment(project, services)
    env["MEDLOOM_PROJECTS"] = str(_projects_file(folder, sizes.projects))
    database = project.state / "airflow" / "airflow.db"
    say("Airflow's database")
    _python(env, "-m", "airflow", "db", "migrate")
    say(f"parsing the DAGs of {sizes.projects} projects")
    yield _parsed(env, sizes)
    _python(env, "-m", "airflow", "dags", "reserialize")
    with _api_server(project, services, env) as api:
        first = {dag: api.trigger(f"{dag}__p000", {}) for dag in _DAGS}
        _give_result(api, first)
        few = f"{sizes.projects} projects, 1 run"
        yield from _asked(Asking(few, "real", sizes.rounds), api, env)
        say(f"{sizes.runs} runs of two DAGs of {sizes.projects} projects")
        with copying(database, sizes.projects, sizes.runs) as copies:
            told = copy_runs(copies, first)
        many = Asking(f"{sizes.projects} projects x {sizes.runs} runs", "simulated", sizes.rounds)
        yield from _asked(many, api, env)
        yield many.took("Airflow's database", [], f"{told}, {megabytes(database)}")
        say("airflow db clean")
        yield _cleaned(many, env, sizes, database)
        yield _result(replace(many, size="the newer half of them"), api)


def _projects_file(folder: Path, count: int) -> Path:
    listed = {
        f"p{number:03d}": {"environment": {"MEDLOOM_STATE": f"/data/p{number:03d}/state/kidney"}}
        for number in range(count)
    }
    file = folder / "projects.yaml"
    file.write_text(yaml.safe_dump({"projects": listed}))
    return file


def _parsed(env: dict[str, str], sizes: Sizes) -> ScaleRow:
    told = [_python(env, "-m", "bench.scale.parse_dags") for _ in range(min(_ROUNDS, sizes.rounds))]
    size = f"{sizes.projects} projects, {told[0]['dags']} DAGs"
    question = "parse the DAG file (CPU)"
    return Asking(size, "real").took(question, [one["seconds"] for one in told])


@contextmanager
def _api_server(project: Project, services: Services, env: dict[str, str]) -> Iterator[AirflowApi]:
    command = (sys.executable, "-m", "airflow", "api-server", "--workers", "1")
    server = spawn(project, "api-server", *command, env=env)
    try:
        health = f"{services.airflow_uri}/api/v2/monitor/health"
        wait_for(lambda: answers(health), server, "Airflow's API", project.logs)
        yield services.airflow()
    finally:
        end_process_tree(server.pid)


class _BenchApi(AirflowApi):
    def give(self, dag: str, run_id: str, task: str, value: dict[str, Any]) -> None:
        """Write what a task returned, as its worker would."""
        path = f"/dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries"
        self._call("POST", path, json={"key": "return_value", "value": value})


def _give_result(api: AirflowApi, first: dict[str, str]) -> None:
    retrain = f"{_DAGS[0]}__p000"
    tasks = api.tasks(retrain, first[_DAGS[0]])
    giving = _BenchApi(api.uri, api.user, api.password)
    for task in tasks:
        giving.give(retrain, first[_DAGS[0]], task, _RESULT)


def copy_runs(copies: Copies, first: dict[str, str]) -> str:
    """Copy the first run of each DAG to all runs of all projects; returns how many rows there are.

    Args:
        copies: into Airflow's database.
        first: DAG -> id of its run, of the project p000.
    """
    run_id = "printf('copy__%07d', n.i)"
    when = f"datetime('{_BEGIN}', printf('+%d minutes', n.run * {_EVERY})) || '.000000'"
    dates = dict.fromkeys(
        ("queued_at", "logical_date", "start_date", "end_date", "run_after", "created_at",
         "updated_at", "data_interval_start", "data_interval_end", "last_scheduling_decision"),
        when,
    )  # fmt: skip
    for number, (dag, given) in enumerate(first.items()):
        copies.set("dag_run", "state = 'success'", f"run_id = '{given}'")
        copies.set("task_instance", "state = 'success'", f"run_id = '{given}'")
        dag_id = f"printf('{dag}__p%03d', n.project)"
        version = f"(SELECT id FROM dag_version v WHERE v.dag_id = {dag_id})"  # noqa: S608
        key = f"{1000 + number * 10**8} + n.i"
        where = f"run_id = '{given}'"
        names = {"dag_id": dag_id, "run_id": run_id}
        runs = copies.copy(
            "dag_run", where, names | dates | {"id": key, "created_dag_version_id": version}
        )
        own = {"id": "lower(hex(randomblob(16)))", "dag_version_id": version}
        spans = dict.fromkeys(("start_date", "end_date", "queued_dttm", "updated_at"), when)
        tasks = copies.copy("task_instance", where, names | own | spans | {"duration": "1.0"})
        results = copies.copy("xcom", where, names | {"dag_run_id": key, "timestamp": when})
    return f"{runs} runs, {tasks} tasks, {results} results"


def _asked(asking: Asking, api: AirflowApi, env: dict[str, str]) -> Iterator[ScaleRow]:
    """What medloom asks Airflow about one project, and what the scheduler asks the database."""
    dag = f"{_DAGS[0]}__p000"
    run_id = api.runs(dag)[-1]["dag_run_id"]
    yield asking.ask("Airflow: last runs of a DAG", lambda: f"{len(api.runs(dag))} runs")
    yield asking.ask("Airflow: one run", lambda: api.run(dag, run_id)["state"])
    yield asking.ask("Airflow: tasks of a run", lambda: f"{len(api.tasks(dag, run_id))} tasks")
    yield _result(asking, api)
    yield asking.ask("Airflow: whether a DAG is busy", lambda: api.is_busy(dag))
    yield asking.ask("Airflow: whether a DAG is there", lambda: api.find_dag(dag) is not None)
    told = _python(env, "-m", "bench.scale.scheduler_questions")
    yield asking.took("Airflow: what the scheduler asks in a pass", told["seconds"])


def _result(asking: Asking, api: AirflowApi) -> ScaleRow:
    """What a task returned. SQLite reads every task of the database for it; see docs/scale.md."""
    dag = f"{_DAGS[0]}__p000"
    run_id = api.runs(dag)[-1]["dag_run_id"]
    return asking.ask("Airflow: result of a task", lambda: len(api.result(dag, run_id, _TASK)))


def _cleaned(asking: Asking, env: dict[str, str], sizes: Sizes, database: Path) -> ScaleRow:
    """`airflow db clean` of the older half of the runs, once."""
    middle = f"datetime('{_BEGIN}', '+{sizes.runs * _EVERY // 2} minutes')"
    with copying(database, 0, 0) as copies:
        before = copies.value(f"SELECT {middle}")
    line = ("db", "clean", "--clean-before-timestamp", before, "--skip-archive", "--yes")

    def clean() -> str:
        _python(env, "-m", "airflow", *line)
        with copying(database, 0, 0) as copies:
            left = copies.value("SELECT count(*) FROM dag_run")
        return f"{left} runs left"

    return asking.ask("airflow db clean, the older half", clean, rounds=1)


def _python(env: dict[str, str], *words: str) -> Any:
    """Run a module in Airflow's environment; returns the JSON of its last line, if it is JSON.

    Raises:
        MedloomError: it failed.
    """
    done = subprocess.run(
        [sys.executable, *words], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-1500:]
        raise MedloomError(f"{' '.join(words)} ended with {done.returncode}: {said}")
    try:
        return json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        return None
