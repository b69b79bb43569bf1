"""Back to the page that somebody opened by a link, after a login in between.

A login leaves the app for the provider and comes back to the first page. The address is kept for
that time in a cookie of the browser. Whatever it holds, it leads nowhere but to a page of this app.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http.cookies import Morsel
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.frontend import PAGES
from pipeline.local.access import Access

LOGIN, CALLBACK = "/auth/login", "/oauth2callback"
COOKIE = "medloom_way_back"
_SECONDS = 15 * 60
"""In which a person logs in at the provider; afterwards they come to the first page."""
_LONGEST = 1500  # characters; a cookie holds 4 kB, and an address of the app a few hundred
_PAGE = re.compile(rf"/({'|'.join(PAGES)})?(\?[!-~]*)?", re.ASCII)


class WayBack:
    """Remembers the page on which somebody begins a login, and ends the login there.

    The page is what the browser names as the one that the login was asked for on (Referer), if it
    is of this app; a browser that names none comes back to the first page.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; at both ends of a login, change the answer."""
        if scope["type"] != "http" or scope["path"] not in (LOGIN, CALLBACK):
            await self._app(scope, receive, send)
            return
        request = Request(scope)

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"] == LOGIN:
                    self._remember(request, headers)
                elif COOKIE in request.cookies:
                    _return(request, headers)
            await send(message)

        await self._app(scope, receive, changed)

    def _remember(self, request: Request, headers: MutableHeaders) -> None:
        page = page_of(request.headers.get("referer", ""), self._access.url)
        kept = urlsafe_b64encode(page.encode()).decode()
        headers.append("set-cookie", _cookie("", 0) if page == "/" else _cookie(kept))


def page_of(address: str, url: str) -> str:
    """The page and query of an address of the app at `url`; "/" for any other address.

    Args:
        address: whole, as a browser gives it.
        url: scheme and host of the app, perhaps a port.
    """
    try:
        parts = urlsplit(address)
        if f"{parts.scheme}://{parts.netloc}".lower() != url.lower():
            return "/"
    except ValueError:
        return "/"
    return _own(parts.path + (f"?{parts.query}" if parts.query else ""))


def _own(page: str) -> str:
    """A path and query, if they are of a page of this app, else "/"."""
    return page if len(page) <= _LONGEST and _PAGE.fullmatch(page) else "/"


def _return(request: Request, headers: MutableHeaders) -> None:
    """Lead to the page that the cookie names instead of the first one; the cookie ends."""
    headers.append("set-cookie", _cookie("", 0))
    if headers.get("location") != "/" or "state" not in request.query_params:  # of a logout
        return
    try:
        headers["location"] = _own(urlsafe_b64decode(request.cookies[COOKIE]).decode("ascii"))
    except ValueError:
        return


def _cookie(value: str, seconds: int = _SECONDS) -> str:
    """A cookie for the end of a login alone."""
    made = Morsel[str]()
    made.set(COOKIE, value, value)
    made |= {"path": CALLBACK, "max-age": str(seconds), "httponly": "1", "samesite": "Lax"}
    return made.OutputString()
