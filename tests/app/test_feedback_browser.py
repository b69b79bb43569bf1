"""Feedback in a browser: people log in and flag images, and a page says what came of it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from pipeline.base.project import Project
from pipeline.feedback.opinions import Opinions
from pipeline.flow import feasible, steps
from pipeline.ledger.ledger import Ledger
from tests.app.conftest import NEEDS_CHROMIUM
from tests.app.oidc import Provider, serving_with_login
from tests.app.test_login import Somebody
from tests.support.consenting import Clinic
from tests.support.generators import save_tiny_generator
from tests.support.shown import CLASSES, add_version

pytestmark = [pytest.mark.timeout(1800), NEEDS_CHROMIUM]
REASON = "feedback on version 1: stone flawed in 3 of 3"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Ingested images, and a champion that draws."""
    folder = tmp_path_factory.mktemp("judged")
    clinic = Clinic.make(folder)
    sha256 = save_tiny_generator(folder / "work" / "models", CLASSES, ())
    add_version(clinic.project, folder / "work", 1, sha256, "promoted", data=clinic.data)
    return clinic.project


@pytest.fixture(scope="module")
def site(judged: Project, idp: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_with_login(judged, idp, tmp_path_factory.mktemp("login")) as uri:
        yield uri


def flags(somebody: Somebody, seed: int) -> None:
    """Look at an image, and say that it has an artefact."""
    page = somebody.page
    page.goto(f"{somebody.site}/?label=stone&view=One&seed={seed}&image=0")
    page.get_by_text("Image 0: is anything wrong with it?").wait_for()
    page.wait_for_function("!document.querySelector('[data-test-script-state=running]')")
    page.locator("[class*=st-key-opinion-tags]").get_by_text("artefact", exact=True).click()
    page.get_by_role("button", name="Something is wrong").click()
    somebody.sees("Recorded: artefact.")


def test_readers_flag_images_and_see_the_retraining_that_they_asked_for(
    judged: Project, site: str, browser: Browser, idp: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def somebody(sub: str, email: str, role: str = "reader") -> Somebody:
        return Somebody(browser, site, idp, sub=sub, email=email, roles=[role]).log_in()

    # One account is one reader, whatever the provider calls the person.
    for number, name in enumerate(("ann", "mallory", "bob")):
        flags(somebody("person-1", f"{name}@example.org"), seed=0)
        assert len(Opinions(Ledger(judged)).records) == number + 1
    flags(somebody("person-2", "bob@example.org"), seed=1)
    viewer = somebody("person-9", "vera@example.org", "viewer")
    viewer.page.goto(f"{site}/feedback")
    viewer.sees("What readers said about version 1")
    viewer.page.get_by_role("table").nth(1).wait_for()
    assert viewer.page.get_by_text("A retraining is asked for").count() == 0

    flags(somebody("person-3", "cas@example.org"), seed=2)
    assert len({one.reader for one in Opinions(Ledger(judged)).records}) == 3
    viewer.page.goto(f"{site}/feedback")
    # Eight images are too few to train, as the server of the page finds, too.
    viewer.sees(f"{REASON}. A retraining is asked for, and refused as things are: ")

    # What the scheduler's task does, without a scheduler, if they were enough.
    monkeypatch.setattr(feasible, "infeasible", lambda *_: feasible.Infeasible((), ()))
    assert steps.watch(judged) == REASON
    key = steps.plan(judged, trigger="asset").run.key
    viewer.page.reload()
    viewer.sees(f"{REASON}. Run {key} was planned for it")
