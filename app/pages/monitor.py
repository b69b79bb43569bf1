"""What happens between retrainings: alarms, the last run, and how it went over time."""

import streamlit as st

from app import monitor_charts as charts
from app import person, shared
from app.wording import without_paths
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.monitor.config import MonitorConfig
from pipeline.monitor.history import History
from pipeline.monitor.series import MOST

person.require("viewer")
project = shared.project()
config = ProjectParams.of(project).section("monitor", MonitorConfig)
records = History(Ledger(project)).records
if not records:
    st.subheader("Nothing has been measured yet")
    st.markdown(
        "The scheduler runs the monitor every Monday, once it is up. To measure now, type in a "
        "terminal, and then reload this page:"
    )
    st.code(f"{project.command} monitor", language="shell", wrap_lines=True)
    st.stop()

last, shown = records[-1], records[-MOST:]
st.subheader("Monitor")
st.caption(f"Run {last.sequence}, {last.time[:16].replace('T', ' ')} UTC")
for alarm in last.alarms:
    st.error(
        f"**{alarm.key}**, since {alarm.since[:10]}. {without_paths(alarm.says)}\n\n"
        f"What to do: {alarm.do}"
    )
if not last.alarms:
    st.success("No alarm is on.")

with st.container(horizontal=True):
    if champion := last.champion:
        st.metric(
            f"Champion, version {champion.version}",
            f"{champion.days:.0f} days",
            border=True,
            height="stretch",
        )
        st.metric("Landed since", f"{champion.landed} images", border=True, height="stretch")
        looks = f"{champion.looks_used} of {champion.looks}"
        st.metric("Looks at the test split", looks, border=True, height="stretch")
    else:
        st.metric("Champion", "none yet", border=True, height="stretch")
    if last.redraw:
        of = len(last.redraw.pixels)
        same = of - len(last.redraw.differing)
        text = "failed" if last.redraw.state == "failed" else f"{same} of {of} the same"
        st.metric("Redraw", text, border=True, height="stretch")
    if last.refused and last.refused.of:
        share = last.refused
        st.metric(
            "Refused since", f"{share.value:.0%}", border=True, height="stretch",
            delta=f"{share.low:.0%} to {share.high:.0%} of {share.of}",
            delta_color="off", delta_arrow="off",
        )  # fmt: skip
    drawn = sum(one.images for one in last.draws)
    st.metric("Drawn on the monitor's host", f"{drawn} images", border=True, height="stretch")

st.markdown("#### What landed since the champion's data")
st.caption(
    "Solid: the distance of what landed from the champion's data. Dashed: what chance alone "
    f"reaches, so rarely that all classes together raise {config.drift_false_alarms:g} false "
    "alarms a year. Red: beyond chance."
    + (f" In the last run {last.drift_note}." if last.drift_note else "")
)
charts.drift(shown, "kernel", "kernel distance of features")
with st.expander("Mean grey level"):
    charts.drift(shown, "intensity", "change of the mean grey level")
if left_out := [one for one in last.drift if one.why_not]:
    st.caption("Not compared: " + "; ".join(f"{one.label}, {one.why_not}" for one in left_out))

first, second = st.columns(2)
with first:
    st.markdown("#### Age of the champion, days")
    charts.age(shown, config.max_champion_age_days)
with second:
    st.markdown("#### Refused of what arrived")
    charts.refused(shown, config.most_refused)
st.markdown("#### Judged images of the champion found flawed")
st.caption(f"Bands here and above: Wilson's interval, {config.confidence:.0%} at each end.")
charts.flags(shown)
first, second = st.columns(2)
with first:
    st.markdown("#### The same images, drawn again")
    charts.redraw(shown)
with second:
    st.markdown("#### Drawn between two runs")
    charts.draws(shown)
    st.caption("By this app and `medloom generate`. Consumers of MLflow elsewhere are not counted.")
if last.copies:
    st.caption(f"In the champion's verdict: {last.copies.says}.")
if last.looks_copied:
    st.caption(f"{last.looks_copied} opinions say that an image of the champion looks copied.")
