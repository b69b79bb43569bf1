"""What the project holds, what was set aside and why, and what people decided about it."""

from collections.abc import Callable
from functools import partial

import altair as alt
import streamlit as st

from app import person, proposed, set_aside, settings, shared
from app.wording import plain
from pipeline.data.finding_counts import ClassFindings
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import Looks
from pipeline.reports.data.overview import DataOverview, data_overview, newest_decisions

SPLITS = {"train": "#7fb8d6", "val": "#c9a86a", "test": "#a98fd0"}
NEWEST = 50


def holdings(held: DataOverview) -> None:
    """Images and groups of each class and split, findings, and revisions."""
    counts = [one.model_dump() for one in held.splits]
    chart = (
        alt.Chart(alt.Data(values=counts))
        .mark_bar()
        .encode(
            x=alt.X("images:Q", title="images", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("label:N", title=None),
            color=alt.Color(
                "split:N",
                title=None,
                scale=alt.Scale(domain=list(SPLITS), range=list(SPLITS.values())),
            ),
            order=alt.Order("place:Q"),
            tooltip=["label:N", "split:N", "images:Q", "groups:Q"],
        )
        .transform_calculate(place="indexof(['train', 'val', 'test'], datum.split)")
        .properties(height=alt.Step(30))
    )
    st.altair_chart(chart)
    st.table(_by_class(held))
    st.caption("Images, and in brackets the groups that they are of. A group stays in one split.")
    if held.findings:
        st.markdown("**Findings**")
        st.table([row for one in held.findings for row in _findings(one)])
    st.markdown(f"**Revisions**, the newest {len(held.revisions)} of {held.revision_count}")
    st.table(
        [{"made": r.made, "revision": r.commit[:12], "what": plain(r.what)} for r in held.revisions]
    )


def _by_class(held: DataOverview) -> list[dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for one in held.splits:
        row = rows.setdefault(one.label, {"class": one.label})
        row[one.split] = f"{one.images} ({one.groups})"
    return list(rows.values())


def _findings(one: ClassFindings) -> list[dict[str, str]]:
    head = {"class": one.label, "annotated": f"{one.annotated} of {one.images}"}
    if not one.kinds:
        return [head | {"kind": "none", "findings": "0", "masks": "0", "diameter, px": ""}]
    return [
        head
        | {
            "kind": kind.kind,
            "findings": str(kind.findings),
            "masks": str(kind.masks),
            "diameter, px": f"{kind.diameter_px[1]:.1f} "
            f"[{kind.diameter_px[0]:.1f}, {kind.diameter_px[2]:.1f}]",
        }
        for kind in one.kinds
    ]


def decisions() -> None:
    """The newest records of the journal."""
    found = newest_decisions(shared.project(), NEWEST)
    if not found:
        st.info("Nobody, and no gate, has decided anything yet.")
        return
    st.table(
        [
            {
                "time (UTC)": one.time[:16].replace("T", " "),
                "decision": one.action,
                "about": _about(one.version, one.details),
                "by": plain(one.by),
                "reason": plain(one.reason),
            }
            for one in found
        ]
    )


def _about(version: int | None, details: dict[str, object]) -> str:
    if version is not None:
        return f"version {version}"
    named = [details.get(name) or [] for name in ("images", "sources")]
    count = sum(len(one) for one in named if isinstance(one, list | dict))
    return f"{count} image{'s' if count > 1 else ''}" if count else "data"


def looks() -> None:
    """Who looked at which real images."""
    found = Looks(Ledger(shared.project())).records
    if not found:
        st.info("Nobody has looked at a real image in the app yet.")
        return
    st.table(
        [
            {
                "time (UTC)": one.time[:16].replace("T", " "),
                "who": plain(one.by) + (f" ({one.role})" if one.role else ""),
                "images": f"{len(one.images)}: {', '.join(id_[:8] for id_ in one.images[:4])}"
                + ("…" if len(one.images) > 4 else ""),
                "for": one.purpose,
                "why": plain(one.reason),
            }
            for one in found[: -NEWEST - 1 : -1]
        ]
    )
    st.caption(f"The newest {min(NEWEST, len(found))} of {len(found)} looks.")


@st.cache_data(ttl=10, max_entries=2, show_spinner="counting")
def _overview(state: str) -> DataOverview | None:  # noqa: ARG001 - the key
    return data_overview(shared.project())


person.require(set_aside.ROLE)
held = _overview(str(shared.project().state))
if held is None:
    st.subheader("No image was ever taken in")
    st.markdown("Type in a terminal, and then reload this page:")
    st.code(f"{shared.project().command} ingest FOLDER", language="shell", wrap_lines=True)
    st.stop()
open_ = sum(each.state == "open" for each in set_aside.files())
asked = sum(each.state == "open" for each in proposed.listed())
with st.container(horizontal=True):
    st.metric("Images", held.images, border=True)
    st.metric("Groups", held.groups, border=True)
    st.metric("Classes", len({one.label for one in held.splits}), border=True)
    st.metric("Set aside, open", open_, border=True)
    st.metric("Proposed, open", asked, border=True)
parts = ["Set aside", "Proposed", "Holdings", "Decisions", "Looks"]
part = settings.pill("Part", parts, "part", "Set aside")
if part == "Set aside":
    set_aside.show()
else:
    settings.forget("state", "reason")
    shows: dict[str, Callable[[], None]] = {
        "Proposed": proposed.show,
        "Holdings": partial(holdings, held),
        "Decisions": decisions,
        "Looks": looks,
    }
    shows[part]()
