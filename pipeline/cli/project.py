"""Find the project of a command."""

from pipeline.base.errors import BadInputError
from pipeline.base.host import require_fit, require_supported
from pipeline.base.project import Project


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
    return _existing(chosen_project().beside(name))


def _existing(project: Project) -> Project:
    if not project.state.is_dir() and "://" not in project.ledger:
        others = sorted(f.name for f in project.state.parent.glob("*") if f.is_dir())
        known = f"; projects here: {', '.join(others)}" if others else ""
        raise BadInputError(
            f"there is no project {project.state}{known}; `medloom demo` creates one"
        )
    require_supported(project)
    return project
