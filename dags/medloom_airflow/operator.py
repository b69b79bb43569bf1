"""A task that runs `medloom task …` and turns its exit code into Airflow's terms."""

import json
import os
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import Asset, BaseOperator
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from .command import NoCommandError, medloom

BUG, BAD_INPUT, NOTHING_NEW = 1, 65, 99
CHAMPION = Asset("medloom-champion")
"""Its event says that another version became champion."""


class MedloomOperator(BaseOperator):  # type: ignore[misc]
    """Run one pipeline command; its last line of output, JSON mostly, is the task's XCom.

    So it is when the command fails or has nothing to do: the report tells of every task.

    Exit codes: 0 done; 65 bad input and 1 a bug, which fail without another try; 99 nothing new,
    which skips what follows; anything else, a kill among it, is worth another try.
    """

    template_fields = ("arguments",)

    def __init__(self, *, arguments: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = arguments
        self._hook: SubprocessHook | None = None

    def execute(self, context: Any) -> Any:
        """Run the command with Airflow's environment, and what it should know of the run."""
        try:
            command = medloom("task", self.task_id, *self.arguments)
        except NoCommandError as error:
            raise AirflowFailException(str(error)) from error
        self._hook = SubprocessHook()
        run = context["ti"]
        run_type = context["dag_run"].run_type
        result = self._hook.run_command(
            command,
            env={
                **os.environ,
                "MEDLOOM_RUN_ID": run.run_id,
                "MEDLOOM_DAG_ID": run.dag_id,
                "MEDLOOM_TASK_ID": run.task_id,
                "MEDLOOM_MAP_INDEX": str(run.map_index),
                "MEDLOOM_TRY": str(run.try_number),
                # An enumeration or its text, by where Airflow made the context.
                "MEDLOOM_TRIGGER": str(getattr(run_type, "value", run_type)),
            },
        )
        told = self._told(result.exit_code, result.output)
        if not result.exit_code:
            return told
        run.xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=told)
        if result.exit_code in (BUG, BAD_INPUT):
            raise AirflowFailException(f"another try would not help: {told['why']}")
        if result.exit_code == NOTHING_NEW:
            raise AirflowSkipException(told["why"])
        raise AirflowException(f"exit code {result.exit_code}: {told['why']}")

    def _told(self, exit_code: int, line: str) -> dict[str, Any]:
        """What the command's last line tells; a kill may have left any line the last."""
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            told = None
        outcome = {0: "done", NOTHING_NEW: "skipped"}.get(exit_code, "failed")
        usual = {"task": self.task_id, "outcome": outcome, "why": line}
        return told if isinstance(told, dict) else usual

    def on_kill(self) -> None:
        """End the command and what it started (it leads a session of its own)."""
        if self._hook:
            self._hook.send_sigterm()
