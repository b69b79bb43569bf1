"""Notifying the webhook of failed DAG runs."""

import subprocess
from typing import Any

from airflow.sdk import BaseNotifier

from .command import NoCommandError, medloom
from .projects import AirflowProject, ProjectsError

_SECONDS = 60


class RunFailedNotifier(BaseNotifier):  # type: ignore[misc]
    """Run `medloom task notify`, which signs and sends a message, if MEDLOOM_WEBHOOK_URL is set.

    A failed notification is logged as a warning.
    """

    def __init__(self, project: AirflowProject) -> None:
        super().__init__()
        self.project = project

    def notify(self, context: Any) -> None:
        """Notify the webhook of the context's DAG run."""
        try:
            environment = self.project.variables()
        except ProjectsError as error:
            self.log.warning("the webhook was not notified: %s", error)
            return
        if not environment.get("MEDLOOM_WEBHOOK_URL"):
            return
        facts = {"dag": context["dag"].dag_id, "run": run_id(context), "reason": reason(context)}
        arguments = [f"--{name}={value}" for name, value in facts.items()]
        try:
            done = subprocess.run(
                medloom(self.project, "task", "notify", *arguments),
                env=environment,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (NoCommandError, OSError) as error:
            self.log.warning("the webhook was not notified: %s", error)
            return
        except subprocess.TimeoutExpired:
            self.log.warning("the webhook was not notified within %s s", _SECONDS)
            return
        if said := (done.stdout + done.stderr).strip():
            self.log.warning("%s", said)


def run_id(context: Any) -> str:
    """The DAG run's id, which is only in `dag_run` if there is no task."""
    return str(context.get("run_id") or context["dag_run"].run_id)


def reason(context: Any) -> str:
    """Airflow's reason for the failure."""
    return str(context.get("reason") or "")
