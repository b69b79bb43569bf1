"""Find the project of a command."""

from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings


class Choice:
    """The value of `--project`, for the command that follows."""

    project: str | None = None


def chosen_settings() -> Settings:
    """The settings of the chosen project, which need not exist yet."""
    return Settings.load(project=Choice.project)


def existing_project() -> Settings:
    """The settings of the chosen project, which must exist.

    Raises:
        BadInputError: it does not exist; the message lists the existing ones.
    """
    settings = chosen_settings()
    if not settings.state.is_dir():
        others = sorted(f.name for f in settings.state.parent.glob("*") if f.is_dir())
        known = f"; projects here: {', '.join(others)}" if others else ""
        raise BadInputError(
            f"there is no project {settings.state}{known}; `medloom demo` creates one"
        )
    return settings
