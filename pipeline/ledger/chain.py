"""Chains of records: files 000001.json, 000002.json, …, each with the sha256 of the one before.

So changed or removed records are detected. The journal is one chain; opinions, checks for copies,
looks at real images, proposals about them, runs of the monitor and each reader study are others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pipeline.ledger.signed_record import SignedRecord
from pipeline.ledger.signing import Signer

GENESIS = "0" * 64
FEEDBACK = "feedback"
"""Branch, and folder in it, of the chain of opinions."""
COPY_CHECKS = "copy-checks"
"""Likewise, of the chain of what was measured of images that were said to look copied."""
LOOKS = "looks"
"""Likewise, of the chain of looks at real images."""
MONITOR = "monitor"
"""Likewise, of the records of the monitor."""
PROPOSALS = "proposals"
"""Likewise, of proposals to take real images out of the data, and the answers to them."""
STUDY, STUDY_FOLDER = "study/", "study"
"""How the branches of reader studies begin, one a study, and the folder of the chain in each."""


class ChainedRecord(SignedRecord):
    """A record of a chain.

    Attributes:
        sequence: 1, 2, 3, …
        previous: sha256 of the previous record's file; `GENESIS` for the first.
        time: UTC, ISO 8601.
    """

    sequence: int
    previous: str
    time: str


R = TypeVar("R", bound=ChainedRecord)


@dataclass(frozen=True)
class Break:
    """The first broken record of a chain: its file, and what is wrong with it."""

    file: str
    why: str


def head_of(records: Sequence[ChainedRecord]) -> str:
    """What the next record must contain: the sha256 of the last one's file."""
    return records[-1].sha256 if records else GENESIS


def next_record(records: Sequence[R], kind: type[R], signer: Signer | None, **facts: Any) -> R:
    """The record that follows on `records`, dated now.

    Raises:
        ValueError: as `SignedRecord.write`.
    """
    return kind.write(
        signer,
        sequence=len(records) + 1,
        previous=head_of(records),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    )


def file_name(sequence: int) -> str:
    """The name of a record's file in its chain's folder."""
    return f"{sequence:06d}.json"


def read_chain(files: Mapping[str, bytes], kind: type[R]) -> tuple[list[R], Break | None]:
    """The valid records from the first one on, and the first broken record, if any.

    Args:
        files: file name -> content.
        kind: class of the records.
    """
    records: list[R] = []
    for number, name in enumerate(sorted(files), 1):
        expected = file_name(number)
        if name != expected:
            return records, Break(expected, f"it is missing, {name} follows")
        try:
            record = kind.read(files[name])
        except ValueError as error:
            return records, Break(name, str(error))
        if record.sequence != number:
            return records, Break(name, f"it says that it is record {record.sequence}")
        if record.previous != head_of(records):
            return records, Break(name, "it does not continue the record before")
        records.append(record)
    return records, None
