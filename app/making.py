"""What a version that is given images makes of them, beside what was given and the rival's.

Nothing of a patient is given here: images are computed, drawn by another project, or of a file that
says that it is synthetic. A file is kept in memory while its page is open, and nowhere else.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import gallery, settings, shared, viewer
from app.wording import plain
from model.tasks import Task, work_of
from pipeline.base.project import Project
from pipeline.data.region import in_words
from pipeline.registry.drawn_images import DrawnImages, strip_of
from pipeline.registry.enlargement import USUAL_NOISE, Enlargement
from pipeline.registry.generators import Version
from pipeline.registry.given_file import GivenFile
from pipeline.registry.order import Order
from pipeline.registry.output_spec import OutputSpec
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import Marker

Images = NDArray[np.uint8]

EXAMPLE, DRAWN, FILE = "Computed example", "Drawn images", "A file"
_MOST_DRAWN = 16
_GAP, _GREY = 1 / 24, 96  # between images of a row: of their side; its grey level


@dataclass(frozen=True)
class Made:
    """What was given, and what was made of it.

    Attributes:
        given: uint8 [N, h, w], or [N, 2, H, W] for a task of two sources.
        rival: uint8 [N, H, W].
        made: uint8 [N, H, W].
        facts: what the images say about themselves, in files.
        task: of the version.
        version: its number.
        marker: marks the files.
    """

    given: Images
    rival: Images
    made: Images
    facts: Sequence[dict[str, Any]]
    task: Task
    version: int
    marker: Marker

    def __len__(self) -> int:
        return len(self.made)

    @property
    def columns(self) -> list[str]:
        """What the images of a row are."""
        given = ["given"] if self.task.sources == 1 else ["given first", "given second"]
        return [*given, self.task.rival, "made"]

    def row(self, index: int) -> bytes:
        """The images of one row side by side, a PNG file that says that it is synthetic."""
        made, given = self.made[index], self.given[index]
        side = made.shape[0]
        repeat = side // given.shape[-1]
        sources = [given] if given.ndim == 2 else list(given)
        large = [one.repeat(repeat, axis=0).repeat(repeat, axis=1) for one in sources]
        gap = np.full((side, max(round(side * _GAP), 1)), _GREY, np.uint8)
        parts = [part for one in (*large, self.rival[index], made) for part in (one, gap)]
        return self.marker.encode("png", strip_of(parts[:-1]), self.facts[index])


def show(number: int) -> None:
    """The page of a version whose task has a truth."""
    spec, task = shared.spec(number), shared.task(number)
    version = shared.generators(number).find(number)
    _heading(version, spec, task)
    sources = [EXAMPLE, DRAWN, FILE] if task.name == "enlarge" else [EXAMPLE]
    source = EXAMPLE
    if len(sources) > 1:
        source = settings.pill("Given", sources, "given", EXAMPLE)
    if source != DRAWN:
        settings.forget("of", "of-version", "label", "n", "seed")
    if source == DRAWN:
        _drawn(number, spec)
    elif source == FILE:
        _file(number, spec)
    else:
        _example(version, spec, task)


def _heading(version: Version, spec: OutputSpec, task: Task) -> None:
    makes = f"images {spec.factor} times as large" if spec.factor > 1 else task.made
    st.subheader(f"Version {version.number} makes {makes}")
    names = shared.aliases_of(version.number)
    sizes = dict.fromkeys((spec.given_size, spec.image_size))
    st.caption(
        f"{shared.project().model} version {version.number}{names} · weights sha256 "
        f"{version.weights_sha256[:12]} · given {task.given} · "
        f"{' to '.join(f'{side} × {side} px' for side in sizes)} · {in_words(spec.region)}"
    )
    st.caption(
        "What it adds was measured by nobody. How near it comes to the truth, beside "
        f"{task.rival}, stands on the page Evaluate."
    )


def _example(version: Version, spec: OutputSpec, task: Task) -> None:
    """What the task computes for this: nobody's image."""
    given, generators = work_of(task).example(spec.given_size), shared.generators(version.number)
    facts = {"model": shared.project().model, "version": version.number}
    facts |= {"weights_sha256": version.weights_sha256, "given": "example"}
    made = Made(
        given, generators.rival(version.number, given), generators.make(version.number, given),
        [facts] * len(given), task, version.number, Marker(MarkKeys.of(shared.project())),
    )  # fmt: skip
    _look(made)
    if task.name != "enlarge":
        st.caption(
            "To give it images of your own, load it from MLflow: the model card on the page "
            "Versions has the lines. No image of a patient comes in here."
        )


