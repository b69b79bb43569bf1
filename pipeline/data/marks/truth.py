"""The truth beside an image of a built-in data set (`phantoms.files`)."""

import json
from typing import Any

from pipeline.data.findings import Finding
from pipeline.data.landing.marks import Mark, Marks
from pipeline.data.marks.annotated import WrongMarkError, findings_of, kind_of


def read_truth(data: bytes, height: int, width: int) -> tuple[tuple[Finding, ...] | None, str]:
    """Findings and spacing that a truth gives.

    Args:
        data: of the file.
        height, width: of the image, pixels.

    Returns:
        The findings, None where the data set has no lesions or an earlier medloom wrote it, whose
        truths had no masks; and the spacing as in the manifest, "" where it is not said.

    Raises:
        WrongMarkError: it is no truth, or not of this image.
    """
    try:
        truth: dict[str, Any] = json.loads(data)
        mm = truth.get("pixel_mm")
        spacing = f"{float(mm):.6g}x{float(mm):.6g}" if mm else ""
        lesions = truth.get("lesions")
        if lesions is None or any("mask" not in one for one in lesions):
            return None, spacing
        marks = Marks(tuple(Mark(kind_of(one["kind"]), counts=str(one["mask"])) for one in lesions))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise WrongMarkError("unreadable") from None
    return findings_of(marks, "", height, width), spacing
