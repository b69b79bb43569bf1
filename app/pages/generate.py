"""Draw images, or make them of given ones, look at them, and take them along."""

from app import gallery, making, opinion, person, settings, shared

person.require("viewer")
number = gallery.version()
if shared.task(number).paired:
    making.show(number)
else:
    drawn = gallery.ordered(number)
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
