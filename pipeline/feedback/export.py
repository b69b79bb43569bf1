"""Opinions as CSV."""

import csv
import io
from collections.abc import Iterable

from pipeline.feedback.opinions import Opinion

_LEFT_OUT = ("key_id", "signature")


def csv_text(opinions: Iterable[Opinion]) -> str:
    """One row per opinion, in the order in which they were given; lists are joined by `;`."""
    names = [name for name in Opinion.model_fields if name not in _LEFT_OUT]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(getattr(one, name)) for name in names] for one in opinions)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list):
        return ";".join(map(str, value))
    if isinstance(value, dict):
        return ";".join(f"{key}={content}" for key, content in sorted(value.items()))
    return "" if value is None else value
