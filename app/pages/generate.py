"""Draw images, look at them, and take them along."""

import streamlit as st

from app import gallery, opinion, person, settings, shared

person.require("viewer")
known = shared.versions()
with st.sidebar:
    number = settings.version(known, shared.usual_version(known))
    order = settings.order(number, shared.spec(number))
drawn = shared.draw(order)
gallery.heading(drawn)
view = settings.pill("View", ["Grid", "One", "Two"], "view", "Grid")
chosen = 0
if view == "Grid":
    settings.forget("image", "beside", "look")
    gallery.grid(drawn)
else:
    if view == "One":
        settings.forget("beside")
    chosen = gallery.closely(drawn, two=view == "Two")
    opinion.ask(drawn, chosen)
gallery.take_along(drawn, chosen)
