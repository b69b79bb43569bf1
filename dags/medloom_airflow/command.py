"""Finding the `medloom` command, which may be in another environment than Airflow."""

import os
import shlex
import sys
from importlib.util import find_spec

COMMAND = "MEDLOOM_COMMAND"


class NoCommandError(RuntimeError):
    """MEDLOOM_COMMAND is not set, and medloom is not installed in Airflow's environment."""


def medloom(*arguments: str) -> list[str]:
    """The command line of `medloom <arguments>`.

    It starts with MEDLOOM_COMMAND, such as `/opt/medloom/.venv/bin/medloom`; if that is not set,
    with Airflow's Python.

    Raises:
        NoCommandError: the variable is not set, and Airflow's Python has no medloom.
    """
    if words := shlex.split(os.environ.get(COMMAND, "")):
        return [*words, *arguments]
    found = find_spec("medloom")
    if found is None or found.origin is None:  # no origin: some folder named medloom
        raise NoCommandError(
            f"medloom is not installed beside Airflow, and {COMMAND} is not set: set it in the "
            "environment of Airflow's workers and of its DAG processor, "
            f"e.g. {COMMAND}=/opt/medloom/.venv/bin/medloom"
        )
    return [sys.executable, "-m", "medloom", *arguments]
