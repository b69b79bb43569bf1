"""One image of the batch beside the training image that it resembles most, for readers."""

import streamlit as st

from app import gallery, measured, person, settings, shared, viewer
from app.person import Person
from pipeline.evaluation.copy_test import Resemblance
from pipeline.evaluation.measure import Measured
from pipeline.evaluation.reals import Reals
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.promotion.nearest_real import NearestReal, look_at_nearest
from pipeline.registry.drawn_images import DrawnImages

ROLE = "reader"
_SEEN = "nearest-seen"


@st.fragment
def show(drawn: DrawnImages, found: Measured, reals: Reals) -> None:
    """A number to choose, how alike the image is, and for readers the training image itself."""
    who = person.require("viewer")  # a fragment runs again without its page
    st.markdown("**The training image that one resembles most**")
    chosen = settings.whole(
        "Image", "nearest", measured.order_of(found, "Most alike first")[0], 0, len(drawn) - 1,
        "At first the one that is most alike.", width=140,
    )  # fmt: skip
    alike = found.images[chosen].resemblance
    measured.alike(alike, reals.copy_test)
    if who.may(ROLE):
        _beside(drawn, chosen, alike, reals, who)
    else:
        st.caption(f"The training image itself is shown to the role {ROLE}.")


def _beside(drawn: DrawnImages, chosen: int, alike: Resemblance, reals: Reals, who: Person) -> None:
    """Both images in step, once the look at the real one is recorded."""
    revision = Ledger(shared.project()).head(DATA)  # another one may no longer hold the image
    place = f"{revision} {drawn.version.number} {drawn.order} {chosen} {alike.nearest}"
    at, real = st.session_state.get(_SEEN, ("", None))
    if at != place:
        real = _asked(alike, reals, who)
        st.session_state[_SEEN] = (place, real) if real else ("", None)
    if real is None:
        return
    viewer.show(
        [
            gallery.pane(drawn, chosen),
            viewer.Pane(
                real.image, f"training image {real.id[:12]}, {real.label}",
                f"Real training image of {real.label}", real=True,
            ),
        ],
        drawn.told.kinds,
        "nearest-viewer",
    )  # fmt: skip
    st.caption("The right one was taken of a person, and this look is recorded. Copy it nowhere.")


def _asked(alike: Resemblance, reals: Reals, who: Person) -> NearestReal | None:
    """The training image, if the person asks for it and says why."""
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="bottom"):
        why = st.text_input(
            "Why you look", "is it a copy?", key="nearest-why", max_chars=200,
            help="Kept for good with your name, the image and the time: write no patient's name.",
        )  # fmt: skip
        asked = st.button("Show the training image", key="nearest-look")
    if not asked:
        return None
    with shared.errors_as_words():
        real = look_at_nearest(
            shared.project(), alike, reals, by=who.name, reason=why, role=who.role
        )
        place.empty()
        return real
    return None
