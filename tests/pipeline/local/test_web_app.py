"""Serving the app: to this machine alone, or to people who log in."""

import socket

import pytest
from typer.testing import CliRunner

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli.main import app
from pipeline.local.access import REQUIRED, Access
from pipeline.local.web_app import (
    ADDRESS,
    ADDRESS_VARIABLE,
    PORT_VARIABLE,
    SCRIPT,
    app_command,
    app_environment,
    app_hosts,
    app_place,
    app_uri,
    require_login,
)

LOGIN = Access("https://medloom.example.org", "https://login.example.org/x", "medloom", "s", "c")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_this_machine_is_offered(address: str) -> None:
    require_login(address, None)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_any_other_address_is_refused_without_a_login(address: str, project: Project) -> None:
    with pytest.raises(BadInputError, match=r"is not offered on .* nobody") as refused:
        require_login(address, None)
    assert all(name in str(refused.value) for name in REQUIRED)
    project.state.mkdir(parents=True)
    for command in (["app", "--address", address, "--no-open"], ["up"]):
        told = project.environment() | {ADDRESS_VARIABLE: address or "0.0.0.0"}
        said = CliRunner().invoke(app, command, env=told)
        assert isinstance(said.exception, BadInputError)
        assert "is not offered on" in str(said.exception)


def test_with_a_login_any_address_of_this_machine_is_offered() -> None:
    for address in ("0.0.0.0", "192.168.1.5", "host.example.org"):
        require_login(address, LOGIN)
        command = app_command("http://127.0.0.1:7777", address, LOGIN)
        assert command[-4:] == ["--server.address", address, "--server.port", "7777"]
        assert "medloom.example.org" in command
    with pytest.raises(BadInputError, match="IPv4"):
        require_login("::", LOGIN)


def test_a_request_may_name_the_address_that_people_type_and_this_machine() -> None:
    assert app_hosts(None) == ["127.0.0.1", "localhost"]
    assert app_hosts(LOGIN, "0.0.0.0") == ["127.0.0.1", "localhost", "medloom.example.org"]
    assert app_hosts(LOGIN, "10.0.0.5")[-1] == "10.0.0.5"


def test_the_settings_name_address_and_port() -> None:
    assert app_place({}) == (ADDRESS, None)
    assert app_place({ADDRESS_VARIABLE: "0.0.0.0", PORT_VARIABLE: "8501"}) == ("0.0.0.0", 8501)
    for port in ("80", "x", "99999", "-1"):
        with pytest.raises(BadInputError, match=f"MEDLOOM_APP_PORT is '{port}'"):
            app_place({PORT_VARIABLE: port})


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
