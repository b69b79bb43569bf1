"""A project to look at, and the app as a page of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import asgi
from pipeline.base.project import Project
from tests.support.shown import shown_project

MAIN = Path(asgi.__file__).with_name("main.py")


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shown_project(tmp_path_factory.mktemp("shown"))


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


def page_of(project: Project, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    return AppTest.from_file(str(MAIN), default_timeout=300)
