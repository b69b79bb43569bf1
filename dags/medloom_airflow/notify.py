"""Telling the webhook that a run failed, through Airflow's notifiers."""

import os
import subprocess
from typing import Any

from airflow.sdk import BaseNotifier

from .command import NoCommandError, medloom

_SECONDS = 60


class RunFailedNotifier(BaseNotifier):  # type: ignore[misc]
    """Run `medloom task notify`, which signs and sends; nothing without MEDLOOM_WEBHOOK_URL.

    A notification that fails is a line in the log and no second failure.
    """

    def notify(self, context: Any) -> None:
        """Tell of the run that the context is about."""
        if not os.environ.get("MEDLOOM_WEBHOOK_URL"):
            return
        facts = {"dag": context["dag"].dag_id, "run": run_id(context), "reason": reason(context)}
        arguments = [f"--{name}={value}" for name, value in facts.items()]
        try:
            done = subprocess.run(
                medloom("task", "notify", *arguments),
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (NoCommandError, OSError) as error:
            self.log.warning("the webhook was not told: %s", error)
            return
        except subprocess.TimeoutExpired:
            self.log.warning("the webhook was not told within %s s", _SECONDS)
            return
        if said := (done.stdout + done.stderr).strip():
            self.log.warning("%s", said)


def run_id(context: Any) -> str:
    """The run's id; Airflow gives it twice, or once when no task is known."""
    return str(context.get("run_id") or context["dag_run"].run_id)


def reason(context: Any) -> str:
    """Why the run failed, in Airflow's words."""
    return str(context.get("reason") or "")
