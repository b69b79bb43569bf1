"""Find the project of a command."""

import os
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.base.host import require_fit, require_supported
from pipeline.base.project import Project

_OF_ONE_PROJECT = (
    "MEDLOOM_CACHE",
    "MEDLOOM_LANDING",
    "MEDLOOM_LEDGER",
    "MEDLOOM_MODEL",
    "MEDLOOM_REMOTE",
)
"""Variables that name places of one project, and not of another beside it."""


class Choice:
    """The value of `--project`, for the command that follows."""

    name: str | None = None


def chosen_project() -> Project:
    """The chosen project, which need not exist yet."""
    return Project.load(name=Choice.name)


def fit_project() -> Project:
    """The chosen project, on a host where work can start; the project need not exist yet.

    Raises:
        BadInputError, TransientError: as `pipeline.base.host.require_fit`.
    """
    project = chosen_project()
    require_fit(project)
    return project


def existing_project() -> Project:
    """The chosen project, which must exist: a state folder here, or a ledger elsewhere.

    Raises:
        BadInputError: it does not exist, and the message lists the existing ones; or this host is
            not supported.
    """
    return _existing(chosen_project())


def project_named(name: str) -> Project:
    """Another project of this host, beside the chosen one.

    Raises:
        BadInputError: as `existing_project`, or that is no name.
    """
    if Path(name).name != name:
        raise BadInputError(f"{name!r} is no project; give the name of one, such as kidney-larger")
    chosen = chosen_project()
    environment = {
        key: value for key, value in os.environ.items() if key not in _OF_ONE_PROJECT
    } | {"MEDLOOM_STATE": str(chosen.state.parent / name)}
    return _existing(Project.load(environment))


def _existing(project: Project) -> Project:
    if not project.state.is_dir() and "://" not in project.ledger:
        others = sorted(f.name for f in project.state.parent.glob("*") if f.is_dir())
        known = f"; projects here: {', '.join(others)}" if others else ""
        raise BadInputError(
            f"there is no project {project.state}{known}; `medloom demo` creates one"
        )
    require_supported(project)
    return project
