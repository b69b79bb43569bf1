"""Accounts of people and of the services, in Airflow, MLflow and the ledger, by one role each.

    docker compose run --rm users add ada reader
    docker compose run --rm users add bot consumer --model medloom-phantom

What a role may do is in `ROLES`; docs/deployment.md explains it. Every command may be repeated.
"""

import json
import os
import re
import secrets
import subprocess
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import requests
import typer

ACCOUNTS = Path("/srv/accounts/htpasswd")
"""Who may read the ledgers, besides medloom itself and the auditor's service."""
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,62}")
_RESERVED = ("admin", "auditor", "medloom", "pipeline")
_SECONDS = 30
_BAD_INPUT = 65

Grant = tuple[str, str, str]
"""Resource type, pattern and permission of MLflow."""
OURS = "medloom-"
"""Begins the names of the roles that are made here."""
READ, PIPELINE, CONSUME = "medloom-read", "medloom-pipeline", "medloom-consume-"
WORKSPACE = "default"
GRANTS: Mapping[str, tuple[Grant, ...]] = {
    READ: (("experiment", "*", "READ"), ("registered_model", "*", "READ")),
    PIPELINE: (
        ("workspace", "*", "USE"),
        # Aliases are taken away, too, and a withdrawal removes files.
        ("experiment", "*", "MANAGE"),
        ("registered_model", "*", "MANAGE"),
    ),
}


@dataclass(frozen=True)
class Role:
    """What a person of a role gets.

    Attributes:
        airflow: role in Airflow; "": no account there.
        mlflow: role in MLflow; "": that of consumers, of one model each.
        ledger: whether the ledgers can be read.
    """

    airflow: str
    mlflow: str
    ledger: bool


ROLES: Mapping[str, Role] = {
    "engineer": Role(airflow="Op", mlflow=READ, ledger=True),
    "reader": Role(airflow="Viewer", mlflow=READ, ledger=False),
    "curator": Role(airflow="User", mlflow=READ, ledger=False),
    "consumer": Role(airflow="", mlflow="", ledger=False),
    "auditor": Role(airflow="Viewer", mlflow=READ, ledger=True),
}


class UsersError(Exception):
    """A command cannot be carried out; the message says what to do."""


class Service:
    """A service's REST API, as its administrator.

    Attributes:
        name: of the service, for messages.
        uri: of the service.
        log_in: headers that say who asks.
    """

    def __init__(self, name: str, uri: str) -> None:
        self.name, self.uri = name, uri
        self.log_in: dict[str, str] = {}

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Send a request; returns the JSON of the answer.

        Raises:
            UsersError: there was no answer, or it was a refusal.
        """
        try:
            answer = requests.request(
                method, f"{self.uri}{path}", headers=self.log_in, timeout=_SECONDS, **options
            )
        except requests.RequestException as error:
            raise UsersError(f"{self.name} at {self.uri} cannot be reached: {error}") from error
        if not answer.ok:
            said = f"{answer.status_code} {answer.text[:300]}"
            raise UsersError(f"{self.name} refused {method} {path}: {said}")
        return json.loads(answer.text or "{}")


class Airflow(Service):
    """Accounts by the API of Airflow's FAB provider."""

    def __init__(self, uri: str, password: str) -> None:
        super().__init__("Airflow", uri)
        body = {"username": "admin", "password": password}
        token = self.ask("POST", "/auth/token", json=body)["access_token"]
        self.log_in = {"Authorization": f"Bearer {token}"}

    def users(self) -> dict[str, str]:
        """Name -> role, of every account."""
        found = self.ask("GET", "/auth/fab/v1/users", params={"limit": 1000})["users"]
        return {one["username"]: ",".join(r["name"] for r in one["roles"]) for one in found}

    def put(self, name: str, role: str, password: str | None) -> None:
        """Make an account, or give it another role or, if one is given, another password."""
        body: dict[str, Any] = {"roles": [{"name": role}]}
        if password is not None:
            body["password"] = password
        if name in self.users():
            fields = {"update_mask": ",".join(body)}
            self.ask("PATCH", f"/auth/fab/v1/users/{name}", json=body, params=fields)
        else:
            names = {"username": name, "first_name": name, "last_name": "-"}
            whole = {**names, "email": f"{name}@localhost", **body}
            self.ask("POST", "/auth/fab/v1/users", json=whole)

    def remove(self, name: str) -> None:
        """Remove an account; does nothing without one."""
        if name in self.users():
            self.ask("DELETE", f"/auth/fab/v1/users/{name}")


