"""A reader before one trial of a study: the images, the keys, and what was said."""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st

from app import person, shared, study_flag, study_results
from app.study_flag import Flagged
from app.wording import plain
from pipeline.study.course import Course, Reply
from pipeline.study.flags import hand_on_flags
from pipeline.study.plan import LEFT, REAL, RIGHT, SYNTHETIC, Plan
from pipeline.study.records import MOST_SURE
from pipeline.study.trial_images import TrialImages

SOONEST = 0.3
"""Seconds: what comes sooner was meant for the trial before, as of a key held down."""
_SHOWN, _EVENT = "study-shown", "study-event"
_SURE = ("guess", "leaning", "likely", "sure")
_DIGITS = 9  # keys
_STYLE = """<style>
.st-key-trial [data-testid="stImage"], .st-key-trial [data-testid="stImageContainer"] {
  width: 100%; }
.st-key-trial img { width: 100%; height: min(54vh, 100vw); object-fit: contain; background: #000; }
.st-key-trial button { min-height: 2.9rem; padding: .25rem; }
.st-key-pair, .st-key-real, .st-key-synthetic { display: grid; gap: .5rem; }
.st-key-pair { grid-template-columns: 1fr 1fr; }
.st-key-real, .st-key-synthetic { grid-template-columns: repeat(4, 1fr); }
@media (max-width: 640px) { .st-key-trial img { height: auto; } }
</style>"""


@dataclass(frozen=True)
class _Shown:
    """The trial on screen.

    Attributes:
        study: its name.
        trial: number in the plan.
        place: in the reader's order; the only number that the browser gets.
        since: when it, or the second question about it, was shown; of `clock`.
        said: the answer to the first question; None: it is being asked.
        flagging: when the reader began to say what is wrong with an image; None: they do not.
        noted: whether they did so on this trial.
    """

    study: str
    trial: int
    place: int
    since: float
    said: Reply | None = None
    flagging: float | None = None
    noted: bool = False

    @property
    def asks(self) -> bool:
        """Whether the first question is on screen."""
        return self.said is None and self.flagging is None


@dataclass(frozen=True)
class _Said:
    """An answer as a button gives it; `step` is 0 for the first question about the trial."""

    place: int
    step: int
    reply: dict[str, Any]


def clock() -> float:
    """Seconds of the server's monotonic clock."""
    return time.monotonic()


@st.fragment
def take_part(name: str) -> None:
    """Lead the person at this page through a study; only this part of the page runs again."""
    with shared.errors_as_words():
        who, project = person.require("reader"), shared.project()
        course = Course.of(project, name, who.reader(project), who.role)
        shown = st.session_state.get(_SHOWN)
        if shown and (shown.study != name or shown.trial not in course.pending):
            shown = None
        course, shown = _after_event(course, shown)
        st.session_state[_SHOWN] = shown
        if course.over:
            _finished(course)
        elif shown is None:
            _invite(course)
        else:
            _show(course, shown)


def _after_event(course: Course, shown: _Shown | None) -> tuple[Course, _Shown | None]:
    """The course and the trial on screen after what was pressed, if anything was."""
    event = st.session_state.pop(_EVENT, None)
    if event == "pause" or course.over:
        return course, None
    if event == "begin":
        return _next(course.look())
    if shown is None or event is None:
        return course, shown
    if isinstance(event, _Said):
        return _answered(course, shown, event)
    return _flagging(course, shown, event)


def _answered(course: Course, shown: _Shown, event: _Said) -> tuple[Course, _Shown | None]:
    """An answer, or the first part of one, unless it was meant for another question."""
    if _stale(event, shown):
        return course, shown
    if shown.said is not None:
        return _next(course.answer(shown.trial, replace(shown.said, **event.reply)))
    reply = Reply(seconds=clock() - shown.since, **event.reply)
    if course.plan.choices:
        return course, replace(shown, said=reply, since=clock())
    return _next(course.answer(shown.trial, reply))


def _flagging(course: Course, shown: _Shown, event: str | Flagged) -> tuple[Course, _Shown]:
    """The form on what is wrong opens, closes, or is filled in; its time is not of the answer."""
    if event == "flag":
        return course, replace(shown, flagging=clock())
    if shown.flagging is None or (isinstance(event, Flagged) and event.place != shown.place):
        return course, shown
    if isinstance(event, Flagged):
        if not event.enough:
            return course, shown
        course = course.flag(shown.trial, event.tags, event.note, event.side)
        shown = replace(shown, noted=True)
    spent = clock() - (shown.flagging or 0.0)
    return course, replace(shown, flagging=None, since=shown.since + spent)


def _stale(event: _Said, shown: _Shown) -> bool:
    """Whether what was pressed was meant for another question, or came too soon."""
    other = (event.place, event.step) != (shown.place, int(shown.said is not None))
    return other or shown.flagging is not None or clock() - shown.since < SOONEST


def _next(course: Course) -> tuple[Course, _Shown | None]:
    """The next trial on screen; the look at it is recorded already."""
    if course.over:
        with shared.errors_as_words():
            hand_on_flags(shared.project())
        return course, None
    trial = course.pending[0]
    return course, _Shown(course.plan.name, trial, course.order.index(trial), clock())


def _say(event: object) -> None:
    st.session_state[_EVENT] = event


