"""Results of examining a file of the landing zone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.data.formats.canonical import Thumbnail
from pipeline.data.landing.zone import LandedFile
from pipeline.data.marks.annotated import NOTHING_BESIDE, Annotated
from pipeline.data.reading.isolation import WorkerFailure
from pipeline.data.refusal import Refused


@dataclass(frozen=True)
class Image:
    """An accepted image.

    Attributes:
        id: of the pixels.
        sha256: of the canonical PNG.
        thumbnail: for comparing images with each other.
        width, height: pixels.
        bits: of a grey level, 8 or 16.
        brightness: median of the pixels that are not black, 0 to 1.
        bits_a_pixel: of the canonical PNG, a measure of information.
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
    """An image of the manifest, recognised by its file's bytes, undecoded: `id` of the pixels."""

    id: str


@dataclass(frozen=True)
class Identity:
    """Pseudonyms of whom and what a file names.

    Attributes:
        patient: of the patient; "" where none is named, or only a placeholder.
        unissued: of the same identifier without its issuer, also of a placeholder; "" for none.
        former: what earlier versions may have called the patient, also for a placeholder.
        vague: whether the identifier is a placeholder with a number, such as Anon1.
        study: of the study or the volume; "" without one.
    """

    patient: str = ""
    unissued: str = ""
    former: tuple[str, ...] = ()
    vague: bool = False
    study: str = ""


NOBODY = Identity()


@dataclass(frozen=True)
class Look:
    """Result for one image or file: an accepted image, or why it is refused.

    Attributes:
        found: the file as listed.
        item: number, from 1, of the image within a file of several; 0 for a file that is one
            image, or that is refused as a whole.
        source_sha256: of the bytes of the file, or of the archive's member; "" when they could
            not be read.
        label: class, or "".
        group: pseudonym of the patient, or of the scan when the patient is unknown; or "".
        result: the image, the known image that these bytes became before, or why it is refused.
        identity: whom the file names.
        alias: `identity.patient`, where the group goes by another name of the same patient.
        annotated: what lies beside the image says of its findings.
    """

    found: LandedFile
    item: int
    source_sha256: str
    label: str
    group: str
    result: Image | Known | Refused
    identity: Identity = NOBODY
    alias: str = ""
    annotated: Annotated = NOTHING_BESIDE

    @property
    def called(self) -> frozenset[str]:
        """The group, and every pseudonym that any version gave the patient."""
        return frozenset({self.group, self.identity.patient, *self.identity.former}) - {""}


@dataclass(frozen=True)
class Share:
    """A file; of an archive, every `of`-th member from number `first` on."""

    found: LandedFile
    first: int = 0
    of: int = 1


@dataclass(frozen=True)
class ShareResult:
    """Result of one share of a file.

    Attributes:
        members: looks by the number of the archive's member; 0 for any other file.
        archive: whether the file is an archive.
        refused: why the whole file is refused, or None.
        passed_over: number of the archive's files that were passed over, by kind.
    """

    members: dict[int, list[Look]] = field(default_factory=dict)
    archive: bool = False
    refused: Refused | None = None
    passed_over: Counter[str] = field(default_factory=Counter)


def merge_shares(found: LandedFile, shares: Sequence[ShareResult | WorkerFailure]) -> list[Look]:
    """Merge the results of a file's shares, in the file's own order.

    An archive that is refused for several reasons gets that of the first share.
    """
    members: dict[int, list[Look]] = {}
    archive = False
    for seen in shares:
        if isinstance(seen, WorkerFailure):
            why = Refused("reader-died", f"the reader process {seen.how} on this file")
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


def _refused(found: LandedFile, why: Refused) -> Look:
    """The look at a file that is refused as a whole."""
    return Look(found, 0, "", found.label, "", why)
