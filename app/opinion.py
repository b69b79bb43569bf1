"""What a reader says about the image that is on screen."""

from hashlib import sha256

import streamlit as st

from app import person, shared
from app.wording import without_paths
from pipeline.data.flaws import FLAWS, LOOKS_COPIED, flaw_in_words, flaws_in_words
from pipeline.feedback.copies import check_copies
from pipeline.feedback.images import judge_images
from pipeline.feedback.opinions import LONGEST_NOTE, Opinion
from pipeline.registry.drawn_images import DrawnImages


def ask(drawn: DrawnImages, index: int) -> None:
    """A form on one image, for readers; what it says goes into the ledger for good."""
    if not person.current().may("reader"):
        return
    # Named after the image, so that nothing chosen for one is said of the next.
    image = sha256(repr((drawn.order, index)).encode()).hexdigest()[:12]
    with st.form(f"opinion-{image}", border=True):
        st.markdown(f"**Image {index}: is anything wrong with it?**")
        tags = st.pills(
            "What is wrong", list(FLAWS), selection_mode="multi", format_func=flaw_in_words,
            label_visibility="collapsed", key=f"opinion-tags-{image}",
        )  # fmt: skip
        note = st.text_input(
            "Note", max_chars=LONGEST_NOTE, key=f"opinion-note-{image}",
            help="Kept for good, and read by others: never write a patient's name.",
        )  # fmt: skip
        with st.container(horizontal=True):
            flawed = st.form_submit_button("Something is wrong", key="opinion-flawed")
            good = st.form_submit_button("It is good", key="opinion-good")
    if flawed and not tags:
        st.warning("Choose what is wrong with it, or say that it is good.")
    elif good and tags:
        st.warning("A good image has nothing wrong with it: take away what you chose.")
    elif flawed or good:
        _record(drawn, index, list(tags), note)


def _record(drawn: DrawnImages, index: int, tags: list[str], note: str) -> None:
    project, who = shared.project(), person.require("reader")
    made = judge_images(
        project,
        str(drawn.version.number),
        drawn.order.label,
        drawn.order.seed,
        [index],
        reader=who.reader(project),
        role=who.role,
        tags=tags,
        note=note,
        settings=drawn.order.unusual,
        generators=shared.generators(drawn.version.number),
    )
    st.success(f"Recorded: {flaws_in_words(tags) or 'good'}.")
    if LOOKS_COPIED in tags:
        _measure(made)


def _measure(made: list[Opinion]) -> None:
    """Compare the image with the training images now, and say what was found."""
    with st.spinner("comparing it with the training images"):
        done = check_copies(shared.project(), made)
    for check in done.checks:
        (st.error if check.hit else st.info)(f"Measured: {check.in_words}.")
    for _, why in done.left:
        st.warning(
            f"It could not be compared with the training images here: {without_paths(why)}. It is "
            "listed as pending on the page Feedback, and is measured as soon as they are there."
        )
    for _, why in done.never:
        st.warning(f"It is recorded, and cannot be measured: {without_paths(why)}.")
    if done.blocked:
        st.error(f"{'. '.join(done.consequences)}. Thank you: this was found by your remark.")
    for warning in done.warnings:
        st.warning(without_paths(warning))
