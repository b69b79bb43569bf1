"""The app in a browser: links that reproduce, downloads, the viewer; no other host is asked."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Download, Page, Request

from app.frontend import FIRST, PAGES
from app.wording import SHOWN
from bench.app_speed import next_batches
from pipeline.base.project import Project
from pipeline.local.web_app import app_uri, serving
from pipeline.synthetic.png import is_marked
from tests.app.conftest import LONG, NEEDS_CHROMIUM

pytestmark = [pytest.mark.timeout(1800), NEEDS_CHROMIUM]

REAL = {"data": "real", "study": "mixed"}


@pytest.fixture(scope="module")
def site(shown: Project) -> Iterator[str]:
    uri = app_uri()
    with serving(shown, "", uri):
        yield uri


class Visit:
    """A person who has never been here: a page in a context of its own, and what it complained."""

    def __init__(
        self, browser: Browser, address: str, width: int, badge: str = "SYNTHETIC"
    ) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900})
        self.page: Page = context.new_page()
        self.page.set_default_timeout(LONG)
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.host = address.split("/")[2]
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)
        self.page.goto(address, wait_until="commit")
        self.page.get_by_text(badge, exact=True).first.wait_for()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location['url']}")

    def _see(self, asked: Request) -> None:
        kind = asked.url.split(":")[0]
        if kind not in ("data", "blob") and asked.url.split("/")[2] != self.host:
            self.elsewhere.append(asked.url)

    def images(self, count: int) -> list[str]:
        """The sha256 of each image that the page shows, as it came over the wire."""
        self.page.locator("[data-testid=stImage] img").nth(count - 1).wait_for()
        found: list[str] = self.page.evaluate(
            """async () => Promise.all(
                [...document.querySelectorAll("[data-testid=stImage] img")].map(async (image) => {
                    const bytes = await (await fetch(image.src)).arrayBuffer();
                    const hash = await crypto.subtle.digest("SHA-256", bytes);
                    return [...new Uint8Array(hash)]
                        .map((byte) => byte.toString(16).padStart(2, "0")).join("");
                }))"""
        )
        assert len(found) == count
        return found

    def canvas(self, look: str = "") -> str:
        """What the viewer's first canvas shows, once its caption says so."""
        self.page.locator(".readout", has_text=re.compile(look or "W ")).wait_for()
        found: str = self.page.locator("canvas").first.evaluate("canvas => canvas.toDataURL()")
        return found

    def download(self, name: str) -> bytes:
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=name).click()
        done: Download = waiting.value
        return Path(done.path()).read_bytes()

    def fine(self) -> None:
        assert self.complaints == []
        assert self.elsewhere == []
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, "nothing is cut off"


@pytest.mark.parametrize("width", [1440, 390])
def test_a_link_shows_the_same_images_bit_for_bit(site: str, browser: Browser, width: int) -> None:
    first = Visit(browser, f"{site}/?label=stone&findings=1&n=4&seed=7", width)
    images = first.images(4)
    assert len(set(images)) == 4
    first.page.wait_for_url(re.compile("version=1.*view=Grid"))
    assert Visit(browser, first.page.url, width).images(4) == images
    packed = zipfile.ZipFile(io.BytesIO(first.download("All images (ZIP)")))
    manifest = json.loads(packed.read("manifest.json"))
    listed = {one["name"]: one for one in manifest["files"]}
    by_index = sorted(
        (one for one in listed.values() if "mask_of" not in one and "index" in one),
        key=lambda one: one["index"],
    )
    assert [one["sha256"] for one in by_index] == images
    assert (manifest["version"], manifest["label"], manifest["seed"]) == (1, "stone", 7)
    for name, one in listed.items():
        assert hashlib.sha256(packed.read(name)).hexdigest() == one["sha256"]
    png = first.download("Image 0 (PNG)")
    assert hashlib.sha256(png).hexdigest() == images[0]
    with Image.open(io.BytesIO(png)) as image:
        assert is_marked(image.info)
        assert json.loads(image.info["medloom"])["findings"] == {"stone": 1}
    first.fine()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_window_is_dragged_and_stands_in_the_link(
    site: str, browser: Browser, width: int
) -> None:
    visit = Visit(browser, f"{site}/?label=stone&findings=1&n=4&seed=7&view=Two", width)
    page = visit.page
    before = visit.canvas("W 255")
    assert page.locator("canvas").count() == 2
    canvas = page.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 150, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 70, box["y"] + 100, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("look="))
    after = visit.canvas("W 175")
    assert after != before
    again = Visit(browser, page.url, width)
    assert again.canvas("W 175") == after
    page.get_by_role("button", name="Reset").click()
    assert visit.canvas("W 255") == before
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("image=1"))
    page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
    assert visit.canvas() != before
    visit.fine()
    again.fine()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_opened_by_a_link_complains_of_nothing(
    site: str, browser: Browser, name: str
) -> None:
    visit = Visit(browser, f"{site}/{name}", 1440, badge=SHOWN[REAL.get(name, "synthetic")][0])
    page = visit.page
    page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
    assert visit.complaints == []
    visit.page.wait_for_url(f"{site}/{'' if name == FIRST else name}*")
    page.get_by_test_id("stTopNavLink").filter(has_text="About").click()
    page.wait_for_url(f"{site}/about")
    page.get_by_text("What they are not for").wait_for()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", ["explore?topic=Finding&label=stone", "evaluate?n=2", "about"])
def test_other_pages_complain_of_nothing(
    site: str, browser: Browser, path: str, width: int
) -> None:
    visit = Visit(browser, f"{site}/{path}", width)
    visit.page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
    if "Finding" in path:
        visit.canvas()
    elif "evaluate" in path:
        visit.page.get_by_text("cannot be measured here").wait_for()
        visit.page.get_by_text("except one at a time that you may ask for").wait_for()
    else:
        visit.page.get_by_text("What they are not for").wait_for()
    visit.fine()


def test_the_first_visitor_of_a_server_sees_the_frame_around_a_page_behind_a_link(
    shown: Project, browser: Browser
) -> None:
    uri = app_uri()
    with serving(shown, "", uri):
        Visit(browser, f"{uri}/about", 1440).page.get_by_role("link", name="Versions").wait_for()


def test_a_page_of_another_name_is_not_served(site: str) -> None:
    """A host name that somebody lets point to this machine reads nothing."""
    assert requests.get(f"{site}/health", timeout=60).json()["status"] == "ok"
    for path in ("health", "images.zip?version=1&label=cyst", ""):
        answer = requests.get(f"{site}/{path}", headers={"Host": "elsewhere.org"}, timeout=60)
        assert answer.status_code == 400


def test_the_next_batch_is_timed(site: str) -> None:
    with ThreadPoolExecutor(1) as aside:  # a thread has one Playwright
        (found,) = aside.submit(next_batches, [site], rounds=2, images=4).result()
    assert len(found.seconds) == 2
    assert 0 < min(found.seconds) <= found.median
