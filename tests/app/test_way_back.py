"""The page that was opened by a link is there after a login, and no other place ever is."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from app.way_back import CALLBACK, COOKIE, LOGIN, WayBack, page_of
from pipeline.local.access import Access

URL = "https://medloom.example.org"
ACCESS = Access(URL, "https://login.example.org/x", "medloom", "s", "c")
LINK = "/evaluate?version=3&label=3*cyst%2Bstone&seed=7"


def leading(request: Request) -> Response:
    """What Streamlit answers at both ends of a login."""
    return RedirectResponse("https://login.example.org/x" if request.url.path == LOGIN else "/")


@pytest.fixture
def client() -> TestClient:
    app = Starlette(
        routes=[Route(path, leading) for path in (LOGIN, CALLBACK)],
        middleware=[Middleware(WayBack, access=ACCESS)],
    )
    return TestClient(app, base_url=URL, follow_redirects=False)


@pytest.mark.parametrize(
    ("address", "page"),
    [
        (f"{URL}{LINK}", LINK),
        (f"{URL}/versions", "/versions"),
        (f"{URL}/?seed=7", "/?seed=7"),
        (f"{URL}/", "/"),
        ("", "/"),
        ("https://elsewhere.org/evaluate?seed=7", "/"),
        (f"{URL}.elsewhere.org/evaluate", "/"),
        (f"{URL}@elsewhere.org/evaluate", "/"),
        (f"{URL}//elsewhere.org", "/"),
        (f"{URL}/\\elsewhere.org", "/"),
        (f"{URL}/auth/logout", "/"),
        (f"{URL}/images.zip?version=1", "/"),
        (f"{URL}/evaluate/../x", "/"),
        (f"{URL}/evaluate?a={'b' * 2000}", "/"),
        (f"{URL}/evaluate?a=\x7f", "/"),
        ("http://[", "/"),
    ],
)
def test_only_a_page_of_this_app_is_led_to(address: str, page: str) -> None:
    assert page_of(address, URL) == page


def test_a_login_ends_on_the_page_where_it_began(client: TestClient) -> None:
    begun = client.get(LOGIN, headers={"Referer": URL + LINK})
    assert begun.headers["location"] == "https://login.example.org/x"
    told = begun.headers["set-cookie"]
    assert f"Path={CALLBACK}" in told
    assert "HttpOnly" in told
    ended = client.get(f"{CALLBACK}?state=s&code=c")
    assert ended.headers["location"] == LINK
    assert not client.cookies
    assert client.get(f"{CALLBACK}?state=s&code=c").headers["location"] == "/"


def test_a_login_from_elsewhere_and_a_logout_end_on_the_first_page(client: TestClient) -> None:
    client.get(LOGIN, headers={"Referer": URL + LINK})
    assert client.get(CALLBACK).headers["location"] == "/", "the end of a logout"
    client.get(LOGIN, headers={"Referer": URL + LINK})
    client.get(LOGIN, headers={"Referer": "https://elsewhere.org/evaluate"})
    assert client.get(f"{CALLBACK}?state=s").headers["location"] == "/"


@pytest.mark.parametrize(
    "value", ["Ly9lbHNld2hlcmUub3Jn", "aHR0cHM6Ly9lbHNld2hlcmUub3Jn", "%%", "L_8=", ""]
)
def test_a_cookie_that_somebody_planted_leads_nowhere_else(client: TestClient, value: str) -> None:
    answer = client.get(f"{CALLBACK}?state=s", headers={"Cookie": f"{COOKIE}={value}"})
    assert answer.headers["location"] == "/"
