"""Streamlit's page, served at each page's address with the address of its server written into it.

Left alone it looks for its server below the page's own path first, and each page that is opened by
a link writes two errors into the browser's console.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from streamlit.file_util import get_static_dir

PAGES = tuple(sorted(file.stem for file in (Path(__file__).parent / "pages").glob("*.py")))
"""Names of the pages, each the path of one."""
FIRST = "generate"
"""The page that is served at `/`, where Streamlit knows it alone."""
_HEAD = "<head>"
_SERVER = """<script>
      window.__streamlit = { BACKEND_BASE_URL: window.location.origin + "/" }
    </script>"""


def page_routes() -> list[Route]:
    """A route for each page; that of the first one leads to `/`, where no such help is needed.

    Raises:
        ValueError: Streamlit's own page is not as it was.
    """
    page = Path(get_static_dir(), "index.html").read_text()
    if page.count(_HEAD) != 1:
        raise ValueError(f"{_HEAD} is {page.count(_HEAD)} times in Streamlit's page, not once")
    page = page.replace(_HEAD, f"{_HEAD}\n    {_SERVER}")

    def show(_: Request) -> Response:
        return HTMLResponse(page, headers={"Cache-Control": "no-cache"})

    def lead(request: Request) -> Response:
        query = request.url.query
        return RedirectResponse(f"/?{query}" if query else "/", 308)

    return [Route(f"/{name}", lead if name == FIRST else show) for name in PAGES]
