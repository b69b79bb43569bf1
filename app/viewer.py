"""The viewer of greyscale images: a canvas in the page, without a frame or another host."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

_LOOK = re.compile(r"-?[\d.]+(_-?[\d.]+){6}")


@dataclass(frozen=True)
class Pane:
    """One image of the viewer.

    Attributes:
        image: uint8 [H, W].
        caption: below it.
        alt: what it shows, for those who do not see it.
        mask: uint8 [H, W], 0 none, k the k-th kind; None: not known.
        real: whether nobody computed it; the viewer writes into each image which it is.
    """

    image: NDArray[np.uint8]
    caption: str
    alt: str
    mask: NDArray[np.uint8] | None = None
    real: bool = False


def show(panes: Sequence[Pane], kinds: Sequence[str] = (), key: str = "viewer") -> None:
    """Show images side by side, in step; what people set stands in the address as `look`.

    Args:
        panes: one or two images.
        kinds: of findings, by their number in masks from 1.
        key: of the widget.
    """
    look = st.query_params.get("look", "")
    data = {
        "panes": [_data(pane) for pane in panes],
        "kinds": list(kinds),
        "look": look if _LOOK.fullmatch(look) else "",
    }

    def keep() -> None:
        told = st.session_state[key].get("look") or ""
        if _LOOK.fullmatch(told):
            st.query_params["look"] = told

    _component()(data=data, key=key, on_look_change=keep)


def _component() -> Any:
    here = Path(__file__).parent
    return st.components.v2.component(
        "medloom_viewer",
        html=(here / "viewer.html").read_text(),
        css=(here / "viewer.css").read_text(),
        js=(here / "viewer.js").read_text(),
    )


def _data(pane: Pane) -> dict[str, Any]:
    height, width = pane.image.shape
    return {
        "pixels": _encoded(pane.image),
        "mask": None if pane.mask is None else _encoded(pane.mask),
        "width": width,
        "height": height,
        "caption": pane.caption,
        "alt": pane.alt,
        "real": pane.real,
    }


def _encoded(pixels: NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
