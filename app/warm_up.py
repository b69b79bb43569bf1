"""What the first images need is loaded while nobody waits for them yet."""

import logging
from threading import Thread

import streamlit as st

from pipeline.base.errors import MedloomError
from pipeline.registry.drawn_images import draw_images
from pipeline.registry.generators import Generators
from pipeline.registry.order import Order
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import Marker

_log = logging.getLogger(__name__)


def warm_up_beside() -> Thread:
    """Warm up in a thread of its own; the server answers meanwhile, and can end at any time."""
    thread = Thread(target=_told, name="warm-up", daemon=True)
    thread.start()
    return thread


def warm_up() -> int | None:
    """Import what pages draw with, and load the version that the first page shows.

    Returns:
        The version's number; None: the project has no version yet.

    Raises:
        MedloomError: it cannot be loaded; the first page says the same.
    """
    # Not above: their caches want to be made in a running server.
    import scipy.stats  # noqa: F401 - pages with intervals would load it while somebody waits

    from app import gallery, opinion, shared  # noqa: F401 - the first page imports them

    if not (known := shared.known()):
        return None
    number = shared.usual_version(known)
    # A cached function within a cached one shows no spinner, for which there is no page here.
    st.cache_resource(max_entries=1, show_spinner=False)(shared.generators)(number)
    # The first drawing and the first file take longer than all later ones. Nobody sees these
    # images, so they are not counted.
    here, uncounted = shared.project(), Generators(shared.project())
    spec = uncounted.output_spec(number)
    if not spec.draws:  # it draws nothing, and its page says so
        return number
    order = Order(number, spec.classes[0])
    draw_images(here.model, uncounted, order, marker=Marker(MarkKeys.of(here))).png(0)
    return number


def _told() -> None:
    """Warm up; why that failed is in the server's log."""
    try:
        warm_up()
    except MedloomError as error:
        _log.warning("no version is loaded ahead: %s", error)
