"""Finding the `medloom` command, which may be in another environment than Airflow."""

import os
import shlex
import sys
from importlib.util import find_spec

from .projects import AirflowProject

COMMAND = "MEDLOOM_COMMAND"


class NoCommandError(RuntimeError):
    """MEDLOOM_COMMAND is not set, and medloom is not installed in Airflow's environment."""


def medloom(project: AirflowProject, *arguments: str) -> list[str]:
    """The command line of `medloom <arguments>`.

    It starts with the project's command, such as `/opt/medloom/.venv/bin/medloom`, else with
    MEDLOOM_COMMAND, else with Airflow's Python.

    Raises:
        NoCommandError: none of them is there.
    """
    if words := shlex.split(project.command or os.environ.get(COMMAND, "")):
        return [*words, *arguments]
    found = find_spec("medloom")
    if found is None or found.origin is None:  # no origin: some folder named medloom
        raise NoCommandError(
            f"medloom is not installed beside Airflow, and {COMMAND} is not set: set it in the "
            "environment of Airflow's workers and of its DAG processor, "
            f"e.g. {COMMAND}=/opt/medloom/.venv/bin/medloom"
        )
    return [sys.executable, "-m", "medloom", *arguments]
