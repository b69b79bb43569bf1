"""`--patient-from`: patients of the files of one ingest, by a pattern over paths or a CSV list."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError
from pipeline.data.landing.index import Entry
from pipeline.data.landing.lists import COLUMNS, Line, match, read_list
from pipeline.data.manifest import Row
from pipeline.data.names import Pseudonyms
from pipeline.data.passed_over import LIST_NAME


@dataclass(frozen=True)
class PatientsFrom:
    """Where patients come from: a pattern or a list, never both.

    Attributes:
        pattern: searched in a file's path below its source; its group `patient` is the patient.
        lines: rows of a list by path.
    """

    pattern: re.Pattern[str] | None = None
    lines: Mapping[str, Line] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the option: a file whose name ends in .csv, or else a pattern.

        Raises:
            BadInputError: the file cannot be read, or the pattern is invalid or lacks the group.
        """
        if text.lower().endswith(".csv") and "(?P<" not in text:
            file = Path(text).expanduser()
            return cls(lines={line["file"]: line for line in read_list(file, str(file))})
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise BadInputError(
                f"--patient-from {text!r} is not a regular expression: {error}"
            ) from error
        if "patient" not in pattern.groupindex:
            raise BadInputError(
                f"--patient-from {text!r} is neither a file.csv nor a pattern with a group "
                r"(?P<patient>...), as in '(?P<patient>HX\d+)/'"
            )
        return cls(pattern)

    def spelled_as(self, paths: Iterable[str]) -> Self:
        """The list's rows by the paths of files that they spell otherwise (`landing.lists`)."""
        lines = list(self.lines.values())
        matched = match({"": lines}, paths)
        unused = [lines[number - 1] for _, number in matched.unused]
        return replace(self, lines=matched.rows | {line["file"]: line for line in unused})

    def of(self, path: str) -> Line | None:
        """The row of a file; None without one."""
        if self.pattern is None:
            return self.lines.get(path)
        match = self.pattern.search(path)
        patient = (match["patient"] or "").strip() if match else ""
        return dict.fromkeys(COLUMNS, "") | {"patient": patient} if patient else None


def check_known(
    patients: Mapping[str, str], entries: Iterable[Entry], rows: Iterable[Row], names: Pseudonyms
) -> None:
    """Check that no ingested image would get another patient.

    Args:
        patients: path in the landing zone -> patient, of files that are there already.
        entries: of the local index.
        rows: of the newest manifest.
        names: pseudonyms.

    Raises:
        BadInputError: some would; a group never changes, so the patient would be in two groups.
    """
    rows = list(rows)
    groups = {row.id: row.group for row in rows}
    aliases = {row.patient: row.group for row in rows if row.patient}
    held: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.outcome == "ingested" and entry.image_id in groups:
            held[entry.file].add(groups[entry.image_id])
    wrong = []
    for path, patient in patients.items():
        called = {aliases.get(name, name) for name in names.ever(patient)}
        if names.patient(patient) and held[names.file(path)] - called:
            wrong.append(path)
    if wrong:
        raise BadInputError(
            f"{len(wrong)} file(s), such as {wrong[0]!a}, were ingested before without this "
            "patient or with another one. The group of an image never changes, so the patient "
            "would be in two groups, possibly in two splits. Leave those files out, start a new "
            "project with --project, or remove the images first with `medloom audit withdraw`"
        )


def can_be_listed(name: str) -> bool:
    """Whether a list can hold this file name and be read back."""
    try:
        name.encode()
    except UnicodeError:
        return False
    return name == name.strip() and name != LIST_NAME
