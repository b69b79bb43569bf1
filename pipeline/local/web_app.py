"""Serving the web app (`app/`) on this machine.

The app is a program of its own, as Airflow and MLflow are: it is started by its path, and nothing
imports it.
"""

import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

from pipeline.base.children import child_environment
from pipeline.base.errors import BadInputError
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.ledger.lease_holder import end_process_tree
from pipeline.local.access import REQUIRED, Access
from pipeline.local.processes import answers, free_port, spawn, wait_until

ADDRESS = "127.0.0.1"
ADDRESS_VARIABLE, PORT_VARIABLE = "MEDLOOM_APP_ADDRESS", "MEDLOOM_APP_PORT"
"""Where `medloom app` listens without options, and the app of `medloom up`."""
PORTS = range(1024, 65536)
SCRIPT = PROJECT_ROOT / "app" / "asgi.py"
NAME = "app"
"""Of its log, logs/app.log."""


def require_login(address: str, access: Access | None) -> None:
    """Check that nobody can reach an address without saying who they are.

    Args:
        address: where the app would listen.
        access: how people log in; None: they do not.

    Raises:
        BadInputError: others can reach the address and need not log in, or it is IPv6.
    """
    if is_loopback(address):
        return
    if access is None:
        raise BadInputError(
            f"the app is not offered on {address or 'no address'}: others can reach it, and nobody "
            f"would have to log in. Set {', '.join(REQUIRED)} (docs/app.md) for a login with "
            f"OpenID Connect; or leave --address out, or give {ADDRESS}, for this machine alone, "
            f"which a tunnel reaches from another one: ssh -L 8501:{ADDRESS}:8501 HOST"
        )
    if not address or ":" in address:
        raise BadInputError(
            f"the app cannot listen on {address!r}; give an IPv4 address or the name of this "
            "machine, such as 0.0.0.0: the proxy in front speaks IPv6"
        )


def is_loopback(address: str) -> bool:
    """Whether this machine alone can reach an address."""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def app_hosts(access: Access | None, address: str = ADDRESS) -> list[str]:
    """The names under which a request may ask for the app: as people type it, and by health checks.

    A page elsewhere could else read this one under a name that it lets point to this machine.
    """
    names = [ADDRESS, "localhost", *([access.host] if access else []), _near(address)]
    return list(dict.fromkeys(names))


def app_place(environ: Mapping[str, str] = os.environ) -> tuple[str, int | None]:
    """Address and port that the settings name; without them loopback, and any free port.

    Raises:
        BadInputError: the port is no port.
    """
    port = environ.get(PORT_VARIABLE, "")
    if port and not (port.isdecimal() and int(port) in PORTS):
        raise BadInputError(
            f"{PORT_VARIABLE} is {port!r}; allowed is a number from {PORTS.start} to "
            f"{PORTS.stop - 1}"
        )
    return environ.get(ADDRESS_VARIABLE) or ADDRESS, int(port) if port else None


def app_command(uri: str, address: str = ADDRESS, access: Access | None = None) -> list[str]:
    """The command that starts the app at `app_uri`."""
    hosts = (("--server.allowedHosts", name) for name in app_hosts(access, address))
    return [
        sys.executable, "-m", "streamlit", "run", str(SCRIPT), *chain.from_iterable(hosts),
        "--server.address", ADDRESS if is_loopback(address) else address,
        "--server.port", uri.rsplit(":", 1)[1],
    ]  # fmt: skip


def app_environment(project: Project, mlflow_uri: str, address: str = ADDRESS) -> dict[str, str]:
    """The environment of the app: its project, and where its versions are described."""
    return {
        **child_environment(),
        **project.environment(),
        "MEDLOOM_MLFLOW_URI": mlflow_uri,
        ADDRESS_VARIABLE: address,
        "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads would spin, beside a training's
    }


def app_uri(port: int | None = None, address: str = ADDRESS) -> str:
    """Where this machine reaches the app; None: on a port that is free at this moment.

    Raises:
        BadInputError: something else is served on the port.
    """
    near = _near(address)
    if port is not None:
        with socket.socket() as probe:
            if probe.connect_ex((near, port)) == 0:
                raise BadInputError(
                    f"something else is served on port {port}; give another one, or leave --port "
                    "out for a free one"
                )
    return f"http://{near}:{port or free_port()}"


@contextmanager
def serving(
    project: Project, mlflow_uri: str, uri: str, address: str = ADDRESS
) -> Iterator[Callable[[], int]]:
    """Serve the app at a URI for the block, once it answers.

    Args:
        project: whose versions it draws.
        mlflow_uri: of the registry.
        uri: as `app_uri` gives it, for the same address.
        address: where it listens.

    Yields:
        A function that waits for the app's end and returns its exit code.

    Raises:
        BadInputError: as `require_login`, and as `Access.load`.
        TransientError: it did not start; the message names the log.
    """
    access = Access.load(project)
    require_login(address, access)
    server = spawn(
        project, NAME, *app_command(uri, address, access),
        env=app_environment(project, mlflow_uri, address),
    )  # fmt: skip
    try:
        wait_until(lambda: answers(f"{uri}/health"), "the app", {NAME: server}, project.logs)
        yield server.wait
    finally:
        end_process_tree(server.pid)


def _near(address: str) -> str:
    """The address by which this machine reaches what listens on `address`."""
    everywhere = address == "0.0.0.0"  # noqa: S104
    return ADDRESS if everywhere or is_loopback(address) else address
