"""Widgets whose values stand in the address, so that the address shows the same images again.

Streamlit's own binding leaves a value out that equals the widget's default, and a default may be
another tomorrow, such as the champion. Here every value is written, the version by its number.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from pipeline.registry.asked import NOTHING_ASKED, Asked, Size
from pipeline.registry.known_versions import KnownVersion
from pipeline.registry.order import MOST_AT_ONCE, Order
from pipeline.registry.output_spec import OutputSpec

_MOST_SEED = 2**53 - 1  # a browser's largest whole number
_MOST_FINDINGS = 6
_WRITTEN = "written"
"""Key of what the address was last given; what differs from it is of a link that was followed."""


# -- all that images are drawn by ------------------------------------------------------------------


def version(known: Sequence[KnownVersion], usual: int) -> int:
    """The number of a version; never an alias, which may mean another version tomorrow."""
    by_number = {one.number: one for one in known}
    chosen = int(one_of("Version", list(by_number), "version", usual))
    st.caption(by_number[chosen].in_words)
    return chosen


def label(spec: OutputSpec) -> str:
    """A class, or a mixture that a person types."""
    _begin("label", spec.classes[0], str)
    found = st.selectbox(
        "Class", spec.classes, key="label", accept_new_options=True, persist_state="session",
        help="Or type a mixture, such as 3*cyst+stone: three parts of one, one of another.",
    )  # fmt: skip
    return str(_keep("label", str(found or spec.classes[0])))


def seed(key: str = "seed", title: str = "Seed", usual: int = 0) -> int:
    """A seed."""
    return whole(title, key, usual, 0, _MOST_SEED, "The same seed gives the same images.")


def truncation() -> float:
    """The factor of the latent."""
    return share(
        "Truncation", "truncation", 1.0, 2.0,
        "Under 1: more typical, less varied images. 1: as varied as the training images.",
    )  # fmt: skip


def asked(spec: OutputSpec) -> Asked:
    """The findings of each image, for a version that takes layouts."""
    if not spec.kinds:
        st.caption(why_nothing_is_asked(spec))
        forget("findings", "kind", "size")
        return NOTHING_ASKED
    _begin("findings", None, _whole(0, _MOST_FINDINGS))
    findings = st.number_input(
        "Findings in each image", 0, _MOST_FINDINGS, None, 1, key="findings",
        placeholder="as in training", persist_state="session", help="How many, and no others.",
    )  # fmt: skip
    if _keep("findings", findings) is None:
        forget("kind", "size")
        return NOTHING_ASKED
    _begin("kind", None, _option(spec.kinds), spec.kinds)
    kind = st.selectbox(
        "Their kind", spec.kinds, None, key="kind", persist_state="session",
        placeholder="of the class",
    )  # fmt: skip
    _begin("size", "", str)
    size = st.text_input(
        "Their size", key="size", placeholder="as in training", persist_state="session",
        help="A diameter or a range, in pixels or millimetres: 4px, 3-6px or 2.5-4mm.",
    )  # fmt: skip
    _keep("kind", kind)
    return Asked(int(findings or 0), kind or "", Size.parse(size) if _keep("size", size) else None)


def why_nothing_is_asked(spec: OutputSpec) -> str:
    """Why a version that takes no layouts cannot be asked for findings."""
    if spec.made:
        return "This version makes findings and their masks itself; none can be asked for."
    return "This version was trained without findings, so none can be asked for."


def order(number: int, spec: OutputSpec) -> Order:
    """All that images are drawn by."""
    chosen, wanted = label(spec), asked(spec)
    count = whole("Images", "n", 8, 1, MOST_AT_ONCE)
    return Order(number, chosen, count, seed(), truncation(), wanted)


# -- widgets ---------------------------------------------------------------------------------------


def one_of(title: str, options: Sequence[Any], key: str, usual: Any) -> Any:
    """One of some options."""
    _begin(key, usual, _option(options), options)
    found = st.selectbox(title, options, key=key, persist_state="session")
    return _keep(key, found)


def pill(title: str, options: Sequence[str], key: str, usual: str) -> str:
    """One of a few options, all in sight."""
    _begin(key, usual, _option(options))
    found = st.segmented_control(
        title, options, key=key, required=True, label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    return str(_keep(key, found or usual))


def whole(
    title: str, key: str, usual: int, low: int, high: int, more: str = "", width: Any = "stretch"
) -> int:
    """A whole number, `low` to `high`."""
    _begin(key, usual, _whole(low, high))
    if not low <= st.session_state[key] <= high:  # such as of more images than there are now
        st.session_state[key] = max(low, min(high, st.session_state[key]))
    found = st.number_input(
        title, low, high, step=1, key=key, help=more or None, persist_state="session",
        width=width,
    )  # fmt: skip
    return int(_keep(key, found))


def share(title: str, key: str, usual: float, high: float, more: str = "") -> float:
    """A number from 0 to `high`."""
    _begin(key, usual, _real(high))
    found = st.number_input(
        title, 0.0, high, step=0.05, key=key, help=more or None, persist_state="session"
    )
    return float(_keep(key, round(found, 6)))


# -- the address -----------------------------------------------------------------------------------


def put(**values: Any) -> None:
    """Set widgets; for the callback of a button."""
    for key, value in values.items():
        st.session_state[key] = value


def now(key: str) -> int:
    """The whole number that the address gives a widget that comes later on the page."""
    _begin(key, 0, int)
    return int(st.session_state[key])


def forget(*keys: str) -> None:
    """Take values out of the address that say nothing now."""
    for key in keys:
        st.session_state.get(_WRITTEN, {}).pop(key, None)
        if key in st.query_params:
            del st.query_params[key]


def _begin(
    key: str, usual: Any, read: Callable[[str], Any], options: Sequence[Any] | None = None
) -> None:
    """Give a widget the value of the address, or its first one, or one that is still there."""
    told = st.query_params.get(key)
    if told is not None and told != st.session_state.get(_WRITTEN, {}).get(key):
        with suppress(ValueError):  # as if it were not there
            st.session_state[key] = read(told)
    gone = options is not None and st.session_state.get(key, usual) not in options
    if key not in st.session_state or gone:
        st.session_state[key] = usual


def _keep(key: str, value: Any) -> Any:
    """Write a widget's value into the address; returns it."""
    if value in (None, ""):
        forget(key)
        return value
    text = f"{value:g}" if isinstance(value, float) else str(value)
    st.session_state.setdefault(_WRITTEN, {})[key] = text
    if st.query_params.get(key) != text:
        st.query_params[key] = text
    return value


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return read


def _real(high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if not 0 <= float(text) <= high:
            raise ValueError(text)
        return float(text)

    return read


def _option(options: Sequence[Any]) -> Callable[[str], Any]:
    by_text = {str(option): option for option in options}

    def read(text: str) -> Any:
        if text not in by_text:
            raise ValueError(text)
        return by_text[text]

    return read
