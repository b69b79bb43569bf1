"""The page Monitor in a browser, as the first page that a new server is asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from pipeline.local.web_app import app_uri, serving
from tests.app.conftest import NEEDS_CHROMIUM
from tests.app.test_browser import Visit
from tests.support.monitored import write_past
from tests.support.shown import shown_project

pytestmark = [pytest.mark.timeout(1800), NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    project = shown_project(tmp_path_factory.mktemp("monitored"))
    write_past(project, 26, ("cyst", "normal", "stone", "tumor"))
    uri = app_uri()
    with serving(project, "", uri):
        yield uri


@pytest.mark.parametrize("width", [1440, 390])
def test_alarms_and_charts_are_shown_in_the_frame_of_every_page(
    site: str, browser: Browser, width: int, tmp_path: Path
) -> None:
    visit = Visit(browser, f"{site}/monitor", width)  # waits for the badge of the frame
    page = visit.page
    page.get_by_text("drift:tumor").wait_for()
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").nth(
        8
    ).wait_for()
    page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
    page.screenshot(path=tmp_path / "monitor.png", full_page=True)
    visit.fine()