class Mlflow(Service):
    """Accounts, roles and grants of MLflow's basic-auth server."""

    def __init__(self, uri: str, password: str) -> None:
        super().__init__("MLflow", uri)
        self.log_in = {"Authorization": f"Basic {b64encode(f'admin:{password}'.encode()).decode()}"}

    def users(self) -> dict[str, dict[str, int]]:
        """Name -> number of each of its roles by the role's name, of every account."""
        found = self.ask("GET", "/api/2.0/mlflow/users/list")["users"]
        return {one["username"]: {r["name"]: r["id"] for r in one["roles"]} for one in found}

    def put(self, name: str, password: str | None) -> None:
        """Make an account or, if a password is given, set it."""
        there = name in self.users()
        if password is None:
            if not there:
                raise UsersError(f"{name} has no account in MLflow: type `password {name}`")
            return
        body = {"username": name, "password": password}
        how = ("PATCH", "update-password") if there else ("POST", "create")
        self.ask(how[0], f"/api/2.0/mlflow/users/{how[1]}", json=body)

    def remove(self, name: str) -> None:
        """Remove an account; does nothing without one."""
        if name in self.users():
            self.ask("DELETE", "/api/2.0/mlflow/users/delete", json={"username": name})

    def give(self, name: str, role: str, grants: Collection[Grant]) -> None:
        """Make a role what `grants` say, and give it to an account instead of its other ones."""
        number = self._role(role, grants)
        held = self.users()[name]
        if role not in held:
            self._roles("POST", "assign", {"username": name, "role_id": number})
        for other in held:
            if other != role and other.startswith(OURS):
                self._roles("DELETE", "unassign", {"username": name, "role_id": held[other]})

    def consuming(self, model: str) -> tuple[Grant, ...]:
        """What a consumer needs to load the versions of one model, and nothing else.

        `registered_model` alone is not enough: a version's files belong to a run of the experiment.
        """
        try:
            path = "/api/2.0/mlflow/experiments/get-by-name"
            found = self.ask("GET", path, params={"experiment_name": model})
        except UsersError as error:
            raise UsersError(
                f"MLflow has no model {model!r} yet; a consumer can be added once its first "
                f"version is registered. deploy/projects.yaml has the names of models ({error})"
            ) from error
        return (
            ("run", "*", "DENY"),
            ("registered_model", model, "READ"),
            ("experiment", found["experiment"]["experiment_id"], "READ"),
        )

    def _role(self, name: str, grants: Collection[Grant]) -> int:
        listed = self._roles("GET", "list", {"workspace": WORKSPACE})["roles"]
        numbers = {one["name"]: int(one["id"]) for one in listed}
        if name not in numbers:
            made = self._roles("POST", "create", {"workspace": WORKSPACE, "name": name})
            numbers[name] = int(made["role"]["id"])
        number = numbers[name]
        held = self._roles("GET", "permissions/list", {"role_id": number})["role_permissions"]
        keys = ("resource_type", "resource_pattern", "permission")
        has: dict[Grant, int] = {tuple(one[key] for key in keys): one["id"] for one in held}
        for grant in [one for one in has if one not in grants]:
            self._roles("DELETE", "permissions/remove", {"role_permission_id": has[grant]})
        for grant in [one for one in grants if one not in has]:
            body = {"role_id": number, **dict(zip(keys, grant, strict=True))}
            self._roles("POST", "permissions/add", body)
        return number

    def _roles(self, method: str, what: str, body: Mapping[str, Any]) -> Any:
        path = f"/api/3.0/mlflow/roles/{what}"
        return self.ask(method, path, **{"params" if method == "GET" else "json": body})


