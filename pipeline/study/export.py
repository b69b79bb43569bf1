"""Results as JSON, and answers as CSV."""

import csv
import io
from dataclasses import asdict, fields
from math import isnan
from typing import Any

from pipeline.study.answers import Answer, answers_of
from pipeline.study.records import Study
from pipeline.study.results import Results


def results_json(results: Results) -> dict[str, Any]:
    """The results as JSON; null where there is no answer to take a share of."""
    facts: dict[str, Any] = _without_nan(asdict(results))
    return facts


def csv_text(study: Study) -> str:
    """One row per answer, by reader and in the reader's order, with the truth.

    `image` is the id of the real image in the manifest; the synthetic one is number `index` of
    those that `draw_seed` draws from the version.
    """
    names, plan = [one.name for one in fields(Answer)], study.plan
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["study", "version", "draw_seed", *names, "right"])
    for one in answers_of(study):
        cells = [getattr(one, name) for name in names]
        shown = ["" if cell is None else cell for cell in cells]
        writer.writerow([plan.name, plan.version, plan.draw_seed, *shown, int(one.right)])
    return text.getvalue()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and isnan(value) else value
