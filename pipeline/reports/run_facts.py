"""The facts of the run report. Missing parts are reported as missing, never guessed."""

from typing import Any

from pydantic import Field

from model.section import Stored
from pipeline.evaluation.record import Evaluation
from pipeline.promotion.gate import Verdict


class Resumption(Stored):
    """A training that went on where it could not go on bit for bit."""

    images_seen: int = Field(description="images shown before it")
    why: str = Field(description="what differs between the two machines")
    before: dict[str, Any] = Field(description="runtime until then")
    after: dict[str, Any] = Field(description="runtime from then on")


class ModelFacts(Stored):
    """The generator, with its data and code revisions."""

    name: str
    version: int | None = Field(
        default=None, description="in the registry; None before registration"
    )
    alias: str | None = Field(default=None, description="champion, previous, or none")
    weights_sha256: str
    run_key: str
    data_revision: str = Field(description="git commit of the data branch")
    code_revision: str = Field(description="git commit of the code branch")
    code_dirty: bool = Field(default=False, description="whether the code had uncommitted changes")
    start: str = Field(default="", description="what the training began from; empty: not recorded")
    resumed_inexactly: tuple[Resumption, ...] = ()


class IngestFacts(Stored):
    """Outcomes of the files in the landing zone, counted in files."""

    arrived: int
    ingested: int
    duplicates: int
    quarantined: int
    reasons: dict[str, int] = Field(default_factory=dict, description="of the quarantined")


class SplitCount(Stored):
    """Images and groups of a class in a split."""

    label: str
    split: str
    images: int
    groups: int


class QuarantineEntry(Stored):
    """A quarantined file, named by its content, since its name may be a patient's."""

    source_sha256: str = Field(pattern="^[0-9a-f]{12,64}$")
    kind: str = Field(description="file kind or extension")
    size: int = Field(description="bytes")
    reason: str


class TaskFacts(Stored):
    """A step of the run."""

    name: str
    outcome: str = Field(description="done, skipped, failed, not run, …")
    seconds: float | None = None
    tries: int = 1


class Failure(Stored):
    """The step at which a run failed, and why."""

    task: str
    message: str


class ReportFacts(Stored):
    """All facts of the page. Every part but the first two may be absent.

    Attributes:
        title: of the page, such as the project's name.
        made_at: time of the run, as text; the renderer reads no clock.
        phantom: whether the data are a stochastic phantom, which the page states throughout.
        champion_version: registry version of the champion in the comparison.
        waits_for: reasons why a person must approve the promotion.
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