class Ledgers:
    """Accounts that may read the ledgers, in the file that their server reads."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def names(self) -> list[str]:
        """Every account."""
        return [line.partition(":")[0] for line in self._lines()]

    def put(self, name: str, password: str | None) -> None:
        """Make an account or, if a password is given, set it."""
        if password is None:
            if name not in self.names():
                raise UsersError(f"{name} has no account for the ledgers: type `password {name}`")
            return
        made = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"],
            input=password, capture_output=True, text=True, check=True,
        )  # fmt: skip
        self._write([*self._without(name), f"{name}:{made.stdout.strip()}"])

    def remove(self, name: str) -> None:
        """Remove an account; does nothing without one."""
        if name in self.names():
            self._write(list(self._without(name)))

    def _lines(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.exists() else []

    def _without(self, name: str) -> Iterator[str]:
        return (line for line in self._lines() if line.partition(":")[0] != name)

    def _write(self, lines: list[str]) -> None:
        half = self._file.with_name(f".{self._file.name}.half")
        half.touch(mode=0o640)
        half.write_text("".join(f"{line}\n" for line in lines))
        half.replace(self._file)


app = typer.Typer(help="Accounts of people.", no_args_is_help=True, add_completion=False)
Name = Annotated[str, typer.Argument(help="Lower-case letters, digits, dot, dash, underscore.")]
Model = Annotated[str, typer.Option(help="Of a consumer: name of the registered model.")]


@app.command()
def add(
    name: Name,
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.")],
    model: Model = "",
) -> None:
    """Make an account and print its password, or give the account of that name another role."""
    _require(name, role, model)
    known = _known().get(name)
    _settle(name, role, model, None if known else secrets.token_urlsafe(18), known)


@app.command()
def password(name: Name) -> None:
    """Give an account a new password everywhere, and print it."""
    known = _known().get(name)
    if known is None:
        raise UsersError(f"there is no account {name}; `list` shows those there are")
    role, _, model = known.partition(" ")
    _settle(name, role, model, secrets.token_urlsafe(18), known)


@app.command()
def remove(name: Name) -> None:
    """Remove an account everywhere."""
    _require(name, "reader", "")
    _airflow().remove(name)
    _mlflow().remove(name)
    _ledgers().remove(name)
    typer.echo(f"{name} has no account any more")


@app.command("list")
def list_all() -> None:
    """List the accounts with their roles."""
    for name, role in sorted(_known().items()):
        typer.echo(f"{name}\t{role}")


@app.command()
def services() -> None:
    """Set the accounts of medloom's workers and of the auditor's service in MLflow."""
    mlflow = _mlflow()
    for name, role, variable in (
        ("pipeline", PIPELINE, "MLFLOW_PIPELINE_PASSWORD"),
        ("auditor", READ, "MLFLOW_AUDITOR_PASSWORD"),
    ):
        mlflow.put(name, os.environ[variable])
        mlflow.give(name, role, GRANTS[role])
        typer.echo(f"MLflow: {name} has the role {role}")


def _settle(name: str, role: str, model: str, new: str | None, known: str | None) -> None:
    """Make every service agree with the role; MLflow last but one, as it may refuse."""
    what, airflow, mlflow, ledgers = ROLES[role], _airflow(), _mlflow(), _ledgers()
    grants = GRANTS[what.mlflow] if what.mlflow else mlflow.consuming(model)
    if known and new is None and _more(role, known):
        raise UsersError(
            f"{name} is {known} and has no password for all that {role} may use: type "
            f"`remove {name}`, then `add {name} {role}`"
        )
    mlflow.put(name, new)
    mlflow.give(name, what.mlflow or f"{CONSUME}{model}", grants)
    airflow.put(name, what.airflow, new) if what.airflow else airflow.remove(name)
    ledgers.put(name, new) if what.ledger else ledgers.remove(name)
    typer.echo(f"{name} is {role}" + (f" of {model}" if model else ""))
    if new is not None:
        typer.echo(f"password, shown this once: {new}")


def _more(role: str, known: str) -> bool:
    """Whether a role uses a service in which the account is not known."""
    before, after = ROLES[known.partition(" ")[0]], ROLES[role]
    return (after.ledger and not before.ledger) or (bool(after.airflow) and not before.airflow)


def _known() -> dict[str, str]:
    """Name -> role, of consumers with the model; what a role is follows from what it has."""
    airflow, mlflow, ledgers = _airflow().users(), _mlflow().users(), _ledgers().names()
    found: dict[str, str] = {}
    for name in {*airflow, *ledgers, *mlflow} - set(_RESERVED):
        held = mlflow.get(name, {})
        consumes = [one.removeprefix(CONSUME) for one in held if one.startswith(CONSUME)]
        fits = [
            role for role, what in ROLES.items()
            if what.airflow == airflow.get(name, "") and what.ledger == (name in ledgers)
        ]  # fmt: skip
        found[name] = f"consumer {consumes[0]}" if consumes else "".join(fits[:1]) or "?"
    return found


def _require(name: str, role: str, model: str) -> None:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise UsersError(
            f"{name!r} is no name for an account; use lower-case letters, digits, dot, dash and "
            f"underscore, and none of {', '.join(_RESERVED)}"
        )
    if role not in ROLES:
        raise UsersError(f"the role is {role!r}; allowed are {', '.join(ROLES)}")
    if (role == "consumer") != bool(model):
        raise UsersError(
            "a consumer needs --model NAME, such as --model medloom-phantom; other roles have none"
        )


def _airflow() -> Airflow:
    return Airflow(os.environ["AIRFLOW_API"], os.environ["AIRFLOW_ADMIN_PASSWORD"])


def _mlflow() -> Mlflow:
    return Mlflow(os.environ["MLFLOW_URI"], os.environ["MLFLOW_ADMIN_PASSWORD"])


def _ledgers() -> Ledgers:
    return Ledgers(ACCOUNTS)


def main() -> None:
    """Run the command; what it cannot do is one line and exit code 65."""
    try:
        app()
    except UsersError as error:
        typer.echo(f"medloom: {error}", err=True)
        raise SystemExit(_BAD_INPUT) from None


if __name__ == "__main__":
    main()
