"""The documentation as a site: what is checked in it, what pages are made, and a browser's look."""

import functools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.project import PROJECT_ROOT
from scripts.docs.check import problems
from scripts.docs.pages import write_pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TOLD = """# `medloom`

Learn a generator.

**Commands**:

* `up`: Start Airflow and...
* `task`: The steps...

## `medloom up`

Start Airflow and MLflow,
and keep them.

Not this.

**Options**:

* `--help`: Show this message and exit.

## `medloom task`

The steps.

### `medloom task plan`

Plan.
"""


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ('<a href="b.html">', "links to b.html: no such file"),
        ('<a href="#there">', "links to #there: no such heading"),
        ('<a href="/b.html">', "links to /b.html: no such file"),
        ('<img src="b.png">', "loads b.png, which is missing"),
        ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js, of"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css, of"),
        ('<link rel="preconnect" href="https://example.org">', "loads https://example.org, of"),
        ("", ""),
        ('<h2 id="here"><a href="#here"><a href="https://example.org"><a href="/a.html">', ""),
        ('<link rel="canonical" href="https://example.org">', ""),
    ],
)
def test_a_fault_of_a_page_is_told(tmp_path: Path, page: str, said: str) -> None:
    (tmp_path / "a.html").write_text(page)
    found = list(problems(tmp_path))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_a_style_of_another_host_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url('https://example.org/f.woff2') }")
    assert list(problems(tmp_path)) == ["a.css loads https://example.org/f.woff2, of another host"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "commands.md").write_text(TOLD)
    write_pages(folder / "pages", folder / "commands.md")
    return folder / "pages"


def test_commands_are_listed_by_a_sentence_and_hidden_ones_are_not_there(pages: Path) -> None:
    text = (pages / "reference" / "commands.md").read_text()
    assert text.startswith("# Commands\n\nLearn a generator.\n")
    assert "* [`up`](#medloom-up): Start Airflow and MLflow, and keep them.\n" in text
    assert "* `--help`: Show this message and exit.\n" in text
    assert "task" not in text


def test_links_lead_to_pages_and_are_called_by_their_titles(pages: Path) -> None:
    start, library = (pages / "index.md").read_text(), (pages / "library.md").read_text()
    assert "[What can be ingested, and what of it is kept](ingest.md)" in start
    assert "[CONTRIBUTING.md](contributing.md)" in start
    assert "[docs/decisions](decisions/index.md)" in start
    assert "[CONTRIBUTING.md](contributing.md)" in library
    decisions = sorted((PROJECT_ROOT / "docs" / "decisions").glob("*.md"))
    listed = (pages / "decisions" / "index.md").read_text()
    numbers = [int(number) for number in re.findall(r"(?m)^- \[(\d+)\. ", listed)]
    assert numbers == [int(file.name[:4]) for file in decisions]


def test_the_library_page_has_every_name_that_model_hands_on(pages: Path) -> None:
    import model

    text = (pages / "reference" / "library.md").read_text()
    names = re.findall(r"(?m)^::: model\.[\w.]+\.(\w+)$", text)
    assert sorted(names) == sorted(model.__all__)


def test_every_page_has_its_place_in_the_navigation() -> None:
    listed = (PROJECT_ROOT / "mkdocs.yml").read_text()
    for file in (PROJECT_ROOT / "docs").glob("*.md"):
        assert f"- {file.name}\n" in listed, f"{file.name} belongs into nav of mkdocs.yml"


# -- the site itself -------------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """Where the built site is served."""
    done = subprocess.run(
        ["bash", "scripts/docs/build", str(Path(sys.prefix))],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "griffe: " not in done.stdout + done.stderr, "a docstring does not fit its function"
    handler = functools.partial(Quiet, directory=str(PROJECT_ROOT / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    os.environ.get("MEDLOOM_TEST_LIVE") != "1",
    reason="builds an environment from the package registry: `make test-live` runs it",
)
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look at the site with")
def test_a_browser_asks_no_other_host_and_finds_words(address: str) -> None:
    from playwright.sync_api import sync_playwright

    site = PROJECT_ROOT / "site"
    asked: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.on("request", lambda request: asked.add(request.url))
        for file in sorted(site.rglob("*.html")):
            page.goto(f"{address}/{file.relative_to(site)}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, file
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{address}/index.html", wait_until="networkidle")
        page.keyboard.press("Control+k")
        page.keyboard.type("jackknife")
        page.get_by_role("option").get_by_text("jackknife").first.wait_for()
        browser.close()
    strangers = {url for url in asked if not url.startswith((address, "data:", "blob:"))}
    assert strangers == set()
