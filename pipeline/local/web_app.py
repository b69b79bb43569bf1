"""Serving the web app (`app/`) on this machine.

The app is a program of its own, as Airflow and MLflow are: it is started by its path, and nothing
imports it.
"""

import ipaddress
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.base.children import child_environment
from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.ledger.lease_holder import end_process_tree
from pipeline.local.processes import START_SECONDS, answers, free_port, spawn

ADDRESS = "127.0.0.1"
SCRIPT = PROJECT_ROOT / "app" / "asgi.py"
NAME = "app"
"""Of its log, logs/app.log."""


def require_loopback(address: str) -> None:
    """Check that nobody else can reach an address.

    Raises:
        BadInputError: it is not one of this machine alone.
    """
    try:
        own = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        own = False
    if not own:
        raise BadInputError(
            f"the app is not offered on {address} yet: it does not ask who somebody is, so only "
            f"this machine may reach it. Leave --address out, or give {ADDRESS}; from another "
            f"machine, a tunnel reaches it: ssh -L 8501:{ADDRESS}:8501 HOST"
        )


def app_command(uri: str) -> list[str]:
    """The command that starts the app at a URI of `ADDRESS`."""
    return [
        sys.executable, "-m", "streamlit", "run", str(SCRIPT),
        "--server.address", ADDRESS, "--server.port", uri.rsplit(":", 1)[1],
    ]  # fmt: skip


def app_environment(project: Project, mlflow_uri: str) -> dict[str, str]:
    """The environment of the app: its project, and where its versions are described."""
    return {
        **child_environment(),
        **project.environment(),
        "MEDLOOM_MLFLOW_URI": mlflow_uri,
        "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads would spin, beside a training's
    }


def app_uri(port: int | None = None) -> str:
    """Where the app is served; None: on a port that is free at this moment.

    Raises:
        BadInputError: something else is served on the port.
    """
    if port is not None:
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                raise BadInputError(
                    f"something else is served on port {port}; give another one, or leave --port "
                    "out for a free one"
                )
    return f"http://{ADDRESS}:{port or free_port()}"


@contextmanager
def serving(project: Project, mlflow_uri: str, uri: str) -> Iterator[Callable[[], int]]:
    """Serve the app at a URI for the block, once it answers.

    Yields:
        A function that waits for the app's end and returns its exit code.

    Raises:
        TransientError: it did not start; the message names the log.
    """
    server = spawn(project, NAME, *app_command(uri), env=app_environment(project, mlflow_uri))
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{uri}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise TransientError(f"the app did not start, see {project.logs / f'{NAME}.log'}")
            time.sleep(0.2)
        yield server.wait
    finally:
        end_process_tree(server.pid)
