"""Time the app in a browser: from a new seed to the last image of the next batch on screen."""

import secrets
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

from model.section import Stored
from pipeline.base.errors import BadInputError

_TOOK = """async (count) => {
    const images = () => [...document.querySelectorAll("[data-testid=stImage] img")];
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const before = new Set(window.medloomShown);
    const fresh = () => {
        const now = images();
        return now.length === count && now.every(
            (one) => !before.has(one.src) && one.complete && one.naturalWidth > 0);
    };
    while (!fresh()) await frame();
    await Promise.all(images().map((one) => one.decode()));
    await frame();
    await frame();
    window.medloomShown = images().map((one) => one.src);
    return performance.now() - window.medloomBegan;
}"""
"""Waits until every image is another one, decoded and painted; ms since Enter was pressed."""
_LISTEN = """() => {
    window.medloomShown = [...document.querySelectorAll("[data-testid=stImage] img")]
        .map((one) => one.src);
    document.addEventListener("keydown", (event) => {
        if (event.key === "Enter") window.medloomBegan = performance.now();
    }, true);
}"""
_PATIENCE = 120_000  # ms


class BatchTimes(Stored):
    """How long one app took for the next batch of images.

    Attributes:
        uri: of the app.
        seconds: of each batch, in the order of measuring.
    """

    uri: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of all batches, in seconds."""
        return statistics.median(self.seconds)


def next_batches(
    uris: Sequence[str], rounds: int, images: int = 16, rest: float = 0.0
) -> list[BatchTimes]:
    """Time the next batch of images of apps that are served, in turn, so that they are paired.

    Each app has a page of its own; a round asks each of them for the same new seed.

    Args:
        uris: addresses of the apps.
        rounds: batches of each, after one that is not counted.
        images: in a batch.
        rest: seconds before each batch, in which a person looks at the last one.

    Raises:
        BadInputError: there is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise BadInputError("there is no chromium on PATH to look with; install it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pages = [_opened(browser, uri, images) for uri in uris]
        first = secrets.randbelow(2**40)  # an app keeps batches that it has drawn before
        for page in pages:
            _took(page, first, images, rest)
        took = [
            [_took(page, first + number, images, rest) for page in pages]
            for number in range(1, rounds + 1)
        ]
        browser.close()
    by_app = zip(*took, strict=True)
    return [
        BatchTimes(uri=uri, seconds=tuple(times)) for uri, times in zip(uris, by_app, strict=True)
    ]


def _opened(browser: Any, uri: str, images: int) -> Any:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(_PATIENCE)
    page.goto(f"{uri}/?n={images}&seed=0&view=Grid")
    page.locator("[data-testid=stImage] img").nth(images - 1).wait_for()
    page.evaluate(_LISTEN)
    return page


def _took(page: Any, seed: int, images: int, rest: float) -> float:
    page.bring_to_front()
    page.wait_for_timeout(1000 * rest)
    box = page.get_by_label("Seed", exact=True)
    box.fill(str(seed))
    box.press("Enter")
    return float(page.evaluate(_TOOK, images)) / 1000
