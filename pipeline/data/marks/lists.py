"""Read the lists that hold for many images: COCO's JSON and boxes.csv."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.data.config import IngestConfig
from pipeline.data.landing.marks import Marks
from pipeline.data.landing.zone import LandedFile, open_stable, read_whole
from pipeline.data.marks.annotated import WrongMarkError
from pipeline.data.marks.boxes import read_boxes
from pipeline.data.marks.coco import read_coco
from pipeline.data.refusal import Refused

LONGEST = 64 << 20
"""Bytes of a list: it is read in the process of the ingest."""
_READ: Mapping[str, Callable[[bytes], dict[str, Marks]]] = {"boxes": read_boxes, "coco": read_coco}


@dataclass(frozen=True)
class Listed:
    """Files with what lists say of their findings.

    Attributes:
        files: in the order in which they came.
        unplaced: entries of lists that name no image, or several.
        several: images that several lists speak of.
        unreadable: lists that are not what their name says.
    """

    files: list[LandedFile] = field(repr=False)
    unplaced: int
    several: int
    unreadable: int


def with_lists(landing: Path, files: Sequence[LandedFile], config: IngestConfig) -> Listed:
    """Read each list once, and match what it says to images of its folder and below.

    The row of a medloom.csv comes first, then the nearest list.

    Args:
        landing: folder of the files.
        files: with what lies beside them.
        config: limits.
    """
    lists: dict[str, LandedFile] = {}
    covered: dict[str, list[str]] = defaultdict(list)
    forms: dict[str, str] = {}
    for found in files:
        for one in found.beside:
            if one.form in _READ:
                path = one.file.path
                lists[path], forms[path] = one.file, one.form
                covered[path].append(found.path)
    said: dict[str, list[Marks]] = defaultdict(list)
    unplaced = unreadable = 0
    for path in sorted(lists, key=lambda path: (-path.count("/"), path)):
        try:
            with open_stable(landing, lists[path]) as stream:
                content = read_whole(stream, lists[path], min(LONGEST, config.max_bytes))
            entries = _READ[forms[path]](content)
        except (Refused, WrongMarkError):
            unreadable += 1
            continue
        placed = _place(entries, covered[path])
        unplaced += len(entries) - len(placed)
        for image, name in placed.items():
            said[image].append(entries[name])
    given = [found.marks is not None for found in files]
    return Listed(
        [
            replace(found, marks=said[found.path][0])
            if found.path in said and found.marks is None
            else found
            for found in files
        ],
        unplaced,
        sum(
            len(said[found.path]) + row > 1
            for found, row in zip(files, given, strict=True)
            if found.path in said
        ),
        unreadable,
    )


def _place(names: Iterable[str], images: Iterable[str]) -> dict[str, str]:
    """Image -> the name in a list that means it alone.

    A name means the image whose path ends with it, else the one image with its last part.
    """
    by_last: dict[str, list[str]] = defaultdict(list)
    for image in images:
        by_last[image.lower().rpartition("/")[2]].append(image)
    placed: dict[str, str] = {}
    for name in names:
        plain = name.replace("\\", "/").lower().removeprefix("./").lstrip("/")
        found = by_last.get(plain.rpartition("/")[2], [])
        exact = [image for image in found if f"/{image.lower()}".endswith(f"/{plain}")]
        meant = exact or found
        if len(meant) == 1:
            placed.setdefault(meant[0], name)
    return placed
