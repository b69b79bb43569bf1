"""A reader says what is wrong with an image of a study; the form is one for both kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from pipeline.data.flaws import FLAWS_OF_ALL, flaw_in_words
from pipeline.study.plan import LEFT, RIGHT
from pipeline.study.records import LONGEST_REASON


@dataclass(frozen=True)
class Flagged:
    """What the form says of the trial at a place; `side` is "" for a single image."""

    place: int
    side: str
    tags: tuple[str, ...]
    note: str
    pair: bool

    @property
    def enough(self) -> bool:
        """Whether it says which image, and what is wrong."""
        return bool(self.tags) and bool(self.side) == self.pair


def ask(place: int, *, pair: bool, say: Callable[[object], None]) -> None:
    """The form; `say` gets a `Flagged`, or "unflag" to go back to the question."""
    with st.form(f"study-flag-form-{place}", border=True):
        st.markdown("**What is wrong?** It does not count as an answer.")
        if pair:
            st.segmented_control("Which image", [LEFT, RIGHT], key=_key("side", place))
        st.pills(
            "What is wrong", list(FLAWS_OF_ALL), selection_mode="multi",
            format_func=flaw_in_words, label_visibility="collapsed", key=_key("tags", place),
        )  # fmt: skip
        st.text_input(
            "Note", max_chars=LONGEST_REASON, key=_key("note", place),
            help="Kept for good, and read by others: never write a patient's name.",
        )  # fmt: skip
        with st.container(horizontal=True):
            st.form_submit_button(
                "Note it", key=_key("send", place), type="primary",
                on_click=partial(_send, place, pair, say),
            )  # fmt: skip
            st.form_submit_button("Back", key=_key("back", place), on_click=partial(say, "unflag"))
    which = "which image, and " if pair else ""
    st.caption(f"Choose {which}what is wrong with it.")


def _send(place: int, pair: bool, say: Callable[[object], None]) -> None:
    chosen = {name: st.session_state.get(_key(name, place)) for name in ("side", "tags", "note")}
    tags, note = tuple(chosen["tags"] or ()), str(chosen["note"] or "")
    say(Flagged(place, str(chosen["side"] or ""), tags, note, pair))


def _key(name: str, place: int) -> str:
    return f"study-flag-{name}-{place}"
