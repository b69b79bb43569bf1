"""The kidney phantom: a stochastic model of abdominal CT in which the truth is known.

Axial slices through the kidneys of patients who do not exist, in the classes of the kidney CT
data: normal, cyst, stone, tumor. It needs no download and no consent, so it is what the
demonstration learns from; and since every lesion is known to the pixel, it can tell whether a
generator gets counts and places right where image scores cannot (stochastic image models: Kelkar
et al., Medical Physics 2023). It is a test object, not anatomy: every file says so.
"""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from pipeline.errors import BadInputError

from .phantom_study import CLASSES, DEFAULT, PhantomConfig, make_patient

__all__ = ["CLASSES", "PhantomConfig", "make_patient", "write_phantom"]

PNG_KEY, PNG_TEXT = "Phantom", "medloom kidney phantom"


def write_phantom(
    folder: Path,
    patients_per_class: int,
    seed: int,
    *,
    first_patient: int = 0,
    config: PhantomConfig = DEFAULT,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write a phantom data set: `folder/<class>/phantom-<number>-slice-<k>.png` and its truth.

    Patient numbers are unique across classes and do not depend on how many are made: the nth
    patient (`first_patient` + 0, 1, …) of the cth class is number 4 n + c. So a later call with
    `first_patient` where the last one ended adds new patients to a folder, and a repeated call
    changes nothing: a file that already holds the same bytes is left alone.

    Args:
        folder: made when missing.
        patients_per_class: how many patients each class gets, 1 or more.
        seed: of the whole phantom.
        first_patient: how many patients of each class to leave out at the start.
        config: how the studies are taken.
        on_progress: told (images done, images in all) after each patient.

    Returns:
        How many images were written, new or changed.

    Raises:
        BadInputError: when there is nothing to make, or on a negative seed or first patient.
    """
    if patients_per_class < 1 or first_patient < 0:
        raise BadInputError(
            f"{patients_per_class} patients a class from patient {first_patient}: "
            "ask for 1 or more, from 0 or later"
        )
    written, total = 0, patients_per_class * len(CLASSES) * config.slices
    for done in range(patients_per_class * len(CLASSES)):
        number = first_patient * len(CLASSES) + done
        label = CLASSES[number % len(CLASSES)]
        for image, truth in make_patient(label, number, seed, config):
            stem = f"phantom-{number:05d}-slice-{truth['slice']}"
            text = json.dumps(truth, indent=1, sort_keys=True) + "\n"
            _write(folder / label / f"{stem}.truth.json", text.encode())
            written += _write(folder / label / f"{stem}.png", encode(image))
        if on_progress is not None:
            on_progress((done + 1) * config.slices, total)
    return written


def encode(image: NDArray[np.uint8]) -> bytes:
    """PNG bytes that say what they are, so that a phantom never passes for a patient."""
    info = PngImagePlugin.PngInfo()
    info.add_text(PNG_KEY, PNG_TEXT)
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
