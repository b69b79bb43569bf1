"""Measure the images on screen beside real ones, of which readers may look at the nearest.

Of a version that is given images: how near it comes to the truth, by its own evaluation.
"""

from functools import partial

import streamlit as st

from app import gallery, measured, nearest, person, settings, shared, truth
from app.wording import without_paths
from pipeline.base.errors import MedloomError

person.require("viewer")
number = gallery.version()
if shared.task(number).paired:
    truth.show(number)
    st.stop()
drawn = gallery.ordered(number)
try:
    reals = shared.reals(drawn.version)
    found = shared.measure(drawn, reals)
except MedloomError as error:
    st.warning(f"These images cannot be measured here: {without_paths(str(error))}")
    gallery.grid(drawn, opens=False)
    st.stop()
far, own, copied = st.columns(3)
with far, st.container(border=True):
    measured.distance(found.distance)
with own, st.container(border=True):
    measured.own_class(found.own_class, found.own_class_real, found.label)
with copied, st.container(border=True):
    measured.copies(found, reals.copy_test)
if found.copies:
    listed = ", ".join(map(str, found.copies))
    st.error(
        f"Copies of training images: no. {listed}. Open one and say that it looks copied: it is "
        "measured again for the record, and the version is blocked."
    )


@st.fragment
def images() -> None:
    """All images with what was measured of each."""
    how = settings.pill("Order", measured.ORDERS, "order", measured.ORDERS[0])
    numbers = measured.order_of(found, how)
    chosen = gallery.captioned(drawn, numbers, partial(measured.of_one, found))
    if chosen is not None:
        settings.put(view="One", image=chosen)
        st.switch_page("pages/generate.py")


images()
with st.container(border=True):
    nearest.show(drawn, found, reals)
st.caption(
    "Farther than 99 % of real: of 100 held-out images of the class 99 are nearer to a training "
    "image. This page measures what is on screen and decides "
    "nothing; the report of a version (page Versions) has the full figures."
)
