"""`--patient-from`: who the images of one ingest are of, by a pattern over paths or by a list."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError
from pipeline.data.landing.index import Entry
from pipeline.data.landing.lists import COLUMNS, Line, read_list
from pipeline.data.landing.zone import LIST_NAME
from pipeline.data.manifest import Row
from pipeline.data.names import Pseudonyms


@dataclass(frozen=True)
class PatientsFrom:
    """What tells the patients: one of the two.

    Attributes:
        pattern: searched in a file's path below its source; its group `patient` is the patient.
        lines: rows of a list by path.
    """

    pattern: re.Pattern[str] | None = None
    lines: Mapping[str, Line] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a person typed: a file whose name ends in .csv, or else a pattern.

        Raises:
            BadInputError: the file cannot be read, or the pattern is none or has no such group.
        """
        if text.lower().endswith(".csv") and "(?P<" not in text:
            file = Path(text).expanduser()
            return cls(lines={line["file"]: line for line in read_list(file, str(file))})
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise BadInputError(f"--patient-from {text!r} is no pattern: {error}") from error
        if "patient" not in pattern.groupindex:
            raise BadInputError(
                f"--patient-from {text!r} is neither a file.csv nor a pattern with a group "
                r"(?P<patient>...), as in '(?P<patient>HX\d+)/'"
            )
        return cls(pattern)

    def of(self, path: str) -> Line | None:
        """What is told of a file; None when nothing is."""
        if self.pattern is None:
            return self.lines.get(path)
        match = self.pattern.search(path)
        patient = (match["patient"] or "").strip() if match else ""
        return dict.fromkeys(COLUMNS, "") | {"patient": patient} if patient else None


def check_known(
    told: Mapping[str, str], entries: Iterable[Entry], rows: Iterable[Row], names: Pseudonyms
) -> None:
    """Hold that nobody gives another patient to images that are in a group already.

    Args:
        told: path in the landing zone -> patient, of files that lie there.
        entries: of the local index.
        rows: of the newest manifest.
        names: pseudonyms.

    Raises:
        BadInputError: some are: a group never changes, and their patient would be in two of them.
    """
    groups = {row.id: row.group for row in rows}
    held: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.outcome == "ingested" and entry.image_id in groups:
            held[entry.file].add(groups[entry.image_id])
    wrong = []
    for path, patient in told.items():
        group = names.patient(patient)
        if group and held[names.file(path)] - {group}:
            wrong.append(path)
    if wrong:
        raise BadInputError(
            f"{len(wrong)} file(s) were ingested before without this patient, or with another "
            f"one, such as {wrong[0]!a}: the group of an image never changes, so that its "
            "patient would be in two groups, and may be in two splits. Leave those files out, or "
            "begin a new project with --project, or take them out first: `medloom audit withdraw`"
        )


def can_be_listed(name: str) -> bool:
    """Whether a list can speak of a file of this name, and be read back."""
    try:
        name.encode()
    except UnicodeError:
        return False
    return name == name.strip() and name != LIST_NAME
