"""What one run of the monitor found: one record of the chain `monitor`."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.ledger.chain import MONITOR, ChainedRecord

BRANCH = MONITOR
FORMAT = 1


class Fact(BaseModel):
    """A part of a record; fields of later versions are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Share(Fact):
    """Some of a number, with the ends of its interval (Wilson)."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.count / self.of if self.of else 0.0


class DriftFigure(Fact):
    """A figure between a class's earlier and landed images.

    Attributes:
        name: kernel (distance of features) or intensity (difference of mean grey levels).
        value: of the actual images.
        floor: that chance reaches at `level`; of the absolute value for intensity.
        p: share of permutations that reach the value or more.
        level: error level of this test, see `MonitorConfig.drift_level`.
    """

    name: str
    value: float
    floor: float
    p: float
    level: float

    @property
    def beyond(self) -> bool:
        """Whether the value is beyond chance."""
        return self.p <= self.level and abs(self.value) > self.floor


class ClassDrift(Fact):
    """What landed of a class since the champion's data, against that data.

    Attributes:
        label: the class.
        earlier, landed: images.
        why_not: why nothing was measured; "" if it was.
        figures: kernel and, if the images have one bit depth, intensity.
    """

    label: str
    earlier: int
    landed: int
    why_not: str = ""
    figures: list[DriftFigure] = Field(default=[])

    @property
    def beyond(self) -> list[DriftFigure]:
        """The figures that are beyond chance."""
        return [one for one in self.figures if one.beyond]


class Redraw(Fact):
    """A fixed set of the champion's images, drawn again.

    Attributes:
        state: first (there was nothing to compare with), equal, differs, accepted (a person made
            these the new reference) or failed.
        version, weights_sha256: that were drawn.
        pixels: sha256 of the pixels of each image, by class and index, as stone-0.
        host: name, processor, torch, numpy and so on, of the host that drew now.
        against: record number whose images these are compared with; 0 for the first ones.
        differing: names of the images that differ.
        changed: what of the host is not as it was then: name -> [then, now].
        share_apart: share of all compared pixels that differ; None if those of then are lost.
        most_apart: largest difference, in grey levels of 255.
        why: why it failed, or the person's reason; else "".
    """

    state: str
    version: int
    weights_sha256: str
    pixels: dict[str, str] = Field(default={})
    host: dict[str, str] = Field(default={})
    against: int = 0
    differing: list[str] = Field(default=[])
    changed: dict[str, list[str]] = Field(default={})
    share_apart: float | None = None
    most_apart: int | None = None
    why: str = ""


class ChampionState(Fact):
    """The champion, and what happened since.

    Attributes:
        version: number.
        since: when it became champion, as the journal has it.
        days: since then.
        landed, left: images that came to and went from the data since its own.
        verdicts: later verdicts of the gate, by action.
        failed_runs: later DAG runs on this host with a failed task.
        looks_used, looks: uses of the newest test split to compare versions, and those allowed.
    """

    version: int
    since: str
    days: float
    landed: int = 0
    left: int = 0
    verdicts: dict[str, int] = Field(default={})
    failed_runs: int = 0
    looks_used: int = 0
    looks: int = 0


class Draws(Fact):
    """Images that were drawn so far, by source, version and class."""

    source: str
    version: int
    label: str
    images: int


class Flags(Fact):
    """How often a class of the champion was found flawed, in what readers judged."""

    label: str
    flawed: Share
    flaggers: int
    readers: int
    asks: bool


class Copies(Fact):
    """The guard on copies of training images in the champion's verdict: upper bound and limit."""

    upper: float
    limit: float
    says: str


class Alarm(Fact):
    """Something that a person should look at.

    Attributes:
        key: what it is about, such as drift:stone; an alarm is on until a run does not find it.
        since: time of the run that raised it.
        says: what was found, in a sentence.
        do: what to do about it.
        told: whether the webhook accepted it.
    """

    key: str
    since: str
    says: str
    do: str
    told: bool = False


class MonitorRecord(ChainedRecord):
    """What one run of the monitor found.

    Attributes:
        champion: None if there is none.
        drift: by class, of those of which images landed.
        drift_note: why nothing was compared; "" if it was.
        redraw: None without a champion, or if it is switched off.
        draws: counted on the host that ran, since its first draw.
        draws_unread: lines of these counts that could not be read.
        refused: of what arrived since the champion's data.
        flags: by class, of what readers said about the champion.
        looks_copied: opinions on the champion that say that an image looks copied.
        copies: None if the champion's verdict has no such rule.
        alarms: that are on.
    """

    current = FORMAT

    champion: ChampionState | None = None
    drift: list[ClassDrift] = Field(default=[])
    drift_note: str = ""
    redraw: Redraw | None = None
    draws: list[Draws] = Field(default=[])
    draws_unread: int = 0
    refused: Share | None = None
    flags: list[Flags] = Field(default=[])
    looks_copied: int = 0
    copies: Copies | None = None
    alarms: list[Alarm] = Field(default=[])
