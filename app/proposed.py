"""Images of the data that readers propose to take out, and a curator's answer to each."""

from collections.abc import Sequence

import streamlit as st

from app import person, set_aside, shared
from app.person import Person
from app.wording import plain, without_paths
from pipeline.base.errors import TransientError
from pipeline.data.revise.answering import accept, decline, list_proposed
from pipeline.data.revise.proposals import LONGEST_REASON, ProposedImage
from pipeline.feedback.rules import FeedbackConfig
from pipeline.ledger.project_params import ProjectParams
from pipeline.reports.data.looking import MOST_AT_ONCE, SetAside, look_at_held
from pipeline.study.flags import hand_on_flags

_PATIENCE = 2.0  # seconds that a page waits for an ingest
_SEEN, _ANSWERED = "proposed-seen", "proposed-answered"


def show() -> None:
    """The list, and below it what is chosen of it."""
    found = listed()
    if answered := st.session_state.pop(_ANSWERED, ""):
        st.success(answered)
    shown = [one for one in found if one.state != "waiting"]
    if waiting := len(found) - len(shown):
        st.caption(
            f"{waiting} more wait: of one reader {_most()} images are open at a time, so that "
            "nobody buries the list."
        )
    if not shown:
        st.info(
            "Nobody proposes to take an image out of the data. Readers of a study can, and so can "
            f"`{shared.project().command} data quarantine propose IMAGE`."
        )
        return
    newest = sorted(shown, key=lambda one: one.state != "open")
    st.dataframe([_row(one) for one in newest], hide_index=True, width="stretch")
    _choose([one for one in shown if one.state == "open"])


def listed() -> list[ProposedImage]:
    """Every proposed image, as it was a few seconds ago."""
    return _listed(str(shared.project().state))


@st.cache_data(ttl=10, max_entries=2, show_spinner="reading the proposals")
def _listed(state: str) -> list[ProposedImage]:  # noqa: ARG001 - the key
    with shared.errors_as_words():
        hand_on_flags(shared.project())
    return list_proposed(shared.project(), _most())


def _most() -> int:
    return ProjectParams.of(shared.project()).section("feedback", FeedbackConfig).most_per_reader


def _row(one: ProposedImage) -> dict[str, object]:
    return {
        "record": one.record, "class": one.label, "state": one.state, "detail": one.detail,
    }  # fmt: skip


@st.fragment
def _choose(here: Sequence[ProposedImage]) -> None:
    who = person.require(set_aside.ROLE)  # a fragment runs again without its page
    by_record = {one.record: one for one in here}
    chosen = st.multiselect(
        f"Choose up to {MOST_AT_ONCE}, to look at and to decide about",
        list(by_record),
        key="proposed-chosen",
        max_selections=MOST_AT_ONCE,
        format_func=lambda one: f"{one} · {by_record[one].label}" if one in by_record else one,
        placeholder="record or class",
    )
    images = [by_record[one] for one in chosen if one in by_record]
    for one in images:
        st.caption(f"`{one.record}` {plain(one.detail)}")
    if images:
        _look(images, who)
        _decide(images, who)


def _look(chosen: Sequence[ProposedImage], who: Person) -> None:
    """Show the images, once the look at them is recorded."""
    seen: dict[str, SetAside] = st.session_state.get(_SEEN, {})
    seen = {one.record: seen[one.record] for one in chosen if one.record in seen}
    if unseen := [one.image for one in chosen if one.record not in seen]:
        place = st.empty()
        with place.container(horizontal=True, vertical_alignment="bottom"):
            why = st.text_input(
                "Why you look", "to decide about it", key="proposed-why", max_chars=200,
                help="Kept for good with your name, the images and the time.",
            )  # fmt: skip
            asked = st.button(f"Look at {len(unseen)}", key="proposed-look")
        if asked:
            with shared.errors_as_words(), st.spinner("reading"):
                looked = look_at_held(
                    shared.project(), unseen, by=who.name, reason=why, role=who.role
                )
                seen |= {one.record: one for one in looked}
                place.empty()
    st.session_state[_SEEN] = seen
    if shown := [one for one in seen.values() if one.image is not None]:
        set_aside.images(shown, "proposed-viewer")
    if gone := [one.record for one in seen.values() if one.image is None]:
        st.caption(f"Cannot be shown: {', '.join(gone)}. Its pixels are gone, as after a purge.")


def _decide(chosen: Sequence[ProposedImage], who: Person) -> None:
    """A reason, and the three answers."""
    with st.form("proposed-decision", border=True):
        st.markdown(f"**Decide about {len(chosen)}**")
        reason = st.text_input(
            "Reason", key="proposed-reason", max_chars=LONGEST_REASON,
            help="Kept for good in the journal, with your name: never write a patient's name.",
        )  # fmt: skip
        to = st.selectbox("Correct class", _classes(), None, key="proposed-class")
        with st.container(horizontal=True):
            out = st.form_submit_button("Set aside", key="proposed-accept")
            corrected = st.form_submit_button("Correct the class", key="proposed-correct")
            kept = st.form_submit_button("Keep in the data", key="proposed-decline")
    st.caption(
        "The next data revision lacks what is set aside, and ingests keep it out. Versions that "
        "learned from it stay. Where a patient is named, withdraw and purge it on the command line."
    )
    if not (out or corrected or kept):
        return
    if not reason.strip():
        st.warning("Say in a few words why: it is kept for good.")
        return
    if corrected and not to:
        st.warning("Choose the correct class.")
        return
    with shared.errors_as_words():
        _record(chosen, who, reason.strip(), to=to if corrected and to else "", kept=kept)


def _classes() -> list[str]:
    from pipeline.data.revise.revision import Revisions
    from pipeline.ledger.ledger import Ledger

    revisions = Revisions(Ledger(shared.project()))
    return sorted({row.label for row in revisions.rows(revisions.head)})


def _record(
    chosen: Sequence[ProposedImage], who: Person, reason: str, *, to: str, kept: bool
) -> None:
    project, images = shared.project(), [one.image for one in chosen]
    try:
        if kept:
            decline(project, images, by=who.name, reason=reason, role=who.role)
        else:
            done = accept(
                project, images, by=who.name, reason=reason, role=who.role, to=to,
                patience=_PATIENCE,
            )  # fmt: skip
    except TransientError as error:
        _listed.clear()
        st.warning(
            "This was not finished; reload the page, and decide again what is open then. "
            f"{without_paths(str(error))}"
        )
        return
    after = "kept in the data" if kept else f"corrected to {to}" if to else "set aside"
    more = "" if kept else "".join(f" Warning: {one}." for one in done.warnings)
    st.session_state[_ANSWERED] = f"{len(chosen)} {after}.{more}"
    st.session_state.pop(_SEEN, None)
    _listed.clear()
    st.rerun()
