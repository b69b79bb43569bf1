"""Write built-in data sets: patients in class folders, with the truth beside each image.

Every built-in data set is a test object, and every file says so.
"""

import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from pipeline.base.errors import BadInputError

PNG_KEY = "Phantom"
TRUTH_SUFFIX = ".truth.json"

Truth = dict[str, Any]
# One image, uint8 [size, size], and its truth.
Slice = tuple[NDArray[np.uint8], Truth]


def write_patients(
    folder: Path,
    classes: Sequence[str],
    patients_per_class: int,
    make: Callable[[str, int], list[Slice]],
    *,
    word: str,
    text: str,
    first_patient: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write `folder/<class>/phantom-<number>-<word>-<k>.png`, and its truth as .truth.json.

    Patient numbers are unique across classes and do not depend on the number of patients: the nth
    patient (`first_patient` + 0, 1, …) of the cth class has the number (classes) n + c. So a later
    call with `first_patient` where the last one ended adds new patients to a folder. A repeated
    call changes nothing: a file with the same bytes is not written again.

    Args:
        folder: created if missing.
        classes: names of the class folders.
        patients_per_class: number of patients of each class, 1 or more.
        make: makes the images and truths of (class, patient number).
        word: the word for one image in file names, such as slice.
        text: stored in the PNG to say what it is.
        first_patient: number of patients of each class to skip at the start.
        on_progress: called with (images done, images in all) after each patient.

    Returns:
        The number of images written, new or changed.

    Raises:
        BadInputError: `patients_per_class` is below 1, or `first_patient` is negative.
    """
    if patients_per_class < 1 or first_patient < 0:
        raise BadInputError(
            f"{patients_per_class} patients a class from patient {first_patient}: "
            "ask for 1 or more, from 0 or later"
        )
    written, total = 0, patients_per_class * len(classes)
    for done in range(total):
        number = first_patient * len(classes) + done
        label = classes[number % len(classes)]
        slices = make(label, number)
        for k, (image, truth) in enumerate(slices):
            stem = f"phantom-{number:05d}-{word}-{k}"
            told = json.dumps(truth, indent=1, sort_keys=True) + "\n"
            write_file(folder / label / f"{stem}{TRUTH_SUFFIX}", told.encode())
            written += write_file(folder / label / f"{stem}.png", encode(image, text))
        if on_progress is not None:
            on_progress((done + 1) * len(slices), total * len(slices))
    return written


def encode(image: NDArray[np.uint8], text: str) -> bytes:
    """PNG bytes marked with `text`, so that a phantom is never mistaken for a patient."""
    info = PngImagePlugin.PngInfo()
    info.add_text(PNG_KEY, text)
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def write_file(file: Path, content: bytes) -> bool:
    """Write a file atomically; returns False if it already has this content."""
    if file.is_file() and file.read_bytes() == content:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    # Listings ignore names with a dot, so they never see a half-written file.
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)
    return True
