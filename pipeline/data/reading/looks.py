"""What is seen in a file of the landing zone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.landing.zone import Found
from pipeline.data.reading.apart import Died
from pipeline.data.refusal import Refused


@dataclass(frozen=True)
class Image:
    """A good image, by what was decoded.

    Attributes:
        id: of the pixels.
        sha256: of the canonical PNG.
        thumbnail: for comparing images with each other.
        width, height: pixels.
        bits: of a grey level, 8 or 16.
        brightness: median of what is not black, 0 to 1.
        bits_a_pixel: of the canonical PNG: how little it can be told in.
        view, modality, spacing, window: as in the manifest's `Row`.
    """

    id: str
    sha256: str
    thumbnail: Thumbnail
    width: int
    height: int
    bits: int
    brightness: float
    bits_a_pixel: float
    view: str = "unknown"
    modality: str = ""
    spacing: str = ""
    window: str = ""


@dataclass(frozen=True)
class Known:
    """An image that the manifest has, told by its file without decoding it: `id` of the pixels."""

    id: str


@dataclass(frozen=True)
class Look:
    """What was seen: a good image, or why something is refused.

    Attributes:
        found: the file as listed.
        item: number, from 1, of the image within a file of several; 0 of a file that is one
            image, or that is refused as a whole.
        source_sha256: of the bytes of the file, or of the archive's member; "" when they could
            not be read.
        label: class, or "".
        group: pseudonym of the patient, or of the scan when no patient is told; or "".
        result: the image, the known one that these very bytes became before, or why it is not
            taken in.
    """

    found: Found
    item: int
    source_sha256: str
    label: str
    group: str
    result: Image | Known | Refused


@dataclass(frozen=True)
class Share:
    """A file, or every `of`-th member of it when it is an archive, from number `first` on."""

    found: Found
    first: int = 0
    of: int = 1


@dataclass(frozen=True)
class Seen:
    """What one reader saw of its share of a file.

    Attributes:
        members: looks by the number of the archive's member; 0 of a file that is none.
        archive: whether it is one.
        refused: why nothing of the file counts.
    """

    members: dict[int, list[Look]] = field(default_factory=dict)
    archive: bool = False
    refused: Refused | None = None


def looks_at(found: Found, shares: Sequence[Seen | Died]) -> list[Look]:
    """All that was seen of a file, in its own order, whoever read which share of it.

    Of an archive that is refused for several reasons, those of the first shares are told.
    """
    members: dict[int, list[Look]] = {}
    archive = False
    for seen in shares:
        if isinstance(seen, Died):
            why = Refused("reader-died", f"the reader {seen.how} over this file")
            return [_refused(found, why)]
        if seen.refused:
            return [_refused(found, seen.refused)]
        members |= seen.members
        archive |= seen.archive
    looks = [look for number in sorted(members) for look in members[number]]
    if not looks:
        return [_refused(found, Refused("empty", "the archive holds no file"))]
    if len(looks) == 1 and not archive:
        return looks
    return [replace(look, item=item) for item, look in enumerate(looks, 1)]


def _refused(found: Found, why: Refused) -> Look:
    """At a file of which nothing counts."""
    return Look(found, 0, "", found.label, "", why)
