"""`medloom status`: services, data, champion and last runs of a project."""

from typing import Any

from rich.console import Group

from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.base.terminal import whole
from pipeline.cli.tables import facts_table
from pipeline.data.landing.index import LocalIndex
from pipeline.flow.asked import asked_retrainings
from pipeline.flow.planning import count_images
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.local import services
from pipeline.local.processes import answers
from pipeline.monitor.history import History


def project_status(project: Project) -> dict[str, Any]:
    """Addresses, log-in, data, champion and last runs, as plain values."""
    running = services.find(project)
    facts: dict[str, Any] = {
        "project": project.name,
        "state": str(project.state),
        "landing": str(project.landing),
        "services": None,
        "data": None,
        "champion": None,
        "feedback": None,
        "waiting_files": 0,
        "alarms": [],
        "runs": [],
    }
    if running:
        facts["services"] = {
            "airflow": running.airflow_uri,
            "airflow_user": running.user,
            "airflow_password": running.password,
            "mlflow": running.mlflow_uri,
            "app": running.app_uri or None,
            "app_answers": bool(running.app_uri) and answers(f"{running.app_uri}/health"),
            "waiting_for": running.waiting_for or None,
        }
        facts["runs"] = _last_runs(running)
    if project.landing.is_dir() and project.state.is_dir():
        facts["waiting_files"] = LocalIndex.of(project).pending(project.landing).count
    if project.state.is_dir():
        ledger = Ledger(project)
        if data := ledger.head(DATA):
            facts["data"] = {"revision": data, "images": count_images(ledger, data)}
        journal = Journal(ledger)
        if champion := journal.champion:
            verdict = journal.verdict_on(champion.run_key)
            facts["champion"] = {
                "model": project.model,
                "version": champion.version,
                "since": champion.time,
                "because": verdict.details.get("because", "") if verdict else "",
            }
        if asked := asked_retrainings(ledger):
            facts["feedback"] = asked[-1].facts() | {"says": asked[-1].in_words}
        if last := History(ledger).last:
            facts["alarms"] = [{"key": one.key, "since": one.since} for one in last.alarms]
    return facts


def _last_runs(running: services.Services) -> list[dict[str, str]]:
    try:
        runs = running.airflow().runs("retrain_generator", limit=3)
    except MedloomError:
        return []
    return [{"run_id": run["dag_run_id"], "state": run["state"]} for run in runs]


def status_table(facts: dict[str, Any]) -> Group:
    """The status as tables."""
    data, champion = facts["data"], facts["champion"]
    project = {
        "project": facts["project"],
        "state": whole(facts["state"]),
        "landing zone": whole(f"{facts['landing']} ({facts['waiting_files']} files pending)"),
        "data": f"{data['images']} images, revision {data['revision'][:12]}" if data else "none",
        "champion": f"{champion['model']} version {champion['version']}, since {champion['since']}"
        if champion
        else "none yet",
    }
    if champion and champion["because"]:
        project["  trained because"] = champion["because"]
    if facts["feedback"]:
        project["feedback"] = facts["feedback"]["says"]
    if facts["alarms"]:
        keys = ", ".join(one["key"] for one in facts["alarms"])
        project["alarms"] = f"{keys}; `medloom monitor` says more"
    services_up = facts["services"]
    if services_up is None:
        return Group(facts_table({**project, "services": "down; `medloom up` starts them"}))
    running = {
        "Airflow": services_up["airflow"],
        "  log in as": f"{services_up['airflow_user']} / {services_up['airflow_password']}",
        "MLflow": services_up["mlflow"],
    }
    if services_up["app"]:
        yet = " yet" if services_up["waiting_for"] else ""
        state = "" if services_up["app_answers"] else f" (does not answer{yet}; see app.log)"
        running["app"] = f"{services_up['app']}{state}"
    runs = {run["run_id"]: run["state"] for run in facts["runs"]}
    return Group(facts_table({**project, **running}), facts_table(runs, "last runs"))
