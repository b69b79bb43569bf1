"""Streamlit's page at the address of each page."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app import frontend


def test_each_page_is_told_where_its_server_is() -> None:
    client = TestClient(Starlette(routes=frontend.page_routes()))
    assert "evaluate" in frontend.PAGES
    first = client.get(f"/{frontend.FIRST}?seed=7", follow_redirects=False)
    assert first.headers["location"] == "/?seed=7"
    for name in set(frontend.PAGES) - {frontend.FIRST}:
        page = client.get(f"/{name}?seed=7")
        assert page.headers["cache-control"] == "no-cache"
        told, script = page.text.index("BACKEND_BASE_URL"), page.text.index('type="module"')
        assert told < script, "before anything asks"


def test_another_streamlit_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.html").write_text("<html></html>")
    monkeypatch.setattr(frontend, "get_static_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match="not once"):
        frontend.page_routes()
