"""Every version: what it is, how it was measured, and what was decided about it."""

import streamlit as st

from app import person, report_page, settings, shared
from app.wording import plain
from pipeline.registry.known_versions import version_page
from pipeline.reports.run.baseline_page import baseline_page

CARD, REPORT, BASELINE = "Model card", "Report", "Baseline"


def baseline(number: int, *, pictures: bool) -> None:
    """The version beside a generator of another family, or beside its task's rival."""
    page = baseline_page(shared.project(), number, pictures=pictures)
    if page:
        report_page.show(page, f"Version {number} beside its baseline")
    else:
        st.info(
            "No baseline was trained with this version. `evaluate.baseline: vae` in the project's "
            "parameters trains one with each later version."
        )


who = person.require("viewer")
known = shared.versions()
number = settings.version(known, shared.usual_version(known))
if because := next((one.because for one in known if one.number == number), ""):
    st.caption(f"Trained because: {plain(because)}.")
reader = who.may("reader")
views = [REPORT, CARD, BASELINE] if reader else [CARD, BASELINE]
what = settings.pill("Page", views, "page", views[0])
if not reader:
    st.caption(
        "The report, and pictures beside the baseline's figures, show images that the version "
        "learned from or was judged by; they are for readers."
    )
if what == BASELINE:
    baseline(number, pictures=reader)
else:
    page = version_page(shared.project(), number)
    if what == CARD:
        st.markdown(page.card or "No model card was written for this version.")
    elif page.report:
        report_page.show(page.report, f"Report of version {number}")
    else:
        st.info("No report was registered for this version; one is written at the end of its run.")
