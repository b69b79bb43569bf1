"""In a browser: images of another project made larger, and a file of one."""

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from pipeline.base.project import Project
from pipeline.local.web_app import app_uri, serving
from pipeline.registry.image_files import Enlarge, generate_images
from pipeline.synthetic.png import is_marked
from tests.app.conftest import NEEDS_CHROMIUM
from tests.app.test_browser import Visit
from tests.support.enlarging import FACTOR, enlarging_project
from tests.support.generators import SIZE

pytestmark = [pytest.mark.timeout(1800), NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return enlarging_project(tmp_path_factory.mktemp("larger"))


@pytest.fixture(scope="module")
def site(larger: Project) -> Iterator[str]:
    uri = app_uri()
    with serving(larger, "", uri):
        yield uri


@pytest.mark.parametrize("width", [1440, 390])
def test_images_of_another_project_are_enlarged_and_taken_along(
    site: str, larger: Project, browser: Browser, width: int, tmp_path: Path
) -> None:
    visit = Visit(browser, f"{site}/?given=Drawn+images&label=stone&n=2&seed=7", width)
    rows = visit.images(2)
    assert len(set(rows)) == 2
    (file, _) = generate_images(
        larger.beside("shown"), "1", "stone", 2, 7, tmp_path, enlarge=Enlarge(larger, "1", FACTOR)
    ).files
    png = visit.download("Image 0 (PNG)")
    assert hashlib.sha256(png).digest() == hashlib.sha256(file.read_bytes()).digest()
    visit.fine()
    closely = Visit(browser, f"{visit.page.url}&rows=Closely", width)
    closely.canvas("W 255")
    assert closely.page.locator("canvas").count() == 2
    closely.fine()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_synthetic_file_is_enlarged_and_one_that_is_not_refused(
    site: str, larger: Project, browser: Browser, width: int, tmp_path: Path
) -> None:
    drawn = generate_images(larger.beside("shown"), "1", "stone", 1, 7, tmp_path / "drawn")
    plain = tmp_path / "scan.png"
    Image.new("L", (SIZE, SIZE)).save(plain)
    visit = Visit(browser, f"{site}/?given=A+file", width)
    chooser = visit.page.locator("input[type=file]")
    chooser.set_input_files(drawn.files[0])
    visit.images(1)
    with Image.open(io.BytesIO(visit.download("The enlarged image (PNG)"))) as image:
        assert image.size == (FACTOR * SIZE, FACTOR * SIZE)
        assert is_marked(image.info)
        assert json.loads(image.info["medloom"])["enlarged_by"]["model"] == "medloom-larger"
    visit.fine()
    chooser.set_input_files(plain)
    visit.page.get_by_text("does not say that it is synthetic").wait_for()
    assert visit.page.locator("[data-testid=stImage] img").count() == 0
