"""Generated images as DICOM Secondary Capture (PS3.3 A.8.1) that says it is synthetic.

The same pixels and facts give the same bytes: unique identifiers are hashes of the facts, and no
clock is written. Nothing says how large a pixel is or where it lies, since no patient was imaged.
"""

import io
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError

_SPACE = UUID("6b7c1f0e-7a55-5d0c-9c3e-8f1d2a4b6c90")
"""Of names that are hashed (RFC 9562, version 5); any constant would do."""
_OF_ONE_IMAGE = ("index", "findings", "layout_sha256", "mask_of")
_CLOCK = (
    "InstanceCreationDate", "InstanceCreationTime", "DateOfSecondaryCapture",
    "TimeOfSecondaryCapture", "ContentDate", "ContentTime",
    "ContributionDateTime",
)  # fmt: skip
_LONG_STRING, _LONG_TEXT = 64, 10_240  # characters (PS3.5, table 6.2-1)
_PATIENT = "SYNTHETIC"


def dicom_bytes(image: NDArray[np.uint8], facts: Mapping[str, Any]) -> bytes:
    """A DICOM file that says it is synthetic.

    Images of equal facts but `index` are one series, and those of one version one study.

    Args:
        image: uint8 [H, W], 0 black.
        facts: what the image was drawn from, as JSON has it; model, version, weights_sha256,
            label and seed are required.

    Raises:
        BadInputError: the facts are too long for a DICOM file.
    """
    text = json.dumps(facts)
    if len(text) > _LONG_TEXT:
        raise BadInputError(
            f"what the image was drawn from has {len(text)} characters, and a DICOM file holds "
            f"{_LONG_TEXT}; draw fewer images in one walk, or choose the format png"
        )
    # The import takes a second, which whoever asks for PNG should not pay.
    from highdicom.base_content import ContributingEquipment
    from highdicom.sc import SCImage
    from pydicom.sr.codedict import codes
    from pydicom.uid import ExplicitVRLittleEndian

    model, version = str(facts["model"])[:_LONG_STRING], str(facts["version"])
    drawn = (
        f"Drawn by a generative model, {facts['model']} version {version} (weights sha256 "
        f"{facts['weights_sha256']}); no patient was imaged"
    )
    series = {name: value for name, value in facts.items() if name not in _OF_ONE_IMAGE}
    study = {name: facts[name] for name in ("model", "version", "weights_sha256")}
    dataset: Any = SCImage(
        image,
        "MONOCHROME2",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),  # required here, and taken out below: it is not known
        study_instance_uid=_uid("study", study),
        series_instance_uid=_uid("series", series),
        sop_instance_uid=_uid("image", facts),
        series_number=1,
        instance_number=int(facts.get("index", 0)) + 1,
        manufacturer="medloom",
        manufacturer_model_name=model,
        software_versions=version,
        patient_id=_PATIENT,
        patient_name=f"{_PATIENT}^",
        series_description=f"Synthetic {facts['label']}, seed {facts['seed']}"[:_LONG_STRING],
        specific_character_set="ISO_IR 192",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        contributing_equipment=[
            ContributingEquipment(
                "medloom",
                codes.DCM.SynthesizingEquipment,
                manufacturer_model_name=model,
                software_versions=version,
                device_serial_number=str(facts["weights_sha256"]),
                contribution_description=drawn,
            )
        ],
    )
    for part in (dataset, *dataset.ContributingEquipmentSequence):  # one is highdicom itself
        for keyword in _CLOCK:
            if keyword in part:
                delattr(part, keyword)
    dataset.SyntheticData = "YES"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "SYN"
    dataset.BurnedInAnnotation = "NO"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Synthetic: no patient was imaged"
    dataset.DerivationDescription = drawn
    dataset.ImageComments = text
    dataset.PatientOrientation = None
    dataset.ImageLaterality = "U"
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _uid(of: str, facts: Mapping[str, Any]) -> str:
    """A unique identifier that is a hash (PS3.5 B.2: 2.25 and a UUID as a number)."""
    return f"2.25.{uuid5(_SPACE, of + json.dumps(facts, sort_keys=True)).int}"
