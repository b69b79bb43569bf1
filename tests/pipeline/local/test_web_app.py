"""Serving the app: to this machine alone."""

import socket

import pytest
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli.main import app
from pipeline.local.web_app import (
    ADDRESS,
    SCRIPT,
    app_command,
    app_environment,
    app_uri,
    require_loopback,
)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_this_machine_is_offered(address: str) -> None:
    require_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_any_other_address_is_refused(address: str, project: Project) -> None:
    with pytest.raises(BadInputError, match=r"is not offered on .* yet: .* only this machine"):
        require_loopback(address)
    project.state.mkdir(parents=True)
    said = CliRunner().invoke(
        app, ["app", "--address", address, "--no-open"], env=project.environment()
    )
    assert isinstance(said.exception, BadInputError)


def test_the_app_is_told_its_project_and_nothing_of_the_shells(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "true")
    told = app_environment(project, "http://127.0.0.1:5")
    assert told["MEDLOOM_STATE"] == str(project.state)
    assert told["MEDLOOM_MLFLOW_URI"] == "http://127.0.0.1:5"
    assert not [name for name in told if name.startswith("STREAMLIT_")]
    command = app_command("http://127.0.0.1:7777")
    assert command[-4:] == ["--server.address", "127.0.0.1", "--server.port", "7777"]
    assert SCRIPT.is_file()


def test_a_port_that_is_taken_is_refused_and_a_free_one_is_found() -> None:
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInputError, match=f"something else is served on port {port}"):
            app_uri(port)
        assert app_uri() != f"http://{ADDRESS}:{port}"
    assert app_uri(port) == f"http://{ADDRESS}:{port}"
