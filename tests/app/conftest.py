"""A project to look at, and the app as a page of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from playwright.sync_api import Browser, sync_playwright
from streamlit.testing.v1 import AppTest

from app import asgi
from pipeline.base.project import Project
from tests.app.oidc import Provider, provider
from tests.support.shown import shown_project

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine to look with"
)
LONG = 240_000  # ms; for a machine that does other things, too
MAIN = Path(asgi.__file__).with_name("main.py")


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shown_project(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=LONG
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    """A provider of identities, by OpenID Connect."""
    with provider() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_caches() -> Iterator[None]:
    """Projects of other tests are not remembered."""
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def pages(shown: Project, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app of `shown`, not run yet."""
    return page_of(shown, monkeypatch)


def keyed(widgets: Any, start: str) -> Any:
    """The widget whose key begins so: the rest of it names the image that it is about."""
    (found,) = (one for one in widgets if (one.key or "").startswith(start))
    return found


def page_of(project: Project, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    return AppTest.from_file(str(MAIN), default_timeout=300)
