"""The images of an order on a page: all of them, one or two closely, and as files."""

import shlex
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app import settings, shared, viewer
from app.wording import plain
from pipeline.data.region import in_words
from pipeline.registry.drawn_images import DrawnImages
from pipeline.registry.exploring import Effect, Look
from pipeline.registry.image_zip import archive_of


def version() -> int:
    """The version that the sidebar asks for."""
    known = shared.versions()
    with st.sidebar:
        return settings.version(known, shared.usual_version(known))


def ordered(number: int) -> DrawnImages:
    """The images of a version that the sidebar asks for, under their heading."""
    with st.sidebar:
        order = settings.order(number, shared.spec(number))
    drawn = shared.draw(order)
    heading(drawn)
    return drawn


def heading(drawn: DrawnImages) -> None:
    """What was drawn, from which weights, and where findings were asked for."""
    version, side = drawn.version, drawn.spec.image_size
    names = shared.aliases_of(version.number)
    st.subheader(f"{len(drawn)} synthetic images, {plain(drawn.order.label)}")
    st.caption(
        f"{drawn.model} version {version.number}{names} · weights sha256 "
        f"{version.weights_sha256[:12]} · {side} × {side} px · {in_words(drawn.spec.region)}"
    )
    if drawn.order.asked.findings is not None and drawn.told.in_all is not None:
        found = " and ".join(f"{count} × {kind}" for kind, count in drawn.told.in_all.items())
        st.caption(
            f"Asked to show {found or 'no findings'} in all. A mask says what was asked for; how "
            "often it is shown there stands in the report of the version (page Versions)."
        )


def grid(drawn: DrawnImages, *, opens: bool = True) -> None:
    """All images; a button below each opens it in the viewer."""
    cells = st.grid(min_column_width=140)
    for index in range(len(drawn)):
        with cells.cell(), st.container(gap=None):
            st.image(drawn.png(index), width="stretch", output_format="PNG", alt=_alt(drawn, index))
            if opens:
                st.button(
                    f"Open {index}", key=f"open-{index}", type="tertiary",
                    on_click=settings.put, kwargs={"view": "One", "image": index},
                )  # fmt: skip


def captioned(
    drawn: DrawnImages, numbers: Sequence[int], caption: Callable[[int], str]
) -> int | None:
    """Images in an order, each with a caption; returns the number of one that was clicked on."""
    chosen = None
    cells = st.grid(min_column_width=150)
    for index in numbers:
        with cells.cell(), st.container(gap=None):
            st.image(
                drawn.png(index), caption(index), width="stretch", output_format="PNG",
                alt=_alt(drawn, index),
            )  # fmt: skip
            if st.button(f"Look at {index}", key=f"look-at-{index}", type="tertiary"):
                chosen = index
    return chosen


def closely(drawn: DrawnImages, *, two: bool) -> int:
    """One image, or two in step, in the viewer; returns the number of the first."""
    last = len(drawn) - 1
    with st.container(horizontal=True, vertical_alignment="bottom"):
        now = settings.now("image")
        for title, key, to in (("Previous", "Left", now - 1), ("Next", "Right", now + 1)):
            st.button(
                title, shortcut=f"Arrow{key}", disabled=not 0 <= to <= last,
                on_click=settings.put, kwargs={"image": to},
            )  # fmt: skip
        chosen = settings.whole("Image", "image", 0, 0, last, width=140)
        shown = [chosen]
        if two:
            shown.append(
                settings.whole("Beside", "beside", (chosen + 1) % len(drawn), 0, last, width=140)
            )
    viewer.show([pane(drawn, index) for index in shown], drawn.told.kinds)
    return chosen


def take_along(drawn: DrawnImages, index: int, typed: str = "") -> None:
    """The images as files, and how to draw them elsewhere.

    Args:
        drawn: the images.
        index: of the one that is offered by itself.
        typed: the command that writes them; "": `medloom generate` of this project.
    """
    stem = drawn.order.stem(drawn.model, drawn.version.number)
    with st.container(horizontal=True):
        st.download_button(
            f"Image {index} (PNG)", partial(drawn.png, index), drawn.names[index], "image/png",
            on_click="ignore",
        )  # fmt: skip
        st.download_button(
            f"Image {index} (DICOM)", partial(drawn.dicom, index), f"{stem}-{index:05d}.dcm",
            "application/dicom", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "All images (ZIP)", partial(archive_of, drawn, masks=drawn.masked), f"{stem}.zip",
            "application/zip",
            on_click="ignore", help="With a list, and masks and a COCO file where there are "
            "any. Each image says in itself that it is synthetic.",
        )  # fmt: skip
    with st.expander("The same elsewhere"):
        st.markdown("The address of this page shows these images again. In a terminal:")
        usual = f"{shared.project().command} generate {shlex.join(drawn.order.options)} -o out"
        st.code(typed or usual, language="shell", wrap_lines=True)


def row(looks: list[Look], width: int = 140) -> None:
    """Images side by side, each with a caption."""
    cells = st.grid(min_column_width=width)
    for look in looks:
        with cells.cell():
            st.image(
                look.png, look.caption, width="stretch", output_format="PNG",
                alt=f"Synthetic {look.facts['label']} image, {look.caption}",
            )  # fmt: skip


def effect(found: Effect) -> None:
    """An image with findings and without, and what differs."""
    alt = f"Synthetic {found.shown.facts['label']} image, {{}}"
    viewer.show(
        [
            viewer.Pane(found.shown.image, "with", alt.format("with findings"), found.mask),
            viewer.Pane(found.without.image, "without", alt.format("without findings")),
        ],
        found.kinds,
        "effect",
    )
    row([found.difference], 200)
    st.caption(
        f"Mean change in grey levels of 255: {found.mean_inside:.1f} where findings were asked "
        f"for, {found.mean_outside:.1f} elsewhere."
    )


def pane(drawn: DrawnImages, index: int) -> viewer.Pane:
    """One image, for the viewer."""
    mask = drawn.told.label_maps[index] if drawn.masked else None
    return viewer.Pane(drawn.images[index], f"image {index}", _alt(drawn, index), mask)


def _alt(drawn: DrawnImages, index: int) -> str:
    found = drawn.told.findings(index)
    told = ", ".join(f"{count} {kind}" for kind, count in (found or {}).items())
    asked = "asked to show" if drawn.told.made is None else "with a mask of"
    return (
        f"Synthetic {drawn.order.label} image {index}, version {drawn.version.number}, seed "
        f"{drawn.order.seed}" + (f", {asked} {told}" if told else "")
    )
