"""What every format is decoded to."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Decoded:
    """One image, and of its source what may be kept or is needed to place it.

    Attributes:
        pixels: uint8 or uint16 [H, W] in native byte order, 0 black.
        synthetic: the file carries medloom's mark of a generated image, or says SyntheticData.
        modality: as DICOM calls it (CT, MR, US, ...), or "" when it is not known.
        view: axial, coronal, sagittal, oblique or unknown.
        spacing: millimetres from row to row and from column to column, or None.
        window: what became black and white, in words such as `-160..240 HU`; "" when the grey
            levels are the file's own.
        label: class, where the file itself tells it; else "".
        patient, issuer, series: who it is, as the source says. They are turned into pseudonyms
            at once, are in no repr, and are never written.
    """

    pixels: Pixels
    synthetic: bool = False
    modality: str = ""
    view: str = "unknown"
    spacing: tuple[float, float] | None = None
    window: str = ""
    label: str = ""
    patient: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    series: str = field(default="", repr=False)
