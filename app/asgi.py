"""The server: the pages, whether it is alive, and images by their address."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from streamlit.runtime.pages_manager import PagesManager

from app.frontend import page_routes
from app.gate import Gate, SecureCookies
from app.warm_up import warm_up_beside
from app.way_back import WayBack
from app.wording import without_paths
from pipeline.base.errors import BadInputError, MedloomError
from pipeline.base.project import Project
from pipeline.local.access import Access
from pipeline.local.web_app import ADDRESS, ADDRESS_VARIABLE, app_hosts, require_login
from pipeline.monitor.metrics import offered
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.drawn_images import draw_images
from pipeline.registry.generators import Generators
from pipeline.registry.image_zip import archive_of
from pipeline.registry.order import Order
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import Marker

# Else the first request to a server, if it is for another page than the first one, runs that page
# without main.py, since there is a folder "pages" beside it.
PagesManager.uses_pages_directory = False

_PATIENCE = 4.0
"""Seconds that a start waits for the first images' generator at most."""
_NOT_IN_NAMES = re.compile(r"[^\w.+-]", re.ASCII)


def health(_: Request) -> Response:
    """The server answers; it says nothing more, as whoever asks need not log in."""
    return JSONResponse({"status": "ok"})


def images_zip(request: Request) -> Response:
    """The ZIP file of the images that the query names; it is that of the page Generate."""
    project = Project.load()
    try:
        order = Order.of_address(request.query_params)
        marker = Marker(MarkKeys.of(project))
        generators = Generators(project, DrawCounter.of(project, "app"))
        drawn = draw_images(project.model, generators, order, marker=marker)
        content = archive_of(drawn, masks=drawn.masked)
    except MedloomError as error:
        code = 400 if isinstance(error, BadInputError) else 503
        return PlainTextResponse(without_paths(str(error)) + "\n", code)
    name = _NOT_IN_NAMES.sub("_", order.stem(project.model, drawn.version.number)) + ".zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Load the first images' generator, and offer metrics while the server lives, if wanted."""
    # The browser opens when the server answers, and its page would wait for the same.
    await asyncio.to_thread(warm_up_beside().join, _PATIENCE)
    with offered(Project.load()):
        yield


def _middleware(access: Access | None) -> list[Middleware]:
    """What each request passes, from the outside in."""
    hosts = app_hosts(access, os.environ.get(ADDRESS_VARIABLE, ADDRESS))
    layers = [Middleware(TrustedHostMiddleware, allowed_hosts=hosts)]
    if access:
        layers += [Middleware(SecureCookies)] if access.encrypted else []
        layers += [Middleware(Gate, access=access), Middleware(WayBack, access=access)]
    return layers


login = Access.load(Project.load())
# Streamlit looks for this very call; made elsewhere, its routes and layers would not be served.
app = st.App(
    Path(__file__).with_name("main.py"),
    lifespan=lifespan,
    secrets=login.for_streamlit() if login else None,
    routes=[Route("/health", health), Route("/images.zip", images_zip), *page_routes()],
    middleware=_middleware(login),
)
# Whoever starts the server otherwise than `medloom app` does must not open it to others. Asked
# after `st.App`, since the options that this folder sets are known from there on.
require_login(st.get_option("server.address") or ADDRESS, login)
