"""Files that were not taken in: why, what they show, and a person's decision about them."""

import base64
import io
from collections.abc import Sequence

import streamlit as st
from PIL import Image

from app import person, settings, shared, viewer
from app.person import Person
from app.wording import plain, without_paths
from pipeline.base.errors import TransientError
from pipeline.data.revise.quarantining import (
    QuarantineDecision,
    QuarantinedFile,
    list_quarantined,
    reject,
    release,
)
from pipeline.reports.data.looking import MOST_AT_ONCE, SetAside, look_at

ROLE = "curator"
STATES = ("open", "released", "rejected")
_PATIENCE = 2.0  # seconds that a page waits for an ingest
_SEEN, _DECIDED = "set-aside-seen", "set-aside-decided"


def show() -> None:
    """The list, and below it what is chosen of it."""
    found = files()
    if decided := st.session_state.pop(_DECIDED, ""):
        st.success(decided)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = settings.pill("State", list(STATES), "state", "open")
        here = [each for each in found if each.state == state]
        reasons = sorted({each.reason for each in here})
        reason = settings.one_of("Reason", ["any", *reasons], "reason", "any") if here else "any"
    if not here:
        st.info(f"Of {len(found)} files that were set aside none is {state}.")
        return
    here = [each for each in here if reason in ("any", each.reason)]
    st.dataframe([_row(each) for each in here], hide_index=True, width="stretch")
    _choose(here)


def files() -> list[QuarantinedFile]:
    """Every set-aside file, as it was a few seconds ago."""
    return _files(str(shared.project().state))


@st.cache_data(ttl=10, max_entries=2, show_spinner="reading the list")
def _files(state: str) -> list[QuarantinedFile]:  # noqa: ARG001 - the key
    return list_quarantined(shared.project())


def _row(each: QuarantinedFile) -> dict[str, object]:
    return {
        "record": each.record, "class": each.label, "reason": each.reason,
        "kB": round(each.bytes / 1000, 1), "detail": each.detail,
    }  # fmt: skip


@st.fragment
def _choose(here: Sequence[QuarantinedFile]) -> None:
    who = person.require(ROLE)  # a fragment runs again without its page
    by_record = {each.record: each for each in here}
    chosen = st.multiselect(
        f"Choose up to {MOST_AT_ONCE}, to look at and to decide about",
        list(by_record),
        key="chosen",
        max_selections=MOST_AT_ONCE,
        format_func=lambda one: _title(by_record[one]) if one in by_record else one,
        placeholder="record, class or reason",
    )
    chosen = [one for one in chosen if one in by_record]
    for one in chosen:
        st.caption(f"`{one}` {by_record[one].reason}: {plain(by_record[one].detail)}")
    if chosen:
        _look([by_record[one] for one in chosen], who)
        _decide([by_record[one] for one in chosen], who)


def _title(each: QuarantinedFile) -> str:
    return " · ".join(filter(None, (each.record, each.label, each.reason)))


def _look(chosen: Sequence[QuarantinedFile], who: Person) -> None:
    """Show the images, once the look at them is recorded."""
    records = [each.record for each in chosen]
    seen: dict[str, SetAside] = st.session_state.get(_SEEN, {})
    seen = {one: seen[one] for one in records if one in seen}
    if unseen := [one for one in records if one not in seen]:
        place = st.empty()
        with place.container(horizontal=True, vertical_alignment="bottom"):
            why = st.text_input(
                "Why you look", "to decide about it", key="look-why", max_chars=200,
                help="Kept for good with your name, the images and the time.",
            )  # fmt: skip
            asked = st.button(f"Look at {len(unseen)}", key="look")
        if asked:
            with shared.errors_as_words(), st.spinner("reading"):
                looked = look_at(shared.project(), unseen, by=who.name, reason=why, role=who.role)
                seen |= {one.record: one for one in looked}
                place.empty()
    st.session_state[_SEEN] = seen
    if shown := [one for one in seen.values() if one.image is not None]:
        images(shown, "set-aside-viewer")
    if gone := [one.record for one in seen.values() if one.image is None]:
        st.caption(
            f"Cannot be shown: {', '.join(gone)}. It was never decoded, has changed, or consent "
            f"was withdrawn; `{shared.project().command} data quarantine show RECORD` names it."
        )


def images(shown: Sequence[SetAside], key: str) -> None:
    """One or two closely, in a viewer of this key, more side by side; none has an address."""
    if any(one.may_name for one in shown):
        st.warning("It may show text, such as a patient's name: copy none of it.")
    if len(shown) <= 2:
        viewer.show(
            [
                viewer.Pane(one.image, one.record, _alt(one), real=True)
                for one in shown
                if one.image is not None
            ],
            key=key,
        )
        return
    cells = st.grid(min_column_width=180)
    for one in shown:
        assert one.image is not None  # noqa: S101 - its caller leaves the others out
        stream = io.BytesIO()
        Image.fromarray(one.image).save(stream, "PNG")
        uri = f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
        with cells.cell():
            st.image(uri, f"{one.record} · {one.label}", width="stretch", alt=_alt(one))


def _alt(one: SetAside) -> str:
    return f"Image {one.record}, class {one.label or 'unknown'}"


def _decide(chosen: Sequence[QuarantinedFile], who: Person) -> None:
    """A reason, and the two decisions."""
    kept = [each for each in chosen if not each.releasable]
    with st.form("decision", border=True):
        st.markdown(f"**Decide about {len(chosen)}**")
        reason = st.text_input(
            "Reason", key="decision-reason", max_chars=500,
            help="Kept for good in the journal, with your name: never write a patient's name.",
        )  # fmt: skip
        with st.container(horizontal=True):
            let_in = st.form_submit_button("Release", key="release", disabled=bool(kept))
            keep_out = st.form_submit_button("Reject for good", key="reject")
    if kept:
        st.caption(
            f"{', '.join(each.record for each in kept)} cannot be released: a person may overrule "
            "a check of quality, never a damaged file, a conflict or a withdrawal."
        )
    if not (let_in or keep_out):
        return
    if not reason.strip():
        st.warning("Say in a few words why: it is kept for good.")
        return
    with shared.errors_as_words():
        _record(chosen, who, reason, let_in=let_in)


def _record(chosen: Sequence[QuarantinedFile], who: Person, reason: str, *, let_in: bool) -> None:
    act = release if let_in else reject
    records = [each.record for each in chosen]
    try:
        done = act(
            shared.project(), records, by=who.name, reason=reason.strip(), patience=_PATIENCE
        )
    except TransientError as error:
        _files.clear()
        st.warning(
            "This was not finished; reload the page, and decide again what is open then. "
            f"{without_paths(str(error))}"
        )
        return
    st.session_state[_DECIDED] = _said(done, let_in=let_in)
    st.session_state.pop(_SEEN, None)
    _files.clear()
    st.rerun()


def _said(done: QuarantineDecision, *, let_in: bool) -> str:
    count = len(done.records)
    after = "the next ingest takes them in" if let_in else "they stay out for good"
    action = "released" if let_in else "rejected"
    return f"{count} {action}; {after}. Data revision {done.revision[:12]}."
