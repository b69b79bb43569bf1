"""Navigation, what is shown around every page, and whose images they are."""

import streamlit as st

from app import shared

st.set_page_config(page_title="medloom", layout="wide", initial_sidebar_state="auto")
page = st.navigation(
    [
        st.Page("pages/generate.py", title="Generate", default=True),
        st.Page("pages/explore.py", title="Explore"),
        st.Page("pages/versions.py", title="Versions"),
        st.Page("pages/feedback.py", title="Feedback"),
        st.Page("pages/monitor.py", title="Monitor"),
        st.Page("pages/about.py", title="About"),
    ],
    position="top",
)
shared.frame()
with shared.errors_as_words():
    page.run()
