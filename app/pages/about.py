"""What the images are for, what they are not for, and what is not known of them."""

from pathlib import Path

import streamlit as st

from app import person

person.require("viewer")
st.markdown((Path(__file__).parents[1] / "about.md").read_text())
