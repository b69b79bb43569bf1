"""Which patient a file's name tells."""

import re
from pathlib import PurePosixPath

from pipeline.data.config import IngestConfig


def patient_in_name(path: str, config: IngestConfig) -> str:
    """What `ingest.patient_pattern` finds in the last part of a path; "" when nothing."""
    match = re.search(config.patient_pattern, PurePosixPath(path).name)
    return (match["patient"] or "") if match else ""
