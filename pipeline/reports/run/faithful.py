"""Rows of the page's chapter on faithfulness: classes, and findings where they were asked for."""

from typing import Any

from pipeline.evaluation import record
from pipeline.evaluation.class_record import ClassMatrix
from pipeline.evaluation.obedience import MADE
from pipeline.evaluation.record import Evaluation, Figure

_FINDERS = {
    "phantom_rule": "phantom's rule",
    "detector": "learned detector",  # in records of before
    "detector2": "learned detector",
}

Found = dict[tuple[str, str | None], Figure]


def faithful(evaluation: Evaluation) -> dict[str, Any]:
    """Tables of the chapter; an empty list where nothing was measured.

    Returns:
        matrices: distances between classes, and pairs of classes; by_class: margins and GAN-test;
        obedience: by kind and finder; detected: by kind and class.
    """
    found = {(figure.metric, figure.label): figure for figure in evaluation.figures}
    return {
        "matrices": [_matrix(matrix) for matrix in evaluation.class_matrices],
        "by_class": _by_class(evaluation.protocol.classes, found),
        "obedience": _obedience(evaluation),
        "detected": _detected(evaluation, found),
    }


def _matrix(matrix: ClassMatrix) -> dict[str, Any]:
    """Rows of cells (value, floor, whether it is the row's least), and the pairs."""
    rows = []
    for label, values, floors in zip(matrix.classes, matrix.distance, matrix.floor, strict=True):
        known = [value for value in values if value is not None]
        least = min(known) if known else None
        cells = [
            {"value": value, "floor": floor, "least": value is not None and value == least}
            for value, floor in zip(values, floors, strict=True)
        ]
        rows.append({"label": label, "cells": cells})
    return {"matrix": matrix, "rows": rows}


def _by_class(classes: tuple[str, ...], found: Found) -> list[dict[str, Any]]:
    metrics = (
        record.CLASS_MARGIN,
        record.CLASS_MARGIN_MATCHED,
        *record.AGREEMENTS,
    )
    rows = [
        {"label": label, "figures": [found.get((metric, label)) for metric in metrics]}
        for label in classes
    ]
    return [row for row in rows if any(row["figures"])]


def _obedience(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row a kind and finder."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for figure in evaluation.figures:
        for what in record.OBEDIENCE:
            if figure.label is None and figure.metric.endswith(f"_{what}"):
                kind = figure.metric.removesuffix(f"_{what}")
                finder = figure.protocol.removeprefix(f"{figure.metric}_")
                empty = dict.fromkeys(record.OBEDIENCE)
                about = {"kind": _worded(kind), "finder": _FINDERS.get(finder, finder)}
                row = rows.setdefault((kind, finder), empty | about)
                row[what] = figure
    return list(rows.values())


def _worded(kind: str) -> str:
    """A kind, and whether the generator made the maps itself."""
    made = f"_{MADE}"
    return f"{kind.removesuffix(made)}, as made beside" if kind.endswith(made) else kind


def _detected(evaluation: Evaluation, found: Found) -> list[dict[str, Any]]:
    end = f"_{record.DETECTED}"
    return [
        {
            "kind": (kind := figure.metric.removesuffix(end)),
            "label": figure.label,
            "figure": figure,
            "auc": found.get((f"{kind}_{record.DETECTOR_AUC}", None)),
        }
        for figure in evaluation.figures
        if figure.metric.endswith(end)
    ]
