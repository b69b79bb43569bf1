"""The kidney phantom: a stochastic model of abdominal CT with known truth.

Axial slices through the kidneys of computed patients, in the classes of the kidney CT data:
normal, cyst, stone, tumor. It needs no download and no consent, so the demo trains on it. Every
lesion is known to the pixel, so the phantom shows whether a generator gets counts and places
right, which image scores cannot (stochastic image models: Kelkar et al., Medical Physics 2023).
It is a test object, not anatomy: every file says so.
"""

from collections.abc import Callable
from pathlib import Path

from .files import PNG_KEY, write_patients
from .phantom_study import CLASSES, DEFAULT, PhantomConfig, make_patient

__all__ = ["CLASSES", "PNG_KEY", "PNG_TEXT", "PhantomConfig", "make_patient", "write_phantom"]

PNG_TEXT = "medloom kidney phantom"


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

    Args:
        folder: created if missing.
        patients_per_class: number of patients of each class, 1 or more.
        seed: of the whole phantom.
        first_patient: number of patients of each class to skip at the start.
        config: how the studies are acquired.
        on_progress: called with (images done, images in all) after each patient.

    Returns:
        The number of images written, new or changed; see `write_patients`.

    Raises:
        BadInputError: `patients_per_class` is below 1, or the seed or first patient is negative.
    """
    return write_patients(
        folder,
        CLASSES,
        patients_per_class,
        lambda label, number: make_patient(label, number, seed, config),
        word="slice",
        text=PNG_TEXT,
        first_patient=first_patient,
        on_progress=on_progress,
    )
