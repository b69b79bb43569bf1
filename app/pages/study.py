"""Reader studies: can people tell a version's images from real ones?"""

import streamlit as st

from app import person, settings, shared, study_ending, study_results, study_trial
from pipeline.ledger.ledger import Ledger
from pipeline.study.course import Course
from pipeline.study.records import study_names
from pipeline.study.results import results_of

who, project = person.require("reader"), shared.project()
names = study_names(Ledger(project))
if not names:
    if found := shared.known():
        shared.only_of_drawn(shared.usual_version(found), "Studies are")
    st.subheader("There is no study yet")
    st.markdown("A study shows held-out images beside synthetic ones. Type in a terminal:")
    create = "study create NAME --design pair --trials 100"
    st.code(f"{project.command} {create}", language="shell", wrap_lines=True)
    st.stop()
with st.sidebar:
    name = settings.one_of("Study", names, "study", names[0])
    view = "Take part"
    if who.may("curator"):
        view = settings.pill("View", ["Take part", "Results"], "study-view", "Take part")
if view == "Take part":
    study_trial.take_part(name)
else:
    course = Course.of(project, name, who.reader(project), who.role)
    if why := course.progress.held_back_from(course.reader, who.name):
        study_ending.held_back(course, who, why)
    else:
        study_results.everybody(results_of(course.study, course.gone))
