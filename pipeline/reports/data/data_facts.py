"""The facts of the data report, for its page and as JSON; without file names, patients or paths."""

from pydantic import Field

from model.section import Stored
from pipeline.data.finding_counts import ClassFindings
from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.quarantine import QuarantineRecord
from pipeline.data.revise.diff import Changes
from pipeline.evaluation.revision_drift import Drift, DriftProtocol
from pipeline.reports.run_facts import SplitCount


class Tally(Stored):
    """Images and groups with a common property, in total and by class."""

    name: str
    images: int
    groups: int
    by_class: dict[str, int]


class Levels(Stored):
    """Grey levels of a class's images of one bit depth, as stored."""

    label: str
    bits: int
    images: int = Field(description="images measured")
    of: int = Field(description="images in the revision")
    mean_grey: tuple[float, float, float, float, float] = Field(
        description="5, 25, 50, 75 and 95 % of the images' mean grey levels"
    )
    black: float = Field(description="share of all pixels that are 0")
    white: float = Field(description="share of all pixels at the highest possible level")
    histogram: tuple[float, ...] = Field(
        description="shares of all pixels, in equal bins from 0 to `top`"
    )
    top: int


class LargeGroup(Stored):
    """One of the largest groups."""

    group: str
    split: str
    by_class: dict[str, int]
    images: int


class Groups(Stored):
    """Numbers and sizes of groups."""

    count: int
    patients: int = Field(description="groups with a known patient")
    alone: int = Field(description="groups of one image")
    in_two_classes: int
    sizes: dict[int, int] = Field(description="number of images -> number of groups of that size")
    largest: tuple[LargeGroup, ...]


class LeakPair(Stored):
    """A test image and the training image nearest to it, by id."""

    correlation: float
    tested: str
    trained: str


class ClassLeak(Stored):
    """Similarity of a class's test images to training images, by correlation of thumbnails."""

    label: str
    tested: int
    median: float
    highest: float
    median_by_image: float = Field(description="for a split by image")
    highest_by_image: float
    neighbours: int = Field(description="test images above ingest.group_correlation")
    neighbours_by_image: int
    pairs: tuple[LeakPair, ...]


class OddImage(Stored):
    """An image that a check of its ingest reported."""

    id: str
    label: str
    warnings: dict[str, float] = Field(description="check -> measured value")


class Duplicate(Stored):
    """A file, named by its content, with the same pixels as an earlier image."""

    record: str
    label: str
    image: str


class MixtureFact(Stored):
    """A class that mixes kinds of images, by their features (`data.ingest.mixture`)."""

    label: str
    silhouette: float
    sizes: tuple[int, ...] = Field(description="images of each kind, of those looked at")
    kinds: tuple[tuple[str, ...], ...] = Field(description="ids of the images of each kind")


class DataFacts(Stored):
    """All facts of the report.

    Attributes:
        title: name of the project.
        made_at: when the page was made, as text.
        command: command that makes it again.
        phantom: whether the images are a computed phantom.
        revision, made, what: commit, when, and the first line of its message.
        newest: whether it is the newest revision.
        gone: images of this revision whose consent was withdrawn since: counting, but neither shown
            nor measured.
        group_correlation: correlation above which images count as neighbouring slices.
        least_groups: fewest test groups of a class for the gate to judge it.
        notices: what the ingest of its last batch passed over, guessed or could not use.
        mixtures: classes that mix kinds of images.
        refusals_of: source of the quarantined files: the local index, or the revision.
        annotations: findings of each class; empty where no image is annotated.
        duplicates: None when this machine's local index does not know them.
        changes: since the revision that it is compared with; None without one.
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
    odd: tuple[OddImage, ...]
    odd_by_check: dict[str, int]
    notices: tuple[Notice, ...]
    mixtures: tuple[MixtureFact, ...]
    refusals_of: str
    refusals: tuple[QuarantineRecord, ...]
    reasons: dict[str, int]
    duplicates: tuple[Duplicate, ...] | None
    changes: Changes | None
    drift: tuple[Drift, ...]
    drift_protocol: DriftProtocol | None
    annotations: tuple[ClassFindings, ...] = ()
    small: int = Field(default=0, description="images that preprocess leaves out for their size")
    size: int = Field(default=0, description="preprocess.size, in pixels")
