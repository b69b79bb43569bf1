"""How near a version comes to the truth, by its own evaluation, beside its task's rival."""

import streamlit as st

from app import measured, shared
from app.wording import plain
from model.tasks import Task
from model.tasks.task import Quality
from pipeline.base.errors import BadInputError
from pipeline.evaluation.record import Evaluation, Figure
from pipeline.reports.run.figure_texts import text_of

_COLUMNS = 3


def show(number: int) -> None:
    """The page of a version whose task has a truth."""
    task, facts = shared.task(number), shared.facts(number)
    st.subheader(f"Version {number} beside {task.rival}")
    found = facts.evaluation
    if found is None or found.baseline is None:
        st.info(
            f"MLflow holds no evaluation of version {number} that can be read. Each run registers "
            f"one; `{shared.project().command} evaluate --version {number}` measures it here."
        )
        return
    real = "phantom" if facts.phantom else "real"
    st.caption(
        f"Given {task.given}, made of {found.protocol.n_real} held-out {real} images of "
        f"{len(found.group_scores)} groups; each result is compared with "
        + ("both that it was made of." if task.sources > 1 else "the image itself.")
        + (f" Verdict of the gate: {facts.outcome}." if facts.outcome else "")
    )
    columns = st.columns(_COLUMNS)
    for place, quality in enumerate(task.qualities):
        with columns[place % _COLUMNS], st.container(border=True):
            _quality(quality, found, found.baseline, task)
    if facts.reason:
        st.caption(f"The gate: {plain(facts.reason)}.")
    st.caption(
        "Bars: 95 % intervals over the test groups, which count equally. The gain is measured "
        "image by image, so it may be sure where the bars of both overlap. Nothing is decided "
        f"here. Rows of images, given, {task.rival}, made{' and real' * (task.sources == 1)}, "
        "stand on the page Versions, under Baseline, for readers."
    )


def _quality(quality: Quality, ours: Evaluation, rivals: Evaluation, task: Task) -> None:
    text = text_of(quality.name)
    try:
        mine, theirs = ours.figure(quality.name), rivals.figure(quality.name)
        gain = ours.figure(quality.gain)
    except BadInputError:  # of another version of medloom
        st.caption(f"{text.title} was not measured.")
        return
    st.markdown(f"**{plain(text.title)}**")
    rows = [
        measured.interval(who, one.value, *_ends(one))
        for who, one in (("this version", mine), (task.rival, theirs))
    ]
    ends = [row[end] for row in rows for end in ("low", "high")]
    measured.ranges(
        rows, "", f"{text.title}: {mine.value:.4g}, of {task.rival} {theirs.value:.4g}",
        (min(ends), max(ends)),
    )  # fmt: skip
    st.caption(f"{_gained(gain, quality, task)} {plain(text.meaning)}")


def _gained(gain: Figure, quality: Quality, task: Task) -> str:
    """Its gain over the rival, with what the interval says."""
    low, high = _ends(gain)
    unit = f" {quality.unit}" if quality.unit else ""
    verdict = "better" if low > 0 else "worse" if high < 0 else "undecided"
    return (
        f"Gain over {task.rival}: **{gain.value:+.3g}{unit}** ({low:+.3g} to {high:+.3g}), "
        f"{verdict}."
    )


def _ends(figure: Figure) -> tuple[float, float]:
    if figure.low is None or figure.high is None:
        return figure.value, figure.value
    return figure.low, figure.high
