"""What pages share: the project, its versions, drawing with caches, the frame around a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

import streamlit as st

from app.person import Person
from app.wording import SHOWN, without_paths
from model.tasks import Task, task_named
from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.evaluation.measure import Measured, measure_images
from pipeline.evaluation.reals import Reals
from pipeline.evaluation.score import OnProgress
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.promotion.measuring import last_difference, reals_of_run
from pipeline.registry.aliases import CHAMPION
from pipeline.registry.description import VersionFacts
from pipeline.registry.draw_counts import DrawCounter
from pipeline.registry.drawn_images import DrawnImages, draw_images
from pipeline.registry.enlargement import Enlargement
from pipeline.registry.generators import Generators, Version
from pipeline.registry.known_versions import KnownVersion, known_versions, version_facts
from pipeline.registry.order import Order
from pipeline.registry.output_spec import OutputSpec
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


def known(of: Project | None = None) -> list[KnownVersion]:
    """The versions of the project, or of another, newest first."""
    here = of or project()
    return _versions(str(here.state), here.mlflow_uri, here)


def aliases_of(number: int) -> str:
    """The aliases that a version has now, in brackets after a blank; "" without any."""
    names = [name for one in known() if one.number == number for name in one.aliases]
    return f" ({', '.join(names)})" if names else ""


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


def generators(version: int, of: Project | None = None) -> Generators:
    """The door to the images of one version of the project, or of another; it is loaded."""
    here = of or project()
    return _generators(here.model, version, str(here.state), here)


def spec(version: int) -> OutputSpec:
    """What a version's images are."""
    return generators(version).output_spec(version)


def task(version: int) -> Task:
    """What a version does."""
    return task_named(spec(version).task)


def only_of_drawn(version: int, what: str) -> None:
    """For a version that is given images, the page says why it shows nothing, and ends there.

    Args:
        version: its number.
        what: is of images that a version draws.
    """
    if not (found := task(version)).paired:
        return
    st.info(
        f"{what} of images that a version draws, and version {version} draws none: it is given "
        f"{found.given}. The page Generate shows what it makes, the page Evaluate how near that "
        "comes to the truth."
    )
    st.stop()


def draw(order: Order, of: Project | None = None) -> DrawnImages:
    """The images of an order, by the version's number, with the marks of the project's keys.

    Args:
        order: what is drawn.
        of: the project; None: this one.
    """
    here, anew = of or project(), list[Order]()
    drawn = _draw(here.model, str(here.state), order, here, anew)
    if not anew:  # what is drawn anew is asked for there, but a cache knows of no block
        generators(int(order.version), of).require_handed_out(order.version)
    return replace(drawn, marker=Marker(MarkKeys.of(here)))


def enlarged(drawn: DrawnImages, larger: Enlargement) -> DrawnImages:
    """Drawn images, enlarged."""
    return replace(
        _enlarge(drawn.model, drawn.order, larger.model, larger.version.number, larger, drawn),
        marker=drawn.marker,
    )


def fitting(version: int) -> tuple[list[str], list[str]]:
    """Projects beside this one whose champion draws what an enlarger takes, and why others do not.

    Returns:
        Names, and sentences about those that could not be asked.
    """
    here = project()
    return _fitting(str(here.state), version, tuple(here.neighbours), here)


def facts(version: int) -> VersionFacts:
    """What MLflow holds about a version."""
    here = project()
    return _facts(str(here.state), version, here)


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
def _versions(state: str, uri: str, _project: Project) -> list[KnownVersion]:  # noqa: ARG001 - the key
    return known_versions(_project)


@st.cache_resource(max_entries=4, show_spinner="loading the generator")
def _generators(model: str, version: int, state: str, _project: Project) -> Generators:  # noqa: ARG001 - the key
    made = Generators(_project, DrawCounter.of(_project, "app"))
    made.output_spec(version)
    return made


@st.cache_data(ttl=300, max_entries=16, show_spinner="reading the figures")
def _facts(state: str, version: int, _project: Project) -> VersionFacts:  # noqa: ARG001 - the key
    return version_facts(_project, version)


@st.cache_data(ttl=300, max_entries=4, show_spinner="looking for generators that fit")
def _fitting(
    state: str,  # noqa: ARG001 - the key
    version: int,
    names: tuple[str, ...],
    _project: Project,
) -> tuple[list[str], list[str]]:
    mine, fit, failed = generators(version, _project).output_spec(version), [], []
    for name in names:
        try:
            other = Generators(_project.beside(name)).output_spec(CHAMPION)
        except MedloomError as error:
            failed.append(f"{name}: {without_paths(str(error))}")
            continue
        if (other.task, other.image_size, other.region) == ("draw", mine.given_size, mine.region):
            fit.append(name)
    return fit, failed


@st.cache_data(max_entries=32, show_spinner="drawing")
def _draw(
    model: str,
    state: str,  # noqa: ARG001 - the key
    order: Order,
    _project: Project,
    _anew: list[Order],
) -> DrawnImages:
    """Draw; what was not in the cache is added to `_anew`."""
    _anew.append(order)
    return draw_images(model, generators(int(order.version), _project), order)


@st.cache_data(max_entries=16, show_spinner="enlarging")
def _enlarge(
    model: str,  # noqa: ARG001 - the key
    order: Order,  # noqa: ARG001 - the key
    larger: str,  # noqa: ARG001 - the key
    version: int,  # noqa: ARG001 - the key
    _larger: Enlargement,
    _drawn: DrawnImages,
) -> DrawnImages:
    return _larger.enlarged(_drawn)


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
