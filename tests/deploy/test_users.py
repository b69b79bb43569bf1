"""Accounts: the roles' table, and what the command asks of Airflow, MLflow and the ledger."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from typer.testing import CliRunner

from deploy import users
from deploy.users import GRANTS, OURS, PIPELINE, READ, ROLES, Ledgers, Mlflow, UsersError
from pipeline.base.project import PROJECT_ROOT


@dataclass
class Doubles:
    """Airflow and MLflow, as far as accounts go; each refuses what the real one refuses."""

    airflow: dict[str, dict[str, Any]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=lambda: {"admin": "m"})
    roles: dict[int, tuple[str, dict[int, tuple[str, ...]]]] = field(default_factory=dict)
    held: dict[str, list[int]] = field(default_factory=lambda: {"admin": []})
    experiments: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1000)))

    def request(self, method: str, uri: str, **options: Any) -> requests.Response:
        path = urlsplit(uri).path
        told = options.get("json") or options.get("params") or {}
        service = self.of_airflow if path.startswith("/auth") else self.of_mlflow
        code, answer = service(method, path, told, options)
        made = requests.Response()
        made.status_code = code
        made._content = json.dumps(answer).encode() if answer is not None else b""
        return made

    def of_airflow(self, method: str, path: str, told: Any, options: Any) -> tuple[int, Any]:
        if path == "/auth/token":
            return (201, {"access_token": "t"}) if told["password"] == "a" else (401, {})
        assert options["headers"] == {"Authorization": "Bearer t"}
        name = path.rpartition("/")[2]
        if method == "GET":
            return 200, {"users": list(self.airflow.values())}
        if method == "POST":
            self.airflow[told["username"]] = told
            whole = {"email", "first_name", "last_name", "password", "roles"} <= set(told)
            return (201 if whole else 422), told
        if method == "PATCH":
            self.airflow[name] |= told
            return (200 if options["params"]["update_mask"] == ",".join(told) else 400), told
        return 204, self.airflow.pop(name) and None

    def of_mlflow(self, method: str, path: str, told: Any, options: Any) -> tuple[int, Any]:
        if options["headers"]["Authorization"] != "Basic YWRtaW46bQ==":
            return 401, {}
        what = path.partition("/mlflow/")[2]
        answer = getattr(self, "_" + re.sub(r"\W", "_", what))(told)
        return (404, {}) if answer is None else (200, answer)

    def _users_list(self, _: Any) -> Any:
        named = {number: {"id": number, "name": role} for number, (role, _) in self.roles.items()}
        return {
            "users": [
                {"username": name, "roles": [named[number] for number in held]}
                for name, held in self.held.items()
            ]
        }

    def _users_create(self, told: Any) -> Any:
        assert told["username"] not in self.held
        self.held[told["username"]] = []
        return self._users_update_password(told)

    def _users_update_password(self, told: Any) -> Any:
        self.passwords[told["username"]] = told["password"]
        return {}

    def _users_delete(self, told: Any) -> Any:
        del self.held[told["username"]]
        return {}

    def _roles_list(self, _: Any) -> Any:
        return {"roles": [{"id": n, "name": name} for n, (name, _) in self.roles.items()]}

    def _roles_create(self, told: Any) -> Any:
        number = next(self.numbers)
        self.roles[number] = (told["name"], {})
        return {"role": {"id": number}}

    def _roles_permissions_list(self, told: Any) -> Any:
        keys = ("resource_type", "resource_pattern", "permission")
        held = self.roles[told["role_id"]][1].items()
        return {
            "role_permissions": [
                {"id": number, **dict(zip(keys, grant, strict=True))} for number, grant in held
            ]
        }

    def _roles_permissions_add(self, told: Any) -> Any:
        grant = (told["resource_type"], told["resource_pattern"], told["permission"])
        self.roles[told["role_id"]][1][next(self.numbers)] = grant
        return {}

    def _roles_permissions_remove(self, told: Any) -> Any:
        for _, grants in self.roles.values():
            grants.pop(told["role_permission_id"], None)
        return {}

    def _roles_assign(self, told: Any) -> Any:
        self.held[told["username"]].append(told["role_id"])
        return {}

    def _roles_unassign(self, told: Any) -> Any:
        self.held[told["username"]].remove(told["role_id"])
        return {}

    def _experiments_get_by_name(self, told: Any) -> Any:
        found = self.experiments.get(told["experiment_name"])
        return {"experiment": {"experiment_id": found}} if found else None

    def granted(self, name: str) -> set[tuple[str, ...]]:
        """All grants that an account has in MLflow."""
        return {grant for number in self.held[name] for grant in self.roles[number][1].values()}


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Doubles:
    made = Doubles()
    monkeypatch.setattr(requests, "request", made.request)
    monkeypatch.setattr(users, "ACCOUNTS", tmp_path / "htpasswd")
    for name, value in {
        "AIRFLOW_API": "http://a", "AIRFLOW_ADMIN_PASSWORD": "a", "MLFLOW_URI": "http://m",
        "MLFLOW_ADMIN_PASSWORD": "m", "MLFLOW_PIPELINE_PASSWORD": "p",
        "MLFLOW_AUDITOR_PASSWORD": "q",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return made


def run(*arguments: str) -> str:
    done = CliRunner().invoke(users.app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def password_in(said: str) -> str:
    found = re.search(r"shown this once: (\S+)", said)
    assert found
    return found[1]


def test_only_the_pipeline_may_change_anything_in_the_registry() -> None:
    for name, grants in GRANTS.items():
        changing = {permission for _, _, permission in grants} - {"READ", "DENY"}
        assert bool(changing) == (name == PIPELINE)
    assert {what.mlflow for what in ROLES.values()} == {READ, ""}


def test_an_auditor_and_a_reader_cannot_start_or_approve_anything() -> None:
    assert {name for name, what in ROLES.items() if what.airflow == "Viewer"} == {
        "auditor",
        "reader",
    }
    assert ROLES["consumer"].airflow == ""
    assert {name for name, what in ROLES.items() if what.ledger} == {"auditor", "engineer"}


def test_the_documentation_lists_these_roles() -> None:
    page = (PROJECT_ROOT / "docs" / "deployment.md").read_text()
    for name, what in ROLES.items():
        row = re.search(rf"^\| {name} \| (.+?) \| .+? \| (.+?) \|", page, re.M)
        assert row, name
        assert row[1].partition(":")[0].strip("`–") == what.airflow
        assert (row[2] == "reads") == what.ledger


@pytest.mark.parametrize("role", [name for name in ROLES if name != "consumer"])
def test_a_role_gives_the_same_person_one_password_everywhere(doubles: Doubles, role: str) -> None:
    secret = password_in(run("add", "ada", role))
    assert doubles.airflow["ada"]["roles"] == [{"name": ROLES[role].airflow}]
    assert doubles.airflow["ada"]["password"] == doubles.passwords["ada"] == secret
    assert doubles.granted("ada") == set(GRANTS[READ])
    assert (Ledgers(users.ACCOUNTS).names() == ["ada"]) == ROLES[role].ledger
    assert run("list") == f"ada\t{role}\n"


def test_a_consumer_gets_one_model_and_no_runs(doubles: Doubles) -> None:
    doubles.experiments["medloom-phantom"] = "7"
    run("add", "bot", "consumer", "--model", "medloom-phantom")
    assert doubles.granted("bot") == {
        ("run", "*", "DENY"),
        ("registered_model", "medloom-phantom", "READ"),
        ("experiment", "7", "READ"),
    }  # fmt: skip
    assert doubles.airflow == {}
    assert Ledgers(users.ACCOUNTS).names() == []
    assert run("list") == "bot\tconsumer medloom-phantom\n"


def test_a_consumer_of_a_model_that_is_not_there_gets_nothing(doubles: Doubles) -> None:
    with pytest.raises(UsersError, match="no model 'medloom-x' yet"):
        run("add", "bot", "consumer", "--model", "medloom-x")
    assert "bot" not in doubles.held


def test_a_command_may_be_repeated(doubles: Doubles) -> None:
    first = password_in(run("add", "ada", "reader"))
    again = run("add", "ada", "reader")
    assert "password" not in again
    assert doubles.passwords["ada"] == first
    assert len(doubles.held["ada"]) == 1


def test_another_role_takes_the_place_of_the_first(doubles: Doubles) -> None:
    run("add", "ada", "auditor")
    run("add", "ada", "reader")
    assert run("list") == "ada\treader\n"
    assert Ledgers(users.ACCOUNTS).names() == []
    with pytest.raises(UsersError, match="`remove ada`, then `add ada engineer`"):
        run("add", "ada", "engineer")
    assert run("list") == "ada\treader\n"


def test_a_consumer_who_becomes_reader_of_nothing_else_loses_the_old_role(doubles: Doubles) -> None:
    doubles.experiments |= {"one": "1", "two": "2"}
    run("add", "bot", "consumer", "--model", "one")
    run("add", "bot", "consumer", "--model", "two")
    assert ("registered_model", "one", "READ") not in doubles.granted("bot")
    assert run("list") == "bot\tconsumer two\n"


def test_a_role_that_somebody_widened_is_put_right(doubles: Doubles) -> None:
    run("add", "ada", "reader")
    (number,) = [number for number, (name, _) in doubles.roles.items() if name == READ]
    doubles.roles[number][1][999] = ("experiment", "*", "MANAGE")
    run("add", "ada", "reader")
    assert doubles.granted("ada") == set(GRANTS[READ])


def test_a_new_password_is_new_everywhere(doubles: Doubles) -> None:
    before = password_in(run("add", "ada", "engineer"))
    line = users.ACCOUNTS.read_text()
    after = password_in(run("password", "ada"))
    assert after != before
    assert doubles.airflow["ada"]["password"] == doubles.passwords["ada"] == after
    assert users.ACCOUNTS.read_text() != line
    assert users.ACCOUNTS.read_text().startswith("ada:$6$")


def test_somebody_who_is_removed_is_nowhere(doubles: Doubles) -> None:
    run("add", "ada", "engineer")
    run("add", "eve", "auditor")
    run("remove", "ada")
    assert "ada" not in doubles.airflow
    assert "ada" not in doubles.held
    assert Ledgers(users.ACCOUNTS).names() == ["eve"]
    run("remove", "ada")


@pytest.mark.parametrize("name", ["admin", "pipeline", "medloom", "Ada", "a", "a:b", "../x"])
def test_names_of_services_and_odd_names_are_refused(doubles: Doubles, name: str) -> None:
    with pytest.raises(UsersError, match="no name for an account"):
        run("add", name, "reader")


def test_unknown_roles_are_refused(doubles: Doubles) -> None:
    with pytest.raises(UsersError, match="allowed are engineer, reader"):
        run("add", "ada", "boss")
    with pytest.raises(UsersError, match="--model NAME"):
        run("add", "ada", "consumer")
    with pytest.raises(UsersError, match="--model NAME"):
        run("add", "ada", "reader", "--model", "x")


def test_the_services_get_their_accounts(doubles: Doubles) -> None:
    run("services")
    run("services")
    assert doubles.granted("pipeline") == set(GRANTS[PIPELINE])
    assert doubles.granted("auditor") == set(GRANTS[READ])
    assert doubles.passwords["pipeline"] == "p"
    assert all(name.startswith(OURS) for name, _ in doubles.roles.values())
    assert run("list") == ""


def test_what_a_service_refuses_is_told_without_secrets(doubles: Doubles) -> None:
    with pytest.raises(UsersError, match=r"MLflow refused GET .*users/list: 401") as refused:
        Mlflow("http://m", "wrong-secret").users()
    assert "wrong-secret" not in str(refused.value)


def test_a_password_of_the_ledger_is_one_that_its_server_accepts(tmp_path: Path) -> None:
    ledgers = Ledgers(tmp_path / "htpasswd")
    ledgers.put("ada", "open-sesame")
    line = (tmp_path / "htpasswd").read_text().strip()
    _, _, salt, _ = line.partition(":")[2].split("$")
    again = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "-stdin"],
        input="open-sesame", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert line == f"ada:{again.stdout.strip()}"
