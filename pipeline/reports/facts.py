"""What the report page is told. Whatever is missing is said to be missing, never guessed."""

from typing import Any

from pydantic import Field

from model.section import Section
from pipeline.evaluation.record import Evaluation
from pipeline.promotion.gate import Verdict


class Resumption(Section):
    """A training that went on where it could not go on bit for bit."""

    images_seen: int = Field(description="images shown before it")
    why: str = Field(description="what differs between the two machines")
    before: dict[str, Any] = Field(description="runtime until then")
    after: dict[str, Any] = Field(description="runtime from then on")


class ModelFacts(Section):
    """Which generator, made of which data and code."""

    name: str
    version: int | None = Field(default=None, description="in the registry; None before it")
    alias: str | None = Field(default=None, description="champion, previous, or none")
    weights_sha256: str
    run_key: str
    data_revision: str = Field(description="git commit of the data branch")
    code_revision: str = Field(description="git commit of the code branch")
    code_dirty: bool = Field(default=False, description="code held changes that no commit has")
    resumed_inexactly: tuple[Resumption, ...] = ()


class IngestFacts(Section):
    """What became of the files that had arrived, in files."""

    arrived: int
    ingested: int
    duplicates: int
    quarantined: int
    reasons: dict[str, int] = Field(default_factory=dict, description="of the quarantined")


class SplitCount(Section):
    """Images and groups (patients) of a class in a split."""

    label: str
    split: str
    images: int
    groups: int


class QuarantineEntry(Section):
    """A refused file. It is named by its content: a source name may name a patient."""

    source_sha256: str = Field(pattern="^[0-9a-f]{12,64}$")
    kind: str = Field(description="file kind or extension")
    size: int = Field(description="bytes")
    reason: str


class TaskFacts(Section):
    """A step of the run."""

    name: str
    outcome: str = Field(description="done, skipped, failed, not run, …")
    seconds: float | None = None
    joules: float | None = Field(default=None, description="of the machine's processors")
    tries: int = 1


class Failure(Section):
    """Where a run ended early, and why."""

    task: str
    message: str


class ReportFacts(Section):
    """All that the page says. Every part but the first two may be absent.

    Attributes:
        title: of the page, such as the project's name.
        made_at: time of the run, in words; the renderer reads no clock.
        phantom: the data are a stochastic phantom, no patients. The page says so throughout.
        champion_version: registry version of the champion that was compared with.
        waits_for: why a person must approve what the verdict would promote.
    """

    title: str
    made_at: str
    phantom: bool = False
    model: ModelFacts | None = None
    champion_version: int | None = None
    failure: Failure | None = None
    verdict: Verdict | None = None
    waits_for: tuple[str, ...] = ()
    evaluation: Evaluation | None = None
    ingest: IngestFacts | None = None
    splits: tuple[SplitCount, ...] = ()
    quarantine: tuple[QuarantineEntry, ...] | None = None
    tasks: tuple[TaskFacts, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
