"""What a generator knows: between classes, between seeds, near an image, over versions."""

from dataclasses import replace

import streamlit as st

from app import gallery, person, settings, shared
from app.wording import plain, without_paths
from pipeline.registry import exploring
from pipeline.registry.asked import Asked
from pipeline.registry.edits import Edit
from pipeline.registry.order import Order

ABOUT = {
    "Mixture": "Classes mixed by parts: an image between classes, which no training image is.",
    "Walk": "The way from one seed to another. Steps that jump, or that look alike, say how well "
    "the generator fills the space between the images that it learned from.",
    "Likeness": "Small steps away from one image, in several directions.",
    "Edit": "One image moved towards another class, or along what the network varies most; the "
    "rest of it should stay.",
    "Versions": "One seed in several versions. Networks that descend from each other draw alike.",
    "Finding": "One image with findings and without; grey in the difference is no change.",
}

DIRECTIONS = 8
"""Of those that the network varies most, which are offered."""

person.require("viewer")
number = gallery.version()
shared.only_of_drawn(number, "Mixtures, walks and edits are")
known = shared.versions()
model = shared.project().model
topic = settings.pill("Topic", list(ABOUT), "topic", "Mixture")
st.caption(ABOUT[topic])
with st.sidebar:
    spec, generators = shared.spec(number), shared.generators(number)
    label = settings.label(spec) if topic != "Mixture" else ""
    order = Order(number, label, 1, settings.seed(), settings.truncation())

if topic == "Mixture":
    with st.container(horizontal=True):
        parts = {
            name: settings.whole(name, f"part-{name}", int(place < 2), 0, 10)
            for place, name in enumerate(spec.classes)
        }
    mixed = exploring.mixture(parts) or spec.classes[0]
    st.caption(f"As a class: {plain(mixed)}")
    drawn = shared.draw(replace(order, label=mixed, count=settings.whole("Images", "n", 8, 1, 32)))
    gallery.grid(drawn, opens=False)
elif topic == "Walk":
    with st.container(horizontal=True):
        to_seed = settings.seed("to", "To seed", 1)
        steps = settings.whole("Steps", "steps", 8, 1, 32)
    gallery.row(exploring.walk(model, generators, order, to_seed, steps))
elif topic == "Likeness":
    with st.container(horizontal=True):
        index = settings.whole("Image", "near", 0, 0, 63)
        step = settings.share("Step", "step", 0.15, 1.0, "Share of the way to another image.")
    first = shared.draw(replace(order, count=index + 1))
    looks = exploring.alike(model, generators, order, index, 7, step)
    gallery.row([exploring.Look(first.images[index], "the image", first.about(index)), *looks])
elif topic == "Edit" and not spec.directions:
    st.info(
        "This version has no space of styles to edit in. Versions that were trained with "
        "train.family: style have one."
    )
elif topic == "Edit":
    others = [name for name in spec.classes if name != label]
    numbered = [f"direction {number}" for number in range(min(spec.directions, DIRECTIONS))]
    with st.container(horizontal=True):
        where = str(
            settings.one_of("Towards", others + numbered, "towards", (others + numbered)[0])
        )
        steps = settings.whole("Steps", "edit-steps", 4, 1, 16)
        far = settings.share("Amount", "amount", 1.0 if where in others else 2.0, 3.0)
    if where in others:
        edits = [Edit(far * step / steps, where) for step in range(steps + 1)]
    else:
        along = numbered.index(where)
        ends = range(-steps, steps + 1)
        edits = [Edit(far * step / steps, direction=along) for step in ends]
    gallery.row(exploring.edited(model, generators, order, edits))
elif topic == "Versions":
    loaded = {one.number: shared.generators(one.number) for one in known[:4]}
    across = exploring.across(model, loaded, order)
    gallery.row(across.looks, 200)
    for refused, why in across.refused.items():
        st.warning(plain(without_paths(f"Version {refused} is left out: {why}")))
elif not spec.kinds:
    st.info(settings.why_nothing_is_asked(spec))
else:
    with st.container(horizontal=True):
        count = settings.whole("Findings", "of-each", 1, 1, 6)
        usual = label if label in spec.kinds else spec.kinds[0]
        kind = settings.one_of("Their kind", spec.kinds, "of-kind", usual)
    gallery.effect(exploring.effect(model, generators, replace(order, asked=Asked(count, kind))))
