"""A study in a browser, by keyboard alone: what is shown, and what the browser gets to know."""

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, WebSocket
from streamlit.runtime.memory_media_file_storage import _calculate_file_id

from app.study_trial import SOONEST
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.local.web_app import app_uri, serving
from pipeline.study.create import create_study
from pipeline.study.held_out import test_arrays as held_out_arrays
from pipeline.study.plan import order_of
from pipeline.study.records import Study
from tests.app.conftest import NEEDS_CHROMIUM
from tests.app.test_browser import Visit
from tests.support.studied import RUN_KEY, studied_project

BADGE = "REAL AND SYNTHETIC"
TRIALS = 20
pytestmark = [pytest.mark.timeout(1800), NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = studied_project(tmp_path_factory.mktemp("studied"))
    create_study(project, "pairs", 1, "pair", TRIALS)
    create_study(project, "singles", 1, "single", 3, ask_class=True)
    return project


@pytest.fixture(scope="module")
def site(studied: Project) -> Iterator[str]:
    uri = app_uri()
    with serving(studied, "", uri):
        yield uri


def begin(page: Page) -> None:
    """Begin, or go on, by keyboard."""
    page.get_by_role("button", name=re.compile("Begin|Go on")).wait_for()
    settle(page)
    page.keyboard.press("Enter")
    page.locator(".st-key-trial img").first.wait_for()


def settle(page: Page) -> None:
    """Wait until the page stands still, and for as long as a person takes at least."""
    page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
    page.wait_for_timeout(1000 * SOONEST + 200)


def await_trial(page: Page, place: int, step: int = 0) -> None:
    """Wait until a trial is there, with its images."""
    page.locator(f"[class*='st-key-study-{place}-{step}-'] button").first.wait_for()
    settle(page)


def answer(page: Page, key: str, done: int, place: int, step: int = 0) -> None:
    """Press a key as a person does, once the buttons of that place are there, and not at once."""
    await_trial(page, place, step)
    page.keyboard.press(key)
    page.get_by_text(re.compile(f"^{done} of |you are through|^Which class")).first.wait_for()


def images(page: Page) -> list[bytes]:
    sources = page.locator(".st-key-trial img").evaluate_all("all => all.map(one => one.src)")
    return [requests.get(source, timeout=60).content for source in sources]


def test_a_study_of_twenty_is_done_by_keyboard(
    studied: Project, site: str, browser: Browser
) -> None:
    """The first request to the server is for this page; it is framed as every page is."""
    visit = Visit(browser, f"{site}/study?study=pairs", 1440, BADGE)
    page, heard = visit.page, list[str]()

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda content: heard.append(str(content)))

    page.on("response", lambda answered: heard.append(f"{answered.url} {answered.headers}"))
    page.on("websocket", listen)
    page.reload()
    begin(page)
    plan = Study.read(Ledger(studied), "pairs").plan
    held = {image.tobytes() for image in held_out_arrays(studied, RUN_KEY).images}
    for done in range(TRIALS):
        await_trial(page, done)
        if done in (0, 7):
            pngs = images(page)
            shown = [np.asarray(Image.open(io.BytesIO(png))) for png in pngs]
            assert [one.shape for one in shown] == [(32, 32)] * 2
            assert sum(one.tobytes() in held for one in shown) == 1, "one is real"
        answer(page, "ArrowLeft" if done % 2 else "ArrowRight", done + 1, done)
    study = Study.read(Ledger(studied), "pairs")
    (reader,) = study.readers
    answers = [study.answers[reader, trial] for trial in order_of(plan, reader)]
    assert [one.says for one in answers] == ["right", "left"] * (TRIALS // 2)
    assert all(one.seconds > 0 for one in answers)
    assert len([one for one in study.records if one.action == "looked"]) == TRIALS
    right = sum(one.says == plan.trials[one.trial].side for one in answers)
    page.get_by_text(f"{right} of {TRIALS} right").wait_for()
    told = "\n".join(heard)
    assert "Left is real" in told, "what the server sends was heard"
    for trial in plan.trials:
        assert trial.image not in told
    assert str(plan.draw_seed) not in told
    visit.fine()


@pytest.mark.parametrize("width", [1440, 390])
def test_single_images_with_confidence_class_and_a_pause(
    studied: Project, site: str, browser: Browser, width: int
) -> None:
    visit = Visit(browser, f"{site}/study?study=singles", width, BADGE)
    page = visit.page
    done = len(Study.read(Ledger(studied), "singles").answers)
    begin(page)
    await_trial(page, done)
    image = page.locator(".st-key-trial img")
    (content,) = images(page)
    named = f"/media/{_calculate_file_id(content, 'image/png')}.png"
    assert str(image.get_attribute("src")).endswith(named), "a hash of its bytes"
    assert image.get_attribute("alt") == "Image to judge"
    answer(page, "7", done, done)
    page.get_by_text("Which class do you see?").wait_for()
    answer(page, "2", done + 1, done, 1)
    page.locator(f".st-key-study-pause-{done + 1}").wait_for()
    settle(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Go on").wait_for()
    assert page.locator(".st-key-trial img").count() == 0
    said = [o for o in Study.read(Ledger(studied), "singles").records if o.action == "answered"]
    assert (said[-1].says, said[-1].confidence, said[-1].sees) == ("synthetic", 3, "normal")
    visit.fine()
