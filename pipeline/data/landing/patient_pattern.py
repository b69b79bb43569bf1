"""Find the patient in a file's name."""

import re
from pathlib import PurePosixPath

from pipeline.data.config import IngestConfig


def patient_in_name(path: str, config: IngestConfig) -> str:
    """The patient that `ingest.patient_pattern` finds in a path's last part; "" without one."""
    match = re.search(config.patient_pattern, PurePosixPath(path).name)
    return (match["patient"] or "") if match else ""
