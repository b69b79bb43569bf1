"""The operator that runs `medloom task …` and maps its exit code to a task state."""

import json
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from .command import NoCommandError, medloom
from .lineage import as_openlineage, touched
from .projects import AirflowProject, ProjectsError

BUG, BAD_INPUT, NOTHING_NEW = 1, 65, 99
LANDING, CHAMPION = "medloom-landing", "medloom-champion"
"""Assets of a project. Their events start a retraining, and announce a new champion."""


class MedloomOperator(BaseOperator):  # type: ignore[misc]
    """Run one pipeline command; the last line of its output, usually JSON, is the task's XCom.

    The XCom is also set if the command fails or has nothing to do, because the report covers every
    task.

    Exceptions carry no text of the command: OpenLineage's events repeat them, and an error may name
    a file. The log and the XCom have it.

    Exit codes: 0 done; 65 (bad input) and 1 (a bug) fail without a retry; 99 (nothing new) skips
    the tasks that follow; any other, such as a kill, is retried.
    """

    template_fields = ("arguments",)

    def __init__(
        self, *, project: AirflowProject, task_id: str, arguments: list[str], **kwargs: Any
    ) -> None:
        super().__init__(task_id=task_id, **project.task(task_id), **kwargs)
        self.project, self.arguments = project, arguments
        self._hook: SubprocessHook | None = None
        self._told: dict[str, Any] = {}

    def execute(self, context: Any) -> Any:
        """Run the command with the project's environment and variables that describe the try."""
        try:
            command = medloom(self.project, "task", self.task_id, *self.arguments)
            environment = self.project.variables()
        except (NoCommandError, ProjectsError) as error:
            raise AirflowFailException(str(error)) from error
        self._hook = SubprocessHook()
        run = context["ti"]
        run_type = context["dag_run"].run_type
        result = self._hook.run_command(
            command,
            env={
                **environment,
                "MEDLOOM_RUN_ID": run.run_id,
                "MEDLOOM_DAG_ID": run.dag_id,
                "MEDLOOM_TASK_ID": run.task_id,
                "MEDLOOM_MAP_INDEX": str(run.map_index),
                "MEDLOOM_TRY": str(run.try_number),
                # An enum or a string, depending on how Airflow created the context.
                "MEDLOOM_TRIGGER": str(getattr(run_type, "value", run_type)),
            },
        )
        facts = self._told = self._facts(result.exit_code, result.output)
        if not result.exit_code:
            return facts
        run.xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=facts)
        if result.exit_code == NOTHING_NEW:
            raise AirflowSkipException(facts["why"])
        self.log.error("%s", facts["why"])
        if result.exit_code in (BUG, BAD_INPUT):
            raise AirflowFailException(
                f"exit code {result.exit_code}, a retry would not help; the log says why"
            )
        raise AirflowException(f"exit code {result.exit_code}; the log says why")

    def _facts(self, exit_code: int, line: str) -> dict[str, Any]:
        """The command's last line as an XCom; after a kill it may be any line."""
        try:
            facts = json.loads(line)
        except json.JSONDecodeError:
            facts = None
        outcome = {0: "done", NOTHING_NEW: "skipped"}.get(exit_code, "failed")
        usual = {"task": self.task_id, "outcome": outcome, "why": line}
        return facts if isinstance(facts, dict) else usual

    def on_kill(self) -> None:
        """End the command and its children; they are in one session."""
        if self._hook:
            self._hook.send_sigterm()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002
        """What the task read and wrote, for Airflow's provider of OpenLineage, if it asks."""
        found = touched(self._told, self.arguments)
        return None if found is None else as_openlineage(found)
