"""What pages share: the project, its versions, drawing with caches, the frame around a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

import streamlit as st

from app.person import Person
from app.wording import SHOWN, without_paths
from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.evaluation.measure import Measured, measure_images
from pipeline.evaluation.reals import Reals
from pipeline.evaluation.score import OnProgress
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.promotion.measuring import last_difference, reals_of_run
from pipeline.registry.bundle import OutputSpec
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.drawn_images import DrawnImages, draw_images
from pipeline.registry.generators import Generators, Version
from pipeline.registry.known_versions import KnownVersion, known_versions
from pipeline.registry.order import Order
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import Marker

_STYLE = """<style>
[data-testid="stImage"] img { image-rendering: pixelated; }
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 3rem; }
[data-testid="stImageCaption"] { font-size: .8rem; }
.st-key-who { font-size: .875rem; opacity: .7; }
</style>"""


def project() -> Project:
    """The project that the server was started for."""
    return Project.load()


def frame(who: Person, shows: str = "synthetic") -> None:
    """What is around every page: what its images are, whose they are, and who looks at them.

    Args:
        who: looks at the page.
        shows: kind of the images that it can show, of `SHOWN`.
    """
    badge, words = SHOWN[shows]
    st.html(_STYLE)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(badge, color="orange" if badge == "SYNTHETIC" else "red")
        st.caption(f"medloom · project {project().name} · model {project().model}", width="stretch")
        with st.container(key="who", width="content"):
            st.text(f"{who.name} · {who.role}", width="content")
        if who.logged_in and st.button("Log out", key="log-out", type="tertiary"):
            st.logout()
    st.caption(words)


@contextmanager
def errors_as_words(*, ends: bool = False) -> Iterator[None]:
    """Show medloom's own errors as messages, without the folders of this machine.

    Args:
        ends: whether the page ends there.
    """
    try:
        yield
    except MedloomError as error:
        st.error(without_paths(str(error)))
        if ends:
            st.stop()


def known() -> list[KnownVersion]:
    """The versions of the project, newest first."""
    here = project()
    return _versions(str(here.state), here.mlflow_uri)


def versions() -> list[KnownVersion]:
    """The versions of the project, newest first; a page without any says what to type, and ends."""
    here, found = project(), known()
    if not found:
        _nothing_yet(here.command)
        st.stop()
    told, numbers = st.query_params.get("version", ""), [one.number for one in found]
    if told.isdecimal() and int(told) not in numbers:
        there = ", ".join(map(str, sorted(numbers)))
        st.warning(
            f"The address names version {told}, which {here.model} does not have; it has {there}. "
            f"What follows is of version {usual_version(found)}."
        )
    return found


def usual_version(among: list[KnownVersion]) -> int:
    """The champion, or the newest where there is none."""
    return next((one.number for one in among if one.is_champion), among[0].number)


def generators(version: int) -> Generators:
    """The door to the images of one version, which is loaded."""
    here = project()
    return _generators(here.model, version, str(here.state))


def spec(version: int) -> OutputSpec:
    """What a version's images are."""
    return generators(version).output_spec(version)


def drawing_spec(version: int) -> OutputSpec:
    """As `spec`; of a version that draws no images the page says so, and ends there."""
    found = spec(version)
    if not found.draws:
        uses = {
            "enlarge": "`medloom generate --enlarge` of a project that draws uses it",
            "fuse": "whoever loads it from MLflow gives it pairs of registered images",
        }
        st.info(
            f"Version {version} draws no images: it {found.does}. {uses[found.task]}; its figures "
            "are on the page Versions."
        )
        st.stop()
    return found


def draw(order: Order) -> DrawnImages:
    """The images of an order, by the version's number, with the marks of the project's keys."""
    here, anew = project(), list[Order]()
    drawn = _draw(here.model, str(here.state), order, anew)
    if not anew:  # what is drawn anew is asked for there, but a cache knows of no block
        generators(int(order.version)).require_handed_out(order.version)
    return replace(drawn, marker=Marker(MarkKeys.of(here)))


def reals(version: Version) -> Reals:
    """The real images of a version's run with their features; a bar tells how far they are.

    A later data revision makes them anew, so that what is withdrawn is not used from memory.
    """
    here = project()
    slot = _reals_slot(str(here.state), version.run_key, Ledger(here).head(DATA) or "")
    with slot.lock:
        if slot.reals is None:
            with _progress() as tell:
                slot.reals = reals_of_run(here, version.run_key, tell)
    return slot.reals


def measure(drawn: DrawnImages, among: Reals) -> Measured:
    """What a few images are like beside real ones."""
    here = project()
    revision = Ledger(here).head(DATA) or ""
    return _measure(str(here.state), drawn.order, revision, last_difference(here), drawn, among)


@dataclass
class _Slot:
    """A place for the real images of one run, which one session fills."""

    lock: Lock = field(default_factory=Lock)
    reals: Reals | None = None


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar for a task that tells (what, done, total); it is gone afterwards."""
    bar = st.progress(0.0, "real images")

    def tell(what: str, done: int, total: int) -> None:
        bar.progress(done / total if total else 0.0, f"{what}: {done} of {total}")

    try:
        yield tell
    finally:
        bar.empty()


@st.cache_resource(max_entries=2, ttl=3600, show_spinner=False)
def _reals_slot(state: str, run_key: str, revision: str) -> _Slot:  # noqa: ARG001 - the key
    return _Slot()


@st.cache_data(max_entries=32, show_spinner="measuring")
def _measure(
    state: str,  # noqa: ARG001 - the key
    order: Order,
    revision: str,  # noqa: ARG001 - the key
    differs: float | None,
    _drawn: DrawnImages,
    _among: Reals,
) -> Measured:
    return measure_images(_drawn.images, order.label, _among, differs)


# Asked again beside a look at a page, not before it: a server of MLflow takes its time.
@st.cache_data(ttl=15, max_entries=4, show_spinner=False, refresh_mode="background")
def _versions(state: str, uri: str) -> list[KnownVersion]:  # noqa: ARG001 - the key
    return known_versions(project())


@st.cache_resource(max_entries=4, show_spinner="loading the generator")
def _generators(model: str, version: int, state: str) -> Generators:  # noqa: ARG001 - the key
    made = Generators(project(), DrawCounter.of(project(), "app"))
    made.output_spec(version)
    return made


@st.cache_data(max_entries=32, show_spinner="drawing")
def _draw(
    model: str,
    state: str,  # noqa: ARG001 - the key
    order: Order,
    _anew: list[Order],
) -> DrawnImages:
    """Draw; what was not in the cache is added to `_anew`."""
    _anew.append(order)
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
