"""Images by their address."""

import json
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from app.asgi import health, images_zip
from pipeline.base.project import Project
from pipeline.registry.asked import Asked
from pipeline.registry.drawn_images import draw_images
from pipeline.registry.generators import Generators
from pipeline.registry.image_zip import archive_of
from pipeline.registry.order import Order


@pytest.fixture(autouse=True)
def _of_the_project(shown: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in shown.environment().items():
        monkeypatch.setenv(name, value)


def asking(**params: object) -> Request:
    return Request({"type": "http", "query_string": urlencode(params).encode(), "headers": []})


def test_it_says_that_it_lives_and_nothing_more() -> None:
    assert json.loads(bytes(health(asking()).body)) == {"status": "ok"}


def test_the_zip_file_is_that_of_the_page(shown: Project) -> None:
    answer = images_zip(asking(version=1, label="stone", n=2, seed=7, findings=2, view="Two"))
    order = Order(1, "stone", 2, 7, asked=Asked(2))
    assert answer.body == archive_of(draw_images(shown.model, Generators(shown), order), masks=True)
    assert answer.headers["content-disposition"].endswith(f'"{shown.model}-v1-stone-seed7.zip"')


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"version": 1}, "version and label"),
        ({"version": 1, "label": "lung"}, "unknown class lung"),
    ],
)
def test_what_is_not_there_is_refused_in_words(params: dict[str, object], said: str) -> None:
    answer = images_zip(asking(**params))
    assert answer.status_code == 400
    assert said in bytes(answer.body).decode()
