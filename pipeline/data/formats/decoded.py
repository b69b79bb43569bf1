"""The decoded image that every format returns."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Decoded:
    """One image, with the facts of its source that may be kept or are needed to group it.

    Attributes:
        pixels: uint8 or uint16 [H, W] in native byte order, 0 black.
        synthetic: whether the file has medloom's mark of a generated image, or SyntheticData.
        modality: as DICOM calls it (CT, MR, US, ...), or "" when it is not known.
        view: axial, coronal, sagittal, oblique or unknown.
        spacing: millimetres from row to row and from column to column, or None.
        window: the values shown as black and white, in words such as `-160..240 HU`; "" for the
            file's own grey levels.
        captured: whether a DICOM file is in colour or was captured from a screen.
        turned: whether the pixels lie otherwise than in the file: turned or mirrored.
        label: class, when the file itself gives it; else "".
        patient, issuer, series: identifiers from the source. They are turned into pseudonyms at
            once, are in no repr, and are never written.
    """

    pixels: Pixels
    synthetic: bool = False
    modality: str = ""
    view: str = "unknown"
    spacing: tuple[float, float] | None = None
    window: str = ""
    captured: bool = False
    turned: bool = False
    label: str = ""
    patient: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    series: str = field(default="", repr=False)
