"""A study's results are held back until its end; an admin ends it, or looks early by name."""

import streamlit as st

from app import shared
from app.person import Person
from app.wording import plain
from pipeline.study.course import Course
from pipeline.study.ending import close, look_early
from pipeline.study.flags import hand_on_flags
from pipeline.study.records import LONGEST_REASON


def held_back(course: Course, who: Person, why: str) -> None:
    """Say why, and offer to an admin who is not in the middle of it what may be done."""
    st.info(plain(why))
    if not who.may("admin") or course.reader in course.progress.in_the_middle:
        return
    with st.form("study-ending", border=True):
        reason = st.text_input(
            "Why", key="study-ending-why", max_chars=LONGEST_REASON,
            help="Kept for good with your name, and shown with the results.",
        )  # fmt: skip
        with st.container(horizontal=True):
            ends = st.form_submit_button("Close the study", key="study-close")
            early = st.form_submit_button("Look early", key="study-early")
    st.caption(
        "Once closed nobody can answer any more. Who looks early stands with the results, which "
        "are worth less for it."
    )
    if not (ends or early):
        return
    with shared.errors_as_words(ends=True):
        if ends:
            close(course.study, by=who.name, role=who.role, reason=reason)
            hand_on_flags(shared.project())
        else:
            look_early(
                course.study, course.gone, reader=course.reader, by=who.name, role=who.role,
                reason=reason,
            )  # fmt: skip
    st.rerun()
