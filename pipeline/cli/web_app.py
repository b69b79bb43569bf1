"""`medloom app`: look at what versions draw, in a browser."""

import os
import sys
import webbrowser
from contextlib import ExitStack
from typing import Annotated

import typer

from pipeline.base.errors import TransientError
from pipeline.base.terminal import Terminal
from pipeline.cli.project import existing_project

console = Terminal()


def app(
    port: Annotated[
        int | None,
        typer.Option(min=1024, max=65535, help="Default: MEDLOOM_APP_PORT, or a free one."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Where it listens; beyond this machine people log in (docs/app.md). "
            "Default: MEDLOOM_APP_ADDRESS, or 127.0.0.1."
        ),
    ] = None,
    opens: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open it in a browser. Default: if there is one."),
    ] = None,
) -> None:
    """Look at what the project's versions draw, in a browser; Ctrl-C ends it.

    Images by class, findings and seed, in a viewer with window and level; every address shows the
    same images again. It is served to this machine alone, unless people log in. `medloom up`
    serves it, too.
    """
    from pipeline.local import services
    from pipeline.local.access import Access
    from pipeline.local.web_app import app_place, app_uri, require_login, serving

    project = existing_project()
    usual, usual_port = app_place()
    chosen, access = usual if address is None else address, Access.load(project)
    require_login(chosen, access)
    running = services.find(project)
    if running and running.app_uri and port is None and address is None:
        _tell(running.app_uri, access.url if access else None, opens=opens)
        return
    uri = app_uri(port or usual_port, chosen)
    with ExitStack() as stack:
        with console.status("starting MLflow and the app"):
            mlflow_uri = stack.enter_context(services.mlflow(project))
            wait = stack.enter_context(serving(project, mlflow_uri, uri, chosen))
        _tell(uri, access.url if access else None, opens=opens)
        if code := wait():
            raise TransientError(f"the app ended with {code}, see {project.logs / 'app.log'}")


def _tell(uri: str, public: str | None, *, opens: bool | None) -> None:
    console.print(f"medloom app: {public or uri}", highlight=False)
    if public:
        console.print(f"people log in there; the proxy asks {uri}", highlight=False)
    if _has_browser() if opens is None else opens:
        webbrowser.open(public or uri)


def _has_browser() -> bool:
    """Whether a person sits at this machine, whose browser would show it."""
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
