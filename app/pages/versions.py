"""Every version: what it is, how it was measured, and what was decided about it."""

import streamlit as st

from app import person, report_page, settings, shared
from app.wording import plain
from pipeline.registry.known_versions import version_page

who = person.require("viewer")
known = shared.versions()
number = settings.version(known, shared.usual_version(known))
page = version_page(shared.project(), number)
if because := next((one.because for one in known if one.number == number), ""):
    st.caption(f"Trained because: {plain(because)}.")
what = "Model card"
if who.may("reader"):
    what = settings.pill("Page", ["Report", "Model card"], "page", "Report")
else:
    st.caption("The report shows images that the version learned from; it is for readers.")
if what == "Model card":
    st.markdown(page.card or "No model card was written for this version.")
elif page.report:
    report_page.show(page.report, f"Report of version {number}")
else:
    st.info("No report was registered for this version; one is written at the end of its run.")
