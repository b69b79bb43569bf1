"""A task that runs `medloom task …` and turns its exit code into Airflow's terms."""

import os
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from .command import NoCommandError, medloom

BUG, BAD_INPUT, NOTHING_NEW = 1, 65, 99
CHAMPION = Asset("medloom-champion")
"""Its event says that another version became champion."""


class MedloomOperator(BaseOperator):  # type: ignore[misc]
    """Run one pipeline command; its last line of output is the task's XCom.

    Exit codes: 0 done; 65 bad input and 1 a bug, which fail without another try; 99 nothing new,
    which skips what follows; anything else, a kill among it, is worth another try.
    """

    template_fields = ("arguments",)

    def __init__(self, *, arguments: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = arguments
        self._hook: SubprocessHook | None = None

    def execute(self, context: Any) -> str:
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
        if result.exit_code in (BUG, BAD_INPUT):
            raise AirflowFailException(f"another try would not help: {result.output}")
        if result.exit_code == NOTHING_NEW:
            raise AirflowSkipException(result.output)
        if result.exit_code:
            raise AirflowException(f"exit code {result.exit_code}: {result.output}")
        return str(result.output)

    def on_kill(self) -> None:
        """End the command and what it started (it leads a session of its own)."""
        if self._hook:
            self._hook.send_sigterm()