def _drawn(number: int, spec: OutputSpec) -> None:
    """Images of another project's version, enlarged as `medloom generate --enlarge` does it."""
    fit, failed = shared.fitting(number)
    for why in failed:
        st.caption(f"Could not be asked whether it fits: {plain(why)}")
    if not fit:
        st.info(
            f"No project beside this one has a champion that draws images of {spec.given_size} × "
            f"{spec.given_size} px of {in_words(spec.region)}. One that learns with "
            f"`preprocess.size: {spec.given_size}` would be offered here."
        )
        return
    with st.sidebar:
        name = str(settings.one_of("Drawn by the project", fit, "of", fit[0]))
        other = shared.project().beside(name)
        versions = shared.known(other)
        numbers = [one.number for one in versions]
        usual = shared.usual_version(versions)
        drawing = int(settings.one_of("Its version", numbers, "of-version", usual))
        label = settings.label(shared.generators(drawing, other).output_spec(drawing))
        count = settings.whole("Images", "n", 4, 1, _MOST_DRAWN)
        order = Order(drawing, label, count, settings.seed())
    small = shared.draw(order, other)
    larger = Enlargement.choose(
        shared.project(), str(number), spec.factor, small.spec,
        generators=shared.generators(number),
    )  # fmt: skip
    drawn = shared.enlarged(small, larger)
    rival = shared.generators(number).rival(number, small.images)
    facts = [drawn.about(index) for index in range(len(drawn))]
    chosen = _look(
        Made(small.images, rival, drawn.images, facts, shared.task(number), number, drawn.marker)
    )
    gallery.take_along(drawn, chosen, _typed(other, small, larger))


def _typed(other: Project, small: DrawnImages, larger: Enlargement) -> str:
    """The command that writes the same files."""
    here = f"{shared.project().name}:{larger.version.number}"
    options = [*small.order.options, "--enlarge", str(larger.factor), "--enlarger", here]
    return f"{other.command} generate {shlex.join(options)} -o out"


def _file(number: int, spec: OutputSpec) -> None:
    """A file that whoever looks has, if it says that it is synthetic."""
    side, here = spec.given_size, shared.project()
    told = st.file_uploader(
        f"A synthetic image, PNG of {side} × {side} px", ["png"], key="file",
        help="Kept in memory while this page is open, and nowhere else.",
    )  # fmt: skip
    st.caption(
        "Only files that say in themselves that they are synthetic, as medloom writes them. No "
        "image of a patient comes in here: enlarge those where they lie, by `model.enlarge` or the "
        "version in MLflow (page Versions, model card)."
    )
    if told is None:
        return
    keys, generators = MarkKeys.of(here), shared.generators(number)
    given = GivenFile.read(told.name, told.getvalue(), side)
    drawn = OutputSpec((), side, spec.region)
    larger = Enlargement.choose(here, str(number), spec.factor, drawn, generators=generators)
    small, marker = given.image[None], Marker(keys)
    made = generators.make(number, small, noise=USUAL_NOISE)
    file = given.enlarged(larger, made[0], marker)
    rival = generators.rival(number, small)
    _look(Made(small, rival, made, [dict(file.facts)], shared.task(number), number, marker))
    st.download_button(
        "The enlarged image (PNG)", file.content, file.name, "image/png", on_click="ignore"
    )


def _look(made: Made) -> int:
    """All rows, or the rival's and the made image of one in step; returns its number."""
    views = ["Rows", "Closely"]
    if settings.pill("View", views, "rows", views[0]) == views[0]:
        settings.forget("image", "look")
        st.caption(f"From left to right: {', '.join(made.columns)}.")
        cells = st.grid(min_column_width=320)
        for index in range(len(made)):
            with cells.cell():
                st.image(
                    made.row(index), f"{index}", width="stretch", output_format="PNG",
                    alt=f"Synthetic images, row {index}: {', '.join(made.columns)}",
                )  # fmt: skip
        return 0
    chosen = 0
    if len(made) > 1:
        chosen = settings.whole("Image", "image", 0, 0, len(made) - 1, width=140)
    panes = [
        viewer.Pane(images[chosen], f"image {chosen}, {what}", f"Synthetic image {chosen}, {what}")
        for images, what in ((made.rival, made.task.rival), (made.made, "made"))
    ]
    viewer.show(panes)
    return chosen
