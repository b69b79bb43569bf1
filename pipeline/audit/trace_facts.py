"""The result of a trace."""

from dataclasses import dataclass
from typing import Any

from pipeline.audit.history import Commit
from pipeline.audit.proposal_uses import ProposalUse
from pipeline.ledger.journal import Record


@dataclass(frozen=True)
class Counts:
    """Images and groups of a class in a split."""

    label: str
    split: str
    images: int
    groups: int


@dataclass(frozen=True)
class DataLineage:
    """The data revision that a version learned from.

    Attributes:
        commit: on the branch `data`.
        time, subject: of that commit; "" if it is not in the ledger.
        manifest: git tree of the manifest; "" if it is not in the ledger.
        listing_md5: DVC's hash of the raw images' listing, by dvc.lock.
        counts: by class and split; groups are counted within each.
        groups: number in the whole revision.
    """

    commit: str
    time: str
    subject: str
    manifest: str
    listing_md5: str
    counts: tuple[Counts, ...]
    groups: int

    @property
    def images(self) -> int:
        """Number of images over all splits."""
        return sum(row.images for row in self.counts)


@dataclass(frozen=True)
class CodeLineage:
    """The code that made a version.

    Attributes:
        commit: the snapshot on the branch `code`.
        upstream: the developers' commit that the snapshot was taken from; "none" for a tarball.
        dirty: whether it differs from that commit; None if unknown.
        installed: version of the installed package that it was taken from; "" for a checkout.
    """

    commit: str
    upstream: str
    dirty: bool | None
    installed: str = ""


@dataclass(frozen=True)
class Output:
    """An output of a stage, by dvc.lock."""

    stage: str
    path: str
    md5: str
    size: int


@dataclass(frozen=True)
class Ancestor:
    """A version whose networks a later training went on from.

    Attributes:
        version: number, by the verdict on its run; None without one.
        run_key: of its run.
        networks_sha256: of its networks.safetensors, as the run that went on from it records.
        data: what it learned from; with an empty commit if its run is gone.
    """

    version: int | None
    run_key: str
    networks_sha256: str
    data: DataLineage

    @property
    def name(self) -> str:
        """For a person: version 3, or the run."""
        return f"run {self.run_key}" if self.version is None else f"version {self.version}"


@dataclass(frozen=True)
class Trace:
    """Everything that the ledger holds about one version.

    Attributes:
        model: name of the registered model.
        version: number; None for a run without a verdict.
        aliases: those that point at it, by the journal.
        blocked: why it never becomes champion again; "" when it may.
        weights_sha256: by the verdict; "" before it.
        run_key, trigger: of its run.
        because: why its run was planned, in words; "" if its first commit does not tell.
        commits: of the run's branch, oldest first; none when the branch is gone.
        lock_sha256: of dvc.lock at the run's head; "" when there is none.
        outputs: of the stages that have a result.
        data, code: the data revision and the code of the run.
        params: the sections of params.yaml that affect weights and verdict.
        environment: library versions and machine, if recorded.
        verdict: the gate's record, with every figure; None before it.
        approval: the record that approved or declined it.
        decisions: every record about it, or that ended its time as champion.
        champion: when it was champion: (since, until).
        missing: sentences about what the ledger should hold and does not.
        ancestors: versions whose networks it goes on from, the nearest first; () if it began from
            fresh networks.
        seen_images: number of different images in its data and in that of its ancestors.
        proposals: to take one of these images out of the data, and the answers, oldest first.
    """

    model: str
    version: int | None
    aliases: tuple[str, ...]
    blocked: str
    weights_sha256: str
    run_key: str
    trigger: str
    commits: tuple[Commit, ...]
    lock_sha256: str
    outputs: tuple[Output, ...]
    data: DataLineage
    code: CodeLineage
    params: dict[str, Any]
    environment: dict[str, str]
    verdict: Record | None
    approval: Record | None
    decisions: tuple[Record, ...]
    champion: tuple[tuple[str, str | None], ...]
    missing: tuple[str, ...]
    ancestors: tuple[Ancestor, ...] = ()
    seen_images: int = 0
    proposals: tuple[ProposalUse, ...] = ()
    because: str = ""
