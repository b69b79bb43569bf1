"""What is served beside the pages' own login: nothing but the login, to people without a session.

Streamlit asks who somebody is where a page is run; images, downloads and metrics it serves to
whoever names them. Here each request is asked for the cookie that Streamlit signs at login.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from app.frontend import PAGES
from pipeline.local.access import Access

OPEN = re.compile(
    rf"/({'|'.join(PAGES)})?"  # the pages are empty at first, and ask for a login
    r"|/health|/auth/log(in|out)|/oauth2callback"
    r"|/_stcore/(health|host-config|stream)|/static/.+|/favicon\.png|/manifest\.json"
)
"""Paths that say nothing about the project; Streamlit's own login stands before its stream."""


class Gate:
    """Answers 401 or 403 for those without a session or a role; a page leads to the login."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket") or OPEN.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        claims = claims_of(HTTPConnection(scope).cookies, self._access)
        if claims and self._access.admits(claims):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refusal(Request(scope), known=bool(claims))(scope, receive, send)


class SecureCookies:
    """Marks every cookie as one for TLS alone, which Streamlit leaves out behind a proxy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and mark the cookies of the answer."""

        async def marked(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                headers = MutableHeaders(scope=message)
                cookies = headers.getlist("set-cookie")
                del headers["set-cookie"]
                for cookie in cookies:
                    safe = re.search(r";\s*secure\s*(;|$)", cookie, re.IGNORECASE)
                    headers.append("set-cookie", cookie if safe else f"{cookie}; Secure")
            await send(message)

        await self._app(scope, receive, marked)


def claims_of(cookies: Mapping[str, str], access: Access) -> dict[str, Any]:
    """What the provider said of whoever sends these cookies; empty for one who is not logged in."""
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value) if value else None

    found = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    try:
        claims = json.loads(found) if found else {}
    except ValueError:
        return {}
    own = isinstance(claims, dict) and claims.get("origin") == access.url
    return claims if own and access.lasts(claims) else {}


def _refusal(request: Request, *, known: bool) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/", 303)
    if known:
        return PlainTextResponse("your account has no role in this project\n", 403)
    return PlainTextResponse("log in first, by the address / in a browser\n", 401)