# -- what is on screen -----------------------------------------------------------------------------


def _invite(course: Course) -> None:
    plan, count = course.plan, len(course.pending)
    st.subheader(f"Study {plan.name}")
    if plan.design == "pair":
        st.markdown(
            "You see two images side by side: one is real, one was computed by a network. **Choose "
            "the real one.** Keys: left and right arrow."
        )
    else:
        st.markdown(
            "You see one image. **Is it real, or was it computed by a network, and how sure are "
            "you?** Keys: `1` (surely real) to `8` (surely synthetic)."
        )
    if plan.choices:
        st.markdown("Then choose the class that you see, by its number.")
    st.markdown(
        "You learn at the end how often you were right. You may pause (`Esc`) or close the page at "
        "any time and go on later; an answer cannot be changed. If something is wrong with an "
        "image, such as letters in it, say so: that is no answer. Your answers are kept under a "
        "pseudonym, with the time that each took, and so is which real images you looked at."
    )
    _progress(course)
    begin = "Go on" if course.begun else "Begin"
    st.button(
        f"{begin}: {count} to answer", key="study-begin", type="primary", shortcut="Enter",
        on_click=partial(_say, "begin"),
    )  # fmt: skip


def _show(course: Course, shown: _Shown) -> None:
    plan, trial = course.plan, shown.trial
    images = _images(plan.name, course.study.records[0].sha256, str(shared.project().state))
    pngs = images.pngs(plan, trial)
    st.html(_STYLE)
    _progress(course)
    with st.container(key="trial"):
        if plan.design == "pair":
            _pair(pngs, shown)
        else:
            _single(pngs[0], shown)
        if shown.flagging is not None:
            study_flag.ask(shown.place, pair=plan.design == "pair", say=_say)
            return
        if shown.said is not None:
            _ask_class(plan, shown)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Something is wrong", key=f"study-flag-{shown.place}", type="tertiary",
                on_click=partial(_say, "flag"),
            )  # fmt: skip
            st.button(
                "Pause", key=f"study-pause-{shown.place}", shortcut="Escape", type="tertiary",
                on_click=partial(_say, "pause"),
            )  # fmt: skip
            if not plan.choices:
                st.caption(f"class: {plan.trials[trial].label}")
            if shown.noted:
                st.caption("What is wrong was noted. Now answer.")


def _progress(course: Course) -> None:
    done, total = course.answered, len(course.order) - course.skipped
    skipped = (
        f"; {course.skipped} are left out, since their image was withdrawn or relabelled"
        if course.skipped
        else ""
    )
    st.progress(done / max(total, 1), f"{done} of {total} answered{skipped}")


def _pair(pngs: list[bytes], shown: _Shown) -> None:
    with st.container(key="pair"):
        for side, png, key in zip((LEFT, RIGHT), pngs, ("Left", "Right"), strict=True):
            with st.container():
                st.image(png, width="stretch", output_format="PNG", alt=f"Image on the {side}")
                if shown.asks:
                    _answer(f"{key} is real", shown, 0, f"Arrow{key}", says=side)


def _single(png: bytes, shown: _Shown) -> None:
    st.image(png, width="stretch", output_format="PNG", alt="Image to judge")
    if not shown.asks:
        return
    scale = range(1, MOST_SURE + 1)
    grades = [(REAL, sure) for sure in reversed(scale)] + [(SYNTHETIC, sure) for sure in scale]
    halves = dict(zip((REAL, SYNTHETIC), st.columns(2), strict=True))
    for kind, half in halves.items():
        half.markdown(f"**{kind.capitalize()}**", text_alignment="center")
        halves[kind] = half.container(key=kind)
    for key, (says, sure) in enumerate(grades, 1):
        with halves[says]:
            _answer(_SURE[sure - 1], shown, 0, str(key), says=says, confidence=sure)


def _ask_class(plan: Plan, shown: _Shown) -> None:
    st.markdown("**Which class do you see?**")
    with st.container(horizontal=True):
        for number, choice in enumerate(plan.choices, 1):
            key = str(number) if number <= _DIGITS else None
            _answer(choice, shown, 1, key, sees=choice)


def _answer(title: str, shown: _Shown, step: int, shortcut: str | None, **reply: Any) -> None:
    """A button; its key names the place, so that a late press is not one on the next trial."""
    st.button(
        title, key=f"study-{shown.place}-{step}-{'-'.join(map(str, reply.values()))}",
        shortcut=shortcut, width="stretch",
        on_click=partial(_say, _Said(shown.place, step, reply)),
    )  # fmt: skip


def _finished(course: Course) -> None:
    if course.pending:
        st.subheader(f"Study {course.plan.name} has ended")
        st.caption(f"It is {plain(course.progress.in_words)}.")
    else:
        st.subheader(f"Study {course.plan.name}: you are through")
    study_results.own(course)


@st.cache_resource(max_entries=4, show_spinner="preparing the images")
def _images(name: str, plan_sha256: str, state: str) -> TrialImages:  # noqa: ARG001 - the key
    from pipeline.ledger.ledger import Ledger
    from pipeline.study.records import Study

    project = shared.project()
    plan = Study.read(Ledger(project), name).plan
    return TrialImages.load(project, plan, shared.generators(plan.version))
