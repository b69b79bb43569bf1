"""What pages share: the project, its versions, drawing with caches, the frame around a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import streamlit as st

from app.wording import SYNTHETIC, without_paths
from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.registry.bundle import OutputSpec
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.drawn_images import DrawnImages, draw_images
from pipeline.registry.generators import Generators
from pipeline.registry.known_versions import KnownVersion, known_versions
from pipeline.registry.order import Order
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import Marker

_STYLE = """<style>
[data-testid="stImage"] img { image-rendering: pixelated; }
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 3rem; }
[data-testid="stImageCaption"] { font-size: .8rem; }
</style>"""


def project() -> Project:
    """The project that the server was started for."""
    return Project.load()


def frame() -> None:
    """What is around every page: that all of it is synthetic, and whose images they are."""
    st.html(_STYLE)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("SYNTHETIC", color="orange")
        st.caption(f"medloom · project {project().name} · model {project().model}")
    st.caption(SYNTHETIC)


@contextmanager
def errors_as_words() -> Iterator[None]:
    """Show medloom's own errors as messages, without the folders of this machine."""
    try:
        yield
    except MedloomError as error:
        st.error(without_paths(str(error)))


def versions() -> list[KnownVersion]:
    """The versions of the project, newest first; a page without any says what to type, and ends."""
    here = project()
    found = _versions(str(here.state), here.mlflow_uri)
    if not found:
        _nothing_yet(here.command)
        st.stop()
    return found


def usual_version(known: list[KnownVersion]) -> int:
    """The champion, or the newest where there is none."""
    return next((one.number for one in known if one.is_champion), known[0].number)


def generators(version: int) -> Generators:
    """The door to the images of one version, which is loaded."""
    here = project()
    return _generators(here.model, version, str(here.state))


def spec(version: int) -> OutputSpec:
    """What a version's images are."""
    return generators(version).output_spec(version)


def draw(order: Order) -> DrawnImages:
    """The images of an order, by the version's number, with the marks of the project's keys."""
    here = project()
    drawn = _draw(here.model, str(here.state), order)
    return replace(drawn, marker=Marker(MarkKeys.of(here)))


@st.cache_data(ttl=15, max_entries=4, show_spinner=False)
def _versions(state: str, uri: str) -> list[KnownVersion]:  # noqa: ARG001 - the key
    return known_versions(project())


@st.cache_resource(max_entries=4, show_spinner="loading the generator")
def _generators(model: str, version: int, state: str) -> Generators:  # noqa: ARG001 - the key
    made = Generators(project(), DrawCounter.of(project(), "app"))
    made.output_spec(version)
    return made


@st.cache_data(max_entries=32, show_spinner="drawing")
def _draw(model: str, state: str, order: Order) -> DrawnImages:  # noqa: ARG001 - the key
    return draw_images(model, generators(int(order.version)), order)


def _nothing_yet(medloom: str) -> None:
    """What to type in a project that has learned nothing yet."""
    st.subheader("This project has learned nothing yet")
    st.markdown(
        "There is no version to draw from. A version comes from a training, which the scheduler "
        "runs as soon as there are images. Type in a terminal, and then reload this page:"
    )
    st.code(
        f"{medloom} demo              # computed phantoms, from images to a champion\n"
        f"{medloom} demo FOLDER       # your images: one folder a class\n"
        f"{medloom} champion history  # what was decided so far, and why",
        language="shell",
        wrap_lines=True,
    )
