"""The server: the pages, whether it is alive, and images by their address."""

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

from app.wording import without_paths
from pipeline.base.errors import BadInputError, MedloomError
from pipeline.base.project import Project
from pipeline.monitor.metrics import offered
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.drawn_images import draw_images
from pipeline.registry.generators import Generators
from pipeline.registry.image_zip import archive_of
from pipeline.registry.order import Order
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import Marker

_NOT_IN_NAMES = re.compile(r"[^\w.+-]", re.ASCII)


def health(_: Request) -> Response:
    """The server answers, and for which project."""
    project = Project.load()
    return JSONResponse({"status": "ok", "project": project.name, "model": project.model})


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
    """Offer metrics to Prometheus for as long as the server lives, if the project wants that."""
    with offered(Project.load()):
        yield


# Else Streamlit takes the folder `pages` for its own: the first link to a page that a new server
# gets would run that file alone, without main.py and what it asks and says.
PagesManager.uses_pages_directory = False

app = st.App(
    Path(__file__).with_name("main.py"),
    lifespan=lifespan,
    routes=[Route("/health", health), Route("/images.zip", images_zip)],
    # A page elsewhere could else read this one under a name that it lets point to this machine.
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
)
