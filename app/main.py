"""Navigation, what is shown around every page, and whose images they are."""

import streamlit as st

from app import memory, person, shared
from app.frontend import FIRST

PAGES = {
    "generate": "viewer",
    "explore": "viewer",
    "evaluate": "viewer",
    "versions": "viewer",
    "feedback": "viewer",
    "study": "reader",
    "monitor": "viewer",
    "data": "curator",
    "about": "viewer",
}
"""Each page, and the role that it is for; others do not see it in the navigation."""
REAL = {"data": "real", "study": "mixed", "evaluate": "compared"}
"""Pages that can show images that nobody computed, alone or among synthetic ones, to readers."""

st.set_page_config(page_title="medloom", layout="wide", initial_sidebar_state="auto")
with shared.errors_as_words(ends=True):
    who = person.current()
page = st.navigation(
    [
        st.Page(
            f"pages/{name}.py",
            title=name.capitalize(),
            default=name == FIRST,
            visibility="visible" if who.may(role) else "hidden",
        )
        for name, role in PAGES.items()
    ],
    position="top",
)
shows = REAL.get(page.url_path, "synthetic") if who.may("reader") else "synthetic"
shared.frame(who, shows)
try:
    with shared.errors_as_words():
        page.run()
finally:
    memory.settle()
