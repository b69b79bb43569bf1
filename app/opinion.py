"""What a reader says about the image that is on screen."""

import streamlit as st

from app import person, shared
from pipeline.feedback.images import judge_images
from pipeline.feedback.opinions import LONGEST_NOTE, TAGS
from pipeline.registry.drawn_images import DrawnImages


def ask(drawn: DrawnImages, index: int) -> None:
    """A form on one image, for readers; what it says goes into the ledger for good."""
    if not person.current().may("reader"):
        return
    with st.form(f"opinion-{index}", border=True):
        st.markdown(f"**Image {index}: is anything wrong with it?**")
        tags = st.pills(
            "What is wrong", list(TAGS), selection_mode="multi", format_func=_in_words,
            label_visibility="collapsed", key="opinion-tags",
        )  # fmt: skip
        note = st.text_input(
            "Note", max_chars=LONGEST_NOTE, key="opinion-note",
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
    judge_images(
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
    st.success(f"Recorded: {', '.join(map(_in_words, tags)) or 'good'}.")


def _in_words(tag: str) -> str:
    return tag.replace("-", " ")
