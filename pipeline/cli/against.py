"""`medloom demo --against URL`: the demo's run in a deployment that is up, on workers elsewhere."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from pipeline.base.errors import BadInputError, ExitCode
from pipeline.base.project import Project
from pipeline.base.terminal import whole
from pipeline.cli.demo import PHANTOM_SEED, outcome, times
from pipeline.cli.follow import DAG, TASKS, follow
from pipeline.cli.tables import bars, facts_table, verdict_table
from pipeline.data.branch import declare_data
from pipeline.flow.begin import begin_demo
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local.airflow_api import AirflowApi, Patience
from pipeline.phantoms.phantom import write_phantom
from pipeline.stages.snapshot import take_snapshot

SHARED = ("MEDLOOM_LEDGER", "MEDLOOM_REMOTE", "MEDLOOM_MODEL", "MEDLOOM_MLFLOW_URI")
"""Settings that this command shares with the workers of a deployment."""


@dataclass
class NewsFromAfar:
    """What the tasks of a run on other machines tell: their results, by Airflow's API.

    How far a task is remains on its machine.
    """

    api: AirflowApi
    dag: str
    run_id: str
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def progress(self, task: str) -> dict[str, Any]:  # noqa: ARG002
        """Nothing is known."""
        return {}

    def result(self, task: str) -> dict[str, Any]:
        """A task's result; empty if it has not ended.

        A success is not asked for again; a failure is that of one try.
        """
        if task in self._known:
            return self._known[task]
        found = self.api.result(self.dag, self.run_id, task)
        if found.get("outcome") in ("done", "skipped"):
            self._known[task] = found
        return found


def run_against(
    project: Project,
    uri: str,
    patients: int,
    console: Console,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Put phantoms into the landing zone, retrain in a deployment, and print verdict and links.

    Args:
        project: with the settings of the deployment's workers, and their landing zone.
        uri: of the deployment's Airflow.
        patients: phantom patients per class.
        console: for the output.
        environ: has the log-in to Airflow.

    Returns:
        The command's exit code.

    Raises:
        BadInputError: a setting is missing, Airflow does not know the project or the log-in, its
            DAG is paused, or the project holds images of patients.
        TransientError: Airflow or a store cannot be reached.
    """
    started = time.monotonic()
    _require_shared(project, environ)
    api = AirflowApi.of_environment(uri, environ)
    dag = _dag(api, project)
    console.print(Text(f"medloom: {project.name}, in the deployment at {api.uri}", "bold"))
    _feed(project, patients, console)
    api.patience = Patience(console.print)  # from here on: an address that is wrong is told at once
    run_id = api.trigger(dag, {})
    page = f"{api.uri}/dags/{dag}/runs/{run_id}"
    console.print(whole(page))
    news = NewsFromAfar(api, dag, run_id)
    run = follow(api, run_id, news, console, lambda: f"The run itself goes on: {page}", dag)
    results = {task: news.result(task) for task in TASKS}
    console.print(_summary(project, api, run, results, time.monotonic() - started))
    return ExitCode.DONE if run["state"] == "success" else 1


def _require_shared(project: Project, environ: Mapping[str, str]) -> None:
    if missing := [name for name in SHARED if not environ.get(name)]:
        raise BadInputError(
            f"a deployment is not known here: {', '.join(missing)} must be set, for the project "
            f"{project.name}, to what its workers have. With docker-compose.yml type "
            "`docker compose run --rm medloom demo --against http://api-server:8080`"
        )


def _dag(api: AirflowApi, project: Project) -> str:
    """The id of the project's DAG, which is not paused."""
    names = (f"{DAG}__{project.name}", DAG)
    for name in names:
        if (found := api.find_dag(name)) is None:
            continue
        if found["is_paused"]:
            raise BadInputError(f"the DAG {name} is paused: `airflow dags unpause {name}`")
        return name
    raise BadInputError(
        f"Airflow at {api.uri} has no DAG {' or '.join(names)}: its projects file must name the "
        f"project as its state folder is called, here {project.name}; Airflow's import errors say "
        "what is wrong in that file"
    )


def _feed(project: Project, patients: int, console: Console) -> None:
    declare_data(project, phantom=True)
    if begin_demo(project):
        console.print("looks at both kidneys")
    take_snapshot(project, Ledger(project))  # the parameters, for workers, who have no params.yaml
    try:
        with bars(console) as bar:
            show = bar("drawing phantom patients")
            write_phantom(project.landing, patients, PHANTOM_SEED, on_progress=show)
    except OSError as error:
        raise BadInputError(
            f"the landing zone {project.landing} cannot be written: {error.strerror}; run this "
            "where the deployment's landing zone is mounted, as a user who may write there"
        ) from error
    console.print(whole(f"landing zone {project.landing}"))


def _summary(
    project: Project,
    api: AirflowApi,
    run: dict[str, Any],
    results: dict[str, dict[str, Any]],
    seconds: float,
) -> Group:
    parts: list[Any] = [Text("\nsummary", "bold")]
    links = {"Airflow": whole(f"{api.uri}/dags/{run['dag_id']}/runs/{run['dag_run_id']}")}
    decision = _decision(project, results["promote"])
    if decision:
        results["promote"] = {**results["promote"], "decision": decision}
        page = f"{project.mlflow_uri}/#/models/{project.model}/versions/{decision['version']}"
        links["MLflow"] = whole(page)
    parts.append(facts_table(outcome(project, results, run)))
    if decision:
        parts.append(verdict_table(decision["verdict"]))
    return Group(*parts, times(results, seconds), facts_table(links))


def _decision(project: Project, promote: Mapping[str, Any]) -> dict[str, Any]:
    """The journal's record of a run's verdict; empty without one."""
    if not isinstance(number := promote.get("record"), int):
        return {}
    found = [one for one in Journal(Ledger(project)).records if one.sequence == number]
    return found[0].model_dump() if found else {}
