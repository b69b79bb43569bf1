"""Cookies behind TLS, and who passes the gate."""

import json

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from app.gate import Gate, SecureCookies, claims_of
from pipeline.local.access import Access
from tests.app.oidc import claims

URL = "https://medloom.example.org"
ACCESS = Access(URL, "https://login.example.org/x", "medloom", "s", "c")


def cookies(**more: object) -> dict[str, str]:
    """What a browser sends after a login, with a value that the app signed."""
    said = json.dumps(claims(origin=URL, roles=["viewer"]) | more)
    signed = create_signed_value(get_cookie_secret(), USER_COOKIE_NAME, said)
    return {USER_COOKIE_NAME: signed.decode()}


def answering(request: Request) -> Response:
    answer = PlainTextResponse("here")
    answer.set_cookie("one", "1")
    answer.set_cookie("two", "2", secure=True)
    return answer


@pytest.fixture
def client() -> TestClient:
    paths = ("/", "/health", "/images.zip", "/media/x.png")
    middleware = [Middleware(SecureCookies), Middleware(Gate, access=ACCESS)]
    routes = [Route(path, answering) for path in paths]
    return TestClient(Starlette(routes=routes, middleware=middleware), follow_redirects=False)


def test_every_cookie_is_for_tls_alone(client: TestClient) -> None:
    sent = client.get("/").headers.get_list("set-cookie")
    assert len(sent) == 2
    assert [one.lower().count("secure") for one in sent] == [1, 1]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, 200),
        ({"roles": []}, 403),
        ({"is_logged_in": False}, 403),
        ({"origin": "https://elsewhere.org"}, 401),
        ({"iat": 1}, 401),
    ],
)
def test_a_session_with_a_role_passes(
    client: TestClient, more: dict[str, object], code: int
) -> None:
    client.cookies.update(cookies(**more))
    for path in ("/images.zip", "/media/x.png"):
        assert client.get(path).status_code == code
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "path", ["/images.zip", "/media/x.png", "/static", "/nothing", "/health/x"]
)
def test_what_is_not_open_needs_a_session(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401


def test_a_cookie_that_the_app_did_not_sign_says_nothing() -> None:
    (value,) = cookies().values()
    body, _, signature = value.rpartition(".")
    other = create_signed_value("another secret", USER_COOKIE_NAME, "{}").decode()
    for forged in (f"{body}.{signature[::-1]}", body, other, ""):
        assert claims_of({USER_COOKIE_NAME: forged}, ACCESS) == {}
    other_name = create_signed_value(get_cookie_secret(), "_streamlit_xsrf", json.dumps(claims()))
    assert claims_of({USER_COOKIE_NAME: other_name.decode()}, ACCESS) == {}
    assert claims_of(cookies(), ACCESS)["sub"] == "person-1"
