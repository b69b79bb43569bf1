"""What readers said about a version's images, and what that asks for."""

import streamlit as st

from app import person, settings, shared
from app.wording import plain, without_paths
from pipeline.feedback.checks import copy_outcomes
from pipeline.feedback.opinions import Opinions
from pipeline.feedback.retrainings import asking_now
from pipeline.feedback.rules import FeedbackConfig, flag_rates
from pipeline.feedback.tables import opinion_rows, rate_rows
from pipeline.flow.asked import asked_retrainings
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams

person.require("viewer")
known = shared.versions()
number = settings.version(known, shared.usual_version(known))
project = shared.project()
config = ProjectParams.of(project).section("feedback", FeedbackConfig)
ledger = Ledger(project)
opinions = [one for one in Opinions(ledger).records if one.version == number]
rates = flag_rates(opinions, number, config)
asked = asked_retrainings(ledger)
st.subheader(f"What readers said about version {number}")
for one in asked:
    if number in (one.version, one.verdict.version if one.verdict else None):
        st.info(plain(f"{without_paths(one.in_words)}."))
if not rates:
    shared.only_of_drawn(number, "Feedback is")
    st.info("Nobody has judged its images yet. Open one on the page Generate and say what you see.")
else:
    st.table(rate_rows(rates, asking_now(asked, number)))
    st.caption(
        f"Shares are of the images that readers judged, with the ends of {config.confidence:.0%} "
        f"each. A class asks for a retraining if {config.min_readers} readers flagged it and the "
        f"lower end is above {config.most_flawed:.0%}, and if the data have images of it; of the "
        "champion's, opinions since the last verdict count."
    )
    said = opinion_rows(reversed(opinions[-50:]), copy_outcomes(ledger), asked)
    st.table([row | {"note": plain(row["note"])} for row in said])
    st.caption(
        "An image that looks copied is compared with the training images at once, or stays pending "
        "until they are on this host; once consent to some of them is withdrawn, it cannot be. A "
        "copy blocks its version; an opinion alone never does."
    )
