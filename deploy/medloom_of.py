"""Run `medloom` as a project of the projects file: the environment is that of the project's tasks.

PROJECT names it. What else is set for the command, such as MEDLOOM_APP_URL, stays.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/opt/medloom")
sys.path.insert(0, str(ROOT / "dags"))

from medloom_airflow.projects import Projects, ProjectsError  # noqa: E402

_BAD_INPUT = 65


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command.

    Raises:
        ProjectsError: the file does not list the project, or the project cannot be used here.
    """
    projects = Projects.load(environ)
    name = environ.get("PROJECT", "")
    found = [project for project in projects.usable if project.name == name]
    if not found:
        known = ", ".join(project.name for project in projects.usable)
        wrong = [line for line in projects.wrong if f"projects.{name}:" in line]
        raise ProjectsError("\n".join(wrong) or f"PROJECT is {name!r}; allowed are {known}")
    kept = {name: value for name, value in environ.items() if value}
    return kept | found[0].variables(environ)


def main() -> None:
    """Become the command."""
    try:
        variables = environment(os.environ)
    except ProjectsError as error:
        print(f"medloom: {error}", file=sys.stderr)
        sys.exit(_BAD_INPUT)
    # The project is in the ledger; that this host has not worked for it yet is no mistake.
    Path(variables["MEDLOOM_STATE"]).mkdir(parents=True, exist_ok=True)
    command = str(ROOT / ".venv" / "bin" / "medloom")
    os.execve(command, [command, *sys.argv[1:]], variables)  # noqa: S606


if __name__ == "__main__":
    main()
