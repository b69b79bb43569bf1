"""How built-in data sets are written: patients into class folders, the truth beside each image.

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
# One image, uint8 [size, size], and what is known of it.
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

    Patient numbers are unique across classes and do not depend on how many are made: the nth
    patient (`first_patient` + 0, 1, …) of the cth class is number (classes) n + c. So a later call
    with `first_patient` where the last one ended adds new patients to a folder, and a repeated
    call changes nothing: a file that already holds the same bytes is left alone.

    Args:
        folder: made when missing.
        classes: names of the class folders.
        patients_per_class: how many patients each class gets, 1 or more.
        make: the images of (class, patient number) with their truths.
        word: what an image of a patient is called in file names.
        text: what the PNG says that it is.
        first_patient: how many patients of each class to leave out at the start.
        on_progress: told (images done, images in all) after each patient.

    Returns:
        How many images were written, new or changed.

    Raises:
        BadInputError: when there is nothing to make, or on a negative first patient.
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
            _write(folder / label / f"{stem}{TRUTH_SUFFIX}", told.encode())
            written += _write(folder / label / f"{stem}.png", encode(image, text))
        if on_progress is not None:
            on_progress((done + 1) * len(slices), total * len(slices))
    return written


def encode(image: NDArray[np.uint8], text: str) -> bytes:
    """PNG bytes that say what they are, so that a phantom never passes for a patient."""
    info = PngImagePlugin.PngInfo()
    info.add_text(PNG_KEY, text)
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _write(file: Path, content: bytes) -> bool:
    """Write a file whole or not at all; False where it already holds this content."""
    if file.is_file() and file.read_bytes() == content:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    # The dot keeps a half-written file out of every listing.
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)
    return True
