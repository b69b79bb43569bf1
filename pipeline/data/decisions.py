"""Lists of people's decisions about images: withdrawn, relabelled, released and rejected.

Every ingest applies them. The lists are files on the data branch, so that every machine has them.
They hold only hashes and group names, nothing that identifies a patient.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import BadInputError

WITHDRAWN_FILE = Path("data/withdrawn.csv")
CORRECTED_FILE = Path("data/relabelled.csv")
RELEASED_FILE = Path("data/released.csv")
REJECTED_FILE = Path("data/rejected.csv")


@dataclass(frozen=True)
class Withdrawn:
    """Images, files and groups whose consent is withdrawn.

    Attributes:
        images: ids of images.
        sources: sha256 of the files that they arrived in.
        groups: of patients whose images are all refused, including images never seen before.
    """

    images: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def __or__(self, other: "Withdrawn") -> "Withdrawn":
        return Withdrawn(
            self.images | other.images, self.sources | other.sources, self.groups | other.groups
        )

    @classmethod
    def parse(cls, text: str) -> "Withdrawn":
        """Read what `text` wrote; an empty text lists nobody.

        Raises:
            BadInputError: it names a kind that is not known here.
        """
        return cls(*_by_kind(text, ("image", "source", "group")))

    @property
    def text(self) -> str:
        """The list as CSV, sorted, one row a hash or a group."""
        pairs = [("image", self.images), ("source", self.sources), ("group", self.groups)]
        return _csv(
            ("kind", "value"), ((kind, value) for kind, values in pairs for value in sorted(values))
        )


@dataclass(frozen=True)
class Rejected:
    """What a person has reviewed and keeps out for good.

    Attributes:
        images: ids of images that could be decoded.
        sources: sha256 of files or archive members that could not.
    """

    images: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    def __or__(self, other: "Rejected") -> "Rejected":
        return Rejected(self.images | other.images, self.sources | other.sources)

    def __sub__(self, other: "Rejected") -> "Rejected":
        return Rejected(self.images - other.images, self.sources - other.sources)

    def holds(self, image_id: str, source_sha256: str) -> bool:
        """Whether an image, or the file it came in, is on the list; either may be ""."""
        return image_id in self.images or source_sha256 in self.sources

    @classmethod
    def parse(cls, text: str) -> "Rejected":
        """Read what `text` wrote; an empty text rejects nothing.

        Raises:
            BadInputError: it names a kind that is not known here.
        """
        return cls(*_by_kind(text, ("image", "source")))

    @property
    def text(self) -> str:
        """The list as CSV, sorted, one row a hash."""
        pairs = [("image", self.images), ("source", self.sources)]
        return _csv(
            ("kind", "value"), ((kind, value) for kind, values in pairs for value in sorted(values))
        )


@dataclass(frozen=True)
class Corrections:
    """Earlier classes of relabelled images: image id -> the classes it had before."""

    earlier: Mapping[str, frozenset[str]]

    def with_earlier(self, images: Mapping[str, str]) -> "Corrections":
        """These corrections and the classes that `images` (id -> class) had until now."""
        new = {id_: self.earlier.get(id_, frozenset()) | {label} for id_, label in images.items()}
        return Corrections({**self.earlier, **new})

    @classmethod
    def parse(cls, text: str) -> "Corrections":
        """Read what `text` wrote; an empty text corrects nothing."""
        corrections = cls({})
        for line in csv.DictReader(io.StringIO(text)):
            corrections = corrections.with_earlier({line["id"]: line["earlier"]})
        return corrections

    @property
    def text(self) -> str:
        """The list as CSV, sorted, one row an image and class."""
        rows = ((id_, label) for id_, labels in self.earlier.items() for label in labels)
        return _csv(("id", "earlier"), sorted(rows))


def read_decisions(workspace: Path) -> tuple[Withdrawn, Corrections]:
    """Withdrawals and corrections of a data revision; empty where there is no file."""
    return (
        Withdrawn.parse(_read(workspace / WITHDRAWN_FILE)),
        Corrections.parse(_read(workspace / CORRECTED_FILE)),
    )


def read_released(workspace: Path) -> frozenset[str]:
    """Ids of images that a person released in spite of a failed quality check."""
    return parse_released(_read(workspace / RELEASED_FILE))


def parse_released(text: str) -> frozenset[str]:
    """Read what `released_text` wrote; an empty text lists nothing."""
    return frozenset(line["id"] for line in csv.DictReader(io.StringIO(text)))


def read_rejected(workspace: Path) -> Rejected:
    """Images and files that a data revision rejects."""
    return Rejected.parse(_read(workspace / REJECTED_FILE))


def released_text(images: Iterable[str]) -> str:
    """The list as CSV, sorted."""
    return _csv(("id",), ((id_,) for id_ in sorted(images)))


def _by_kind(text: str, kinds: tuple[str, ...]) -> Iterable[frozenset[str]]:
    """The values of each kind. None may be passed over: it keeps images out."""
    found: dict[str, set[str]] = {kind: set() for kind in kinds}
    for line in csv.DictReader(io.StringIO(text)):
        if line["kind"] not in found:
            raise BadInputError(
                f"a list of the data branch names a {line['kind']!r}, and this medloom knows "
                f"{', '.join(kinds)}: a newer medloom wrote it; upgrade medloom"
            )
        found[line["kind"]].add(line["value"])
    return map(frozenset, found.values())


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _csv(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue()
