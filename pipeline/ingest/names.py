"""What groups are called."""

import hashlib

PATIENT_PREFIX = "patient-"
PIXELS_PREFIX = "pixels-"


def patient_group(patient: str) -> str:
    """Name of a patient's group; the patient's own name is not readable in it."""
    name = patient.encode("utf-8", "surrogateescape")
    return PATIENT_PREFIX + hashlib.sha256(name).hexdigest()[:12]
