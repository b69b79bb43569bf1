"""What the data report says, on its page and as JSON. No file, patient or path is in it."""

from pydantic import Field

from model.section import Section
from pipeline.data.ingest.quarantine import QuarantineRecord
from pipeline.data.revise.diff import Changes
from pipeline.reports.facts import SplitCount


class Tally(Section):
    """Images and groups that have something in common, by class too."""

    name: str
    images: int
    groups: int
    by_class: dict[str, int]


class Levels(Section):
    """Grey levels of a class, of images of one depth, as stored."""

    label: str
    bits: int
    images: int = Field(description="measured")
    of: int = Field(description="that there are")
    mean_grey: tuple[float, float, float, float, float] = Field(
        description="5, 25, 50, 75 and 95 % of the images' mean grey levels"
    )
    black: float = Field(description="share of all pixels that are 0")
    white: float = Field(description="share of all pixels that have the highest level possible")
    histogram: tuple[float, ...] = Field(
        description="shares of all pixels, in equal parts from 0 to `top`"
    )
    top: int


class LargeGroup(Section):
    """One of the groups with most images."""

    group: str
    split: str
    by_class: dict[str, int]
    images: int


class Groups(Section):
    """How many images groups have."""

    count: int
    patients: int = Field(description="groups of a patient whom a name or a header tells")
    alone: int = Field(description="groups of one image")
    in_two_classes: int
    sizes: dict[int, int] = Field(description="images -> groups with as many")
    largest: tuple[LargeGroup, ...]


class LeakPair(Section):
    """A test image and the training image nearest to it, by id."""

    correlation: float
    tested: str
    trained: str


class ClassLeak(Section):
    """How near test images of a class are to training images, by correlation of small copies."""

    label: str
    tested: int
    median: float
    highest: float
    median_by_image: float = Field(description="had images been divided one by one")
    highest_by_image: float
    neighbours: int = Field(description="test images above ingest.group_correlation")
    neighbours_by_image: int
    pairs: tuple[LeakPair, ...]


class Odd(Section):
    """An image that is odd beside the others of its class, as its ingest saw it."""

    id: str
    label: str
    warnings: dict[str, float] = Field(description="check -> what it measured")


class Duplicate(Section):
    """A file, named by its content, with the pixels of an image that is there."""

    record: str
    label: str
    image: str


class Measured(Section):
    """A figure between old and new images beside what chance reaches."""

    protocol: str
    value: float
    floor: float
    p: float
    beyond: bool


class Drift(Section):
    """Of a class: whether what was added differs from what was there."""

    label: str
    old: int = Field(description="images there")
    new: int = Field(description="images added")
    old_groups: int
    new_groups: int
    both_groups: int = Field(description="groups with old and new images")
    why_not: str = Field(default="", description="why nothing was measured, if so")
    kernel: Measured | None = None
    intensity: Measured | None = None


class DriftProtocol(Section):
    """What the kernel distances were measured with."""

    extractor: str
    weights_sha256: str
    image_size: int
    most_images: int = Field(description="of a class and side; more are a fixed random choice")
    deals: int
    level: float = Field(description="share of deals that may reach the floor, by class")


class DataFacts(Section):
    """All that the page says.

    Attributes:
        title: of the project.
        made_at: when the page was made, in words.
        command: that makes it again.
        phantom: the images are a computed phantom.
        revision, made, what: commit, when, and the first line of its message.
        newest: whether it is the newest revision.
        gone: images of this revision whose consent was withdrawn since: counted, neither shown
            nor measured.
        group_correlation: above it, images are neighbouring slices.
        least_groups: test groups of a class below which the gate says nothing of it.
        refusals_of: where the list of refusals comes from: the local index, or the revision.
        duplicates: None where this machine's local index knows none of the files.
        changes: since the revision that it is compared with; None when there is none.
    """

    title: str
    made_at: str
    command: str
    phantom: bool
    revision: str
    made: str
    what: str
    newest: bool
    images: int
    gone: int
    splits: tuple[SplitCount, ...]
    views: tuple[Tally, ...]
    modalities: tuple[Tally, ...]
    batches: tuple[Tally, ...]
    sizes: tuple[Tally, ...]
    windows: tuple[Tally, ...]
    levels: tuple[Levels, ...]
    groups: Groups
    group_correlation: float
    least_groups: int
    leak: tuple[ClassLeak, ...]
    odd: tuple[Odd, ...]
    odd_by_check: dict[str, int]
    refusals_of: str
    refusals: tuple[QuarantineRecord, ...]
    reasons: dict[str, int]
    duplicates: tuple[Duplicate, ...] | None
    changes: Changes | None
    drift: tuple[Drift, ...]
    drift_protocol: DriftProtocol | None
