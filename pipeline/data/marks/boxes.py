"""boxes.csv: `file,x0,y0,x1,y1` and, if it likes, `width,height,kind`; a row for each box.

A file may have several rows. A row without a box says that somebody looked and found nothing. The
numbers are shares of the side if all in the file are at most 1, else pixels; other columns are
passed over.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping

from pipeline.data.landing.marks import Mark, Marks
from pipeline.data.marks.annotated import WrongMarkError, kind_of

_EDGES = ("x0", "y0", "x1", "y1")
_MOST_OF_SHARES = 1.01  # 1, rounded


def read_boxes(data: bytes) -> dict[str, Marks]:
    """File -> what is said of it.

    Raises:
        WrongMarkError: a column is missing, or a row has numbers missing.
    """
    try:
        text = data.decode("utf-8-sig")
        head = text.partition("\n")[0]
        lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
        lines.fieldnames = [column.strip().lower() for column in lines.fieldnames or ()]
        if not {"file", *_EDGES} <= set(lines.fieldnames):
            raise WrongMarkError("unreadable")
        rows = [{k: (v or "").strip() for k, v in line.items() if k and isinstance(v, str | None)}
                for line in lines]  # fmt: skip
        edges = [float(row[edge]) for row in rows for edge in _EDGES if row[edge]]
        share = max(edges, default=0) <= _MOST_OF_SHARES
        return _by_file(rows, share)
    except (ValueError, csv.Error):
        raise WrongMarkError("unreadable") from None


def _by_file(rows: list[dict[str, str]], share: bool) -> dict[str, Marks]:
    marks: dict[str, list[Mark]] = defaultdict(list)
    sizes: dict[str, tuple[int, int] | None] = {}
    for row in rows:
        file = row["file"]
        marks[file] += [_mark(row, share)] if any(row[edge] for edge in _EDGES) else []
        sizes[file] = None if share else _size(row)
    return {file: Marks(tuple(found), sizes[file]) for file, found in marks.items()}


def _mark(row: Mapping[str, str], share: bool) -> Mark:
    x0, y0, x1, y1 = (float(row[edge]) for edge in _EDGES)
    kind = kind_of(row["kind"]) if row.get("kind") else ""
    return Mark(kind, box=(x0, y0, x1, y1), share=share)


def _size(row: Mapping[str, str]) -> tuple[int, int] | None:
    if not (row.get("width") and row.get("height")):
        return None
    return int(float(row["width"])), int(float(row["height"]))
