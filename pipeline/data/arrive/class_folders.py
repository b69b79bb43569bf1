"""Decide under which class folder a source's files go into the landing zone."""

from collections.abc import Collection

from pipeline.base.errors import BadInputError
from pipeline.data.arrive.source import Item, Source
from pipeline.data.formats import SNIFF_BYTES, sniff
from pipeline.data.formats.sniff import ARCHIVES
from pipeline.data.landing.beside import holds_sidecars
from pipeline.data.landing.lists import Line
from pipeline.data.layout import (
    AmbiguousClassesError,
    Layout,
    advice_on,
    find_layout,
    normalised,
    parts_with_class_first,
    wrappers_of,
)
from pipeline.data.refusal import Refused

_LOOKED_AT = 100


def class_first(
    source: Source,
    targets: dict[str, str],
    rows: dict[str, Line],
    classes: Collection[str],
    class_folder: int,
    sidecars: Collection[str] = (),
) -> dict[str, str]:
    """Path in the source -> path in the landing zone, where the first folder is the class.

    Args:
        source: where the files come from.
        targets: path in the source -> path in the landing zone, as it is so far.
        rows: of lists.
        classes: of the project, if it has any.
        class_folder: number of the class folder, from 1; 0: find it.
        sidecars: files that say where findings are: they give no class, and follow the images.

    Raises:
        BadInputError: nothing says which folder is the class.
    """
    own = {path: target for path, target in targets.items() if path in sidecars}
    targets = {path: target for path, target in targets.items() if path not in own}
    loose = [path for path in targets if not (path in rows and rows[path]["class"])]
    try:
        layout = find_layout(loose, classes, class_folder)
    except AmbiguousClassesError as error:
        raise BadInputError(
            f"{source.shown}: {error.shown()}; {advice_on(error, option=True)}"
        ) from None
    wrappers = wrappers_of(path for path in loose if "/" in path)
    moved = {}
    for path in loose:
        try:
            index = layout.find(path) if "/" in path else 0
        except Refused:  # ingest says that it has no class
            continue
        if index:
            parts = parts_with_class_first(path.split("/"), index, min(wrappers, index))
            moved[path] = "/".join(parts)
    beside = {path: _beside_target(path, layout, wrappers) for path in own}
    return targets | moved | beside


def _beside_target(path: str, layout: Layout, wrappers: int) -> str:
    """Where a file goes that says where findings are; a list for several classes goes on top.

    A folder of masks or YOLO files stays, so that they do not take the names of images.
    """
    parts = path.split("/")
    try:
        index = layout.find(path) if len(parts) > 1 else -1
    except Refused:
        index = -1
    if index < 0 or (layout.known and normalised(parts[index]) not in layout.known):
        return parts[-1]
    held = next((n for n, part in enumerate(parts[:-1]) if holds_sidecars(part)), index)
    return "/".join(parts_with_class_first(parts, index, min(wrappers, index, held)))


def check_classes(source: Source, items: list[Item], rows: dict[str, Line]) -> None:
    """Check that something gives the class: a folder, a list, an archive or an NPZ."""
    given = any("/" in item.path for item in items) or any(line["class"] for line in rows.values())
    if given or any(_may_hold_classes(source, item) for item in items[:_LOOKED_AT]):
        return
    raise BadInputError(
        f"{source.shown} holds no folder, and nothing else gives the class: add --label CLASS, or "
        f"give a folder with one folder per class, as in {source.shown}/stone/0001.png"
    )


def _may_hold_classes(source: Source, item: Item) -> bool:
    return sniff(source.read(item, SNIFF_BYTES)) in (*ARCHIVES, "NPZ")
