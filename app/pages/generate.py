"""Draw images, look at them, and take them along."""

from app import gallery, opinion, person, settings

person.require("viewer")
drawn = gallery.ordered()
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
