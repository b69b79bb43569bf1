"""Where Airflow finds medloom, which may live in an environment of its own."""

import os
import shlex
import sys
from importlib.util import find_spec

COMMAND = "MEDLOOM_COMMAND"


class NoCommandError(RuntimeError):
    """Nothing says how to run medloom, and it is not installed beside Airflow."""


def medloom(*arguments: str) -> list[str]:
    """The command line of `medloom <arguments>`.

    It begins with the words of MEDLOOM_COMMAND, such as `/opt/medloom/.venv/bin/medloom`; without
    it, medloom is run by Airflow's own Python.

    Raises:
        NoCommandError: the variable is not set, and Airflow's Python has no medloom.
    """
    if words := shlex.split(os.environ.get(COMMAND, "")):
        return [*words, *arguments]
    found = find_spec("medloom")
    if found is None or found.origin is None:  # no origin: a folder that happens to be called so
        raise NoCommandError(
            f"medloom is not installed beside Airflow, and {COMMAND} is not set: in the "
            "environment of Airflow's workers and of its DAG processor, let it name the command, "
            f"e.g. {COMMAND}=/opt/medloom/.venv/bin/medloom"
        )
    return [sys.executable, "-m", "medloom", *arguments]
