"""What readers said about a version's images, and what that asks for."""

import streamlit as st

from app import person, settings, shared
from app.wording import plain
from pipeline.feedback.opinions import Opinions
from pipeline.feedback.rules import FeedbackConfig, asking_classes, flag_rates
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams

person.require("viewer")
known = shared.versions()
number = settings.version(known, shared.usual_version(known))
project = shared.project()
config = ProjectParams.of(project).section("feedback", FeedbackConfig)
opinions = [one for one in Opinions(Ledger(project)).records if one.version == number]
rates = flag_rates(opinions, number, config)
st.subheader(f"What readers said about version {number}")
if not rates:
    st.info("Nobody has judged its images yet. Open one on the page Generate and say what you see.")
else:
    asking = {one.label for one in asking_classes(rates, config)}
    st.table(
        [
            {
                "class": one.label,
                "flawed": f"{one.flawed} of {one.judged}",
                "share": f"{one.rate:.2f} [{one.low:.2f}, {one.high:.2f}]",
                "readers": f"{one.flaggers} of {one.readers} flagged",
                "most often": one.tags[0][0] if one.tags else "",
                "asks for": "a retraining" if one.label in asking else "nothing",
            }
            for one in rates
        ]
    )
    st.caption(
        f"Shares are of the images that readers judged, with the ends of {config.confidence:.0%} "
        f"each. A class asks for a retraining if {config.min_readers} readers flagged it and the "
        f"lower end is above {config.most_flawed:.0%}; of the champion's, opinions since the last "
        "verdict count."
    )
    st.table(
        [
            {
                "time (UTC)": one.time[:16].replace("T", " "),
                "image": f"{one.label} seed {one.seed} no. {one.index}",
                "said": ", ".join(one.tags) or "good",
                "note": plain(one.note),
                "reader": one.reader,
            }
            for one in reversed(opinions[-50:])
        ]
    )
