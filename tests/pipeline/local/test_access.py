"""Who may use the app: the settings of the login, and roles from claims."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.local.access import (
    CLAIM,
    CLIENT,
    COOKIE_FILE,
    DEFAULT_ROLE,
    HOURS,
    MAPPING,
    METADATA,
    REQUIRED,
    SECRET_FILE,
    URL,
    Access,
    id_of,
    name_of,
)

NOW = 1_800_000_000.0


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    """Settings that are complete."""
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text("of the client\n")
    return {
        URL: "https://medloom.example.org/",
        METADATA: "https://login.example.org/.well-known/openid-configuration",
        CLIENT: "medloom",
        SECRET_FILE: str(secret),
    }


def loaded(project: Project, told: dict[str, str], **more: str) -> Access:
    access = Access.load(project, told | more)
    assert access is not None
    return access


def claims(**more: Any) -> dict[str, Any]:
    return {"is_logged_in": True, "sub": "1", "iat": NOW} | more


def test_without_an_address_nobody_logs_in(project: Project, told: dict[str, str]) -> None:
    assert Access.load(project, {**told, URL: ""}) is None


@pytest.mark.parametrize("name", [name for name in REQUIRED if name != URL])
def test_what_is_missing_is_named(project: Project, told: dict[str, str], name: str) -> None:
    del told[name]
    with pytest.raises(BadInputError, match=f"{name} is not"):
        Access.load(project, told)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (URL, "http://medloom.example.org", "allowed is https://HOST,"),
        (URL, "https://medloom.example.org/app", "allowed is https://HOST,"),
        (URL, "medloom.example.org", "allowed is https://HOST,"),
        (METADATA, "http://login.example.org/x", "allowed is https://HOST/PATH"),
        (MAPPING, "chief=data-team", "each is ROLE=VALUE"),
        (MAPPING, "curator", "each is ROLE=VALUE"),
        (DEFAULT_ROLE, "everybody", "allowed are viewer, reader, curator, admin"),
        (HOURS, "0", "a number of hours above 0"),
        (HOURS, "1e9", "a number of hours above 0"),
        (SECRET_FILE, "/nowhere/secret", "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: Project, told: dict[str, str], name: str, value: str, said: str
) -> None:
    with pytest.raises(BadInputError, match=said) as refused:
        Access.load(project, told | {name: value})
    assert str(refused.value).startswith(name)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_is_refused(
    project: Project, told: dict[str, str], mode: int
) -> None:
    Path(told[SECRET_FILE]).chmod(mode)
    with pytest.raises(BadInputError, match="chmod 600"):
        Access.load(project, told)


def test_a_cookie_secret_that_can_be_guessed_is_refused(
    project: Project, told: dict[str, str]
) -> None:
    with pytest.raises(BadInputError, match="at least 32 are needed"):
        Access.load(project, told | {COOKIE_FILE: told[SECRET_FILE]})


def test_the_cookie_secret_is_made_once_for_its_owner_alone(
    project: Project, told: dict[str, str]
) -> None:
    first = loaded(project, told)
    (file,) = (project.state / "app").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == first.cookie_secret
    assert loaded(project, told).cookie_secret == first.cookie_secret
    assert len(first.cookie_secret) >= 32


def test_secrets_are_neither_printed_nor_in_the_environment(
    project: Project, told: dict[str, str]
) -> None:
    access = loaded(project, told)
    assert "of the client" not in repr(access)
    assert access.cookie_secret not in repr(access)
    assert "of the client" not in str([*told.values(), *os.environ.values()])
    assert access.for_streamlit()["auth"]["client_secret"] == "of the client"
    assert access.for_streamlit()["auth"]["redirect_uri"] == (
        "https://medloom.example.org/oauth2callback"
    )
    assert access.host == "medloom.example.org"
    assert access.encrypted


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"roles": ["reader", "curator", "staff"]}, "curator"),
        ({"roles": "admin"}, "admin"),
        ({"roles": ["staff"]}, ""),
        ({"roles": {"admin": True}}, ""),
        ({"roles": [["admin"], 1, None]}, ""),
        ({}, ""),
    ],
)
def test_the_highest_role_of_the_claim_counts(
    project: Project, told: dict[str, str], said: dict[str, Any], role: str
) -> None:
    access = loaded(project, told)
    assert access.role_of(claims(**said)) == role
    assert loaded(project, told, **{DEFAULT_ROLE: "viewer"}).role_of(claims(**said)) == (
        role or "viewer"
    )


def test_groups_of_a_directory_become_roles(project: Project, told: dict[str, str]) -> None:
    mapping = "curator=CN=data,OU=x; reader=CN=radiology,OU=x;admin=CN=data,OU=top"
    access = loaded(project, told, **{MAPPING: mapping, CLAIM: "realm_access.groups"})
    within = {"realm_access": {"groups": ["CN=radiology,OU=x", "CN=data,OU=x"]}}
    assert access.role_of(claims(**within)) == "curator"
    assert access.role_of(claims(realm_access={"groups": ["admin"]})) == ""
    named = loaded(project, told, **{CLAIM: "https://medloom.org/roles"})
    assert named.role_of(claims(**{"https://medloom.org/roles": ["reader"]})) == "reader"


@pytest.mark.parametrize(
    ("iat", "lasts"),
    [
        (NOW, True), (NOW - 7199, True), (NOW - 7201, False), (NOW + 60, True),
        (NOW + 3600, False), (None, False), ("1", False), (True, False),
    ],
)  # fmt: skip
def test_a_login_ends_by_the_clock(
    project: Project, told: dict[str, str], iat: Any, lasts: bool
) -> None:
    access = loaded(project, told, **{HOURS: "2"})
    assert access.lasts({"iat": iat}, NOW) is lasts


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"email": "ann@example.org", "email_verified": True}, "ann@example.org"),
        ({"email": "ann@example.org"}, "1"),
        ({"email": "ann@example.org", "email_verified": False}, "1"),
        ({"email_verified": True}, "1"),
    ],
)
def test_a_decision_names_an_address_only_where_it_was_verified(
    said: dict[str, Any], name: str
) -> None:
    assert name_of(claims(**said)) == name
    assert id_of(claims(iss="a", **said)) == "a 1"
