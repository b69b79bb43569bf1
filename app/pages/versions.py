"""Every version: what it is, how it was measured, and what was decided about it."""

import streamlit as st

from app import report_page, settings, shared
from pipeline.registry.known_versions import version_page

known = shared.versions()
number = settings.version(known, shared.usual_version(known))
page = version_page(shared.project(), number)
what = settings.pill("Page", ["Report", "Model card"], "page", "Report")
if what == "Model card":
    st.markdown(page.card or "No model card was written for this version.")
elif page.report:
    report_page.show(page.report, f"Report of version {number}")
else:
    st.info("No report was registered for this version; one is written at the end of its run.")
