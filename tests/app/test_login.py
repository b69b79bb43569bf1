"""Logging in by OpenID Connect, in a browser: roles admit pages, and nothing is served without."""

import re
import time
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, expect

from pipeline.base.project import Project
from pipeline.local.access import ROLES
from tests.app.conftest import LONG, NEEDS_CHROMIUM
from tests.app.oidc import Provider, serving_with_login

ZIP = "/images.zip?version=1&label=cyst&n=1"

pytestmark = [pytest.mark.timeout(1800), NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def site(shown: Project, idp: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_with_login(shown, idp, tmp_path_factory.mktemp("login")) as uri:
        yield uri


class Somebody:
    """A person with a browser of their own, of whom the provider says these claims."""

    def __init__(self, browser: Browser, site: str, idp: Provider, **claims: object) -> None:
        self.site, self.idp = site, idp
        idp.says = {"sub": "person-1", "email": "ann@example.org", "email_verified": True} | claims
        self.context: BrowserContext = browser.new_context()
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(LONG)
        expect.set_options(timeout=LONG)

    def log_in(self) -> "Somebody":
        self.page.goto(self.site)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        self.page.get_by_role("button", name="Log out", exact=True).wait_for()
        return self

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def asks(self, path: str) -> APIResponse:
        return self.context.request.get(self.site + path, timeout=LONG)


@pytest.mark.parametrize(
    "path", [ZIP, "/media/x.png", "/_stcore/metrics", "/_stcore/bidi-components/x"]
)
def test_without_a_session_nothing_is_served(site: str, path: str) -> None:
    assert requests.get(site + path, timeout=60).status_code == 401
    forged = {"_streamlit_user": "eyJzdWIiOiIxIn0.x.y"}
    assert requests.get(site + path, cookies=forged, timeout=60).status_code == 401


def test_without_a_session_it_says_that_it_lives_and_nothing_more(site: str) -> None:
    assert requests.get(f"{site}/health", timeout=60).json() == {"status": "ok"}
    elsewhere = requests.get(f"{site}/health", headers={"Host": "elsewhere.org"}, timeout=60)
    assert elsewhere.status_code == 400
    told = requests.get(
        f"{site}{ZIP}", headers={"Accept": "text/html"}, timeout=60, allow_redirects=False
    )
    assert (told.status_code, told.headers["location"]) == (303, "/")


def test_the_first_page_asks_for_a_login_and_names_nothing(
    site: str, browser: Browser, idp: Provider, shown: Project
) -> None:
    somebody = Somebody(browser, site, idp)
    somebody.page.goto(f"{site}/versions")
    somebody.page.get_by_role("button", name="Log in", exact=True).wait_for()
    said = somebody.page.locator("body").inner_text()
    assert shown.model not in said
    assert "Versions" not in said


@pytest.mark.parametrize("path", ["/explore?topic=Walk&label=stone&seed=7", "/?seed=5&n=3"])
def test_a_link_is_kept_over_a_login(site: str, browser: Browser, idp: Provider, path: str) -> None:
    somebody = Somebody(browser, site, idp, roles=["viewer"])
    somebody.page.goto(site + path)
    somebody.page.get_by_role("button", name="Log in", exact=True).click()
    somebody.page.get_by_role("button", name="Log out", exact=True).wait_for()
    page, query = path.split("?")
    somebody.page.wait_for_url(re.compile(re.escape(f"{site}{page}?")))
    for value in query.split("&"):
        somebody.page.wait_for_url(re.compile(re.escape(value)))
    kept = {one["name"] for one in somebody.context.cookies()}
    assert "medloom_way_back" not in kept


@pytest.mark.parametrize("role", ROLES)
def test_a_role_admits_its_pages(site: str, browser: Browser, idp: Provider, role: str) -> None:
    somebody = Somebody(browser, site, idp, roles=[role, "of another system"]).log_in()
    somebody.sees(f"ann@example.org · {role}")
    somebody.sees("8 synthetic images")
    curator = ROLES.index(role) >= ROLES.index("curator")
    links = somebody.page.get_by_test_id("stTopNavLink")
    expect(links.filter(has_text="Data")).to_have_count(int(curator))
    assert somebody.asks(ZIP).status == 200
    somebody.page.goto(f"{site}/data")
    if curator:
        somebody.sees("No image was ever taken in")
    else:
        somebody.sees(f"This page is for the role curator; yours is {role}.")
    somebody.page.goto(f"{site}/?view=One")
    somebody.page.locator("canvas").first.wait_for()
    judging = somebody.page.get_by_text("is anything wrong with it?")
    expect(judging).to_have_count(int(role != "viewer"))


def test_an_account_without_a_role_is_refused_in_words(
    site: str, browser: Browser, idp: Provider
) -> None:
    somebody = Somebody(browser, site, idp, roles=["of another system"], email_verified=False)
    somebody.log_in().sees("You are logged in as person-1, and your account has no role")
    assert somebody.asks(ZIP).status == 403
    somebody.page.get_by_role("button", name="Log out", exact=True).click()
    somebody.page.get_by_role("button", name="Log in", exact=True).wait_for()


def test_who_logs_out_is_out(site: str, browser: Browser, idp: Provider) -> None:
    somebody, before = Somebody(browser, site, idp, roles=["admin"]).log_in(), idp.logged_out
    somebody.sees("ann@example.org · admin")
    assert somebody.asks(ZIP).status == 200
    somebody.page.get_by_role("button", name="Log out", exact=True).click()
    somebody.page.get_by_role("button", name="Log in", exact=True).wait_for()
    assert somebody.asks(ZIP).status == 401
    assert idp.logged_out == before + 1, "the provider's session ends, too"


def test_a_login_does_not_last_for_good(site: str, browser: Browser, idp: Provider) -> None:
    long_ago = int(time.time()) - 13 * 3600
    somebody = Somebody(browser, site, idp, roles=["admin"], iat=long_ago)
    somebody.page.goto(site)
    somebody.page.get_by_role("button", name="Log in", exact=True).click()
    somebody.sees("more than 12 hours ago: please log in again")
    assert somebody.asks(ZIP).status == 401
