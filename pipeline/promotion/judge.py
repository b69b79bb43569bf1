"""Register a finished run, judge its version against the champion, and record the decision."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import yaml

from model.tasks import task_named
from pipeline.base.errors import BadInputError
from pipeline.base.machine import describe_environment
from pipeline.base.params_file import flat, load_section
from pipeline.base.project import Project
from pipeline.data.branch import is_phantom
from pipeline.data.manifest import read_manifest
from pipeline.data.processed import Processed
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.record import EVALUATION_FILE, EvaluateConfig, Evaluation
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import STAGES, Ledger, Workspace
from pipeline.ledger.project_params import ProjectParams
from pipeline.ledger.run import opening, read_openings
from pipeline.local import services
from pipeline.promotion.approval import approve, waiting_verdict
from pipeline.promotion.champion import Facts, block_on, decide_once, try_out
from pipeline.promotion.change_control import ChangeControlConfig, approval_reasons, run_facts
from pipeline.promotion.gate import GateConfig, Rule, Verdict, decide
from pipeline.registry.bundle import Candidate
from pipeline.registry.description import MODALITY_TAG, PHANTOM_TAG
from pipeline.registry.lineage import data_listing, lineage
from pipeline.registry.registry import Registry
from pipeline.stages.run import finished_run

Say = Callable[..., None]
GATE, CHANGE_CONTROL = "gate", "change_control"


def register(project: Project, key: str) -> int:
    """Register a finished run's weights, unless they are registered; returns the version."""
    with (
        services.mlflow(project) as uri,
        finished_run(project, key, "register", "models", "reports") as work,
    ):
        phantom = is_phantom(Ledger(project))
        return Registry(uri, project.model).register(_candidate(work, key, phantom=phantom))


def _candidate(work: Workspace, key: str, *, phantom: bool) -> Candidate:
    evaluation = _evaluation(work)
    params = yaml.safe_load((work.folder / "params.yaml").read_text())
    task = task_named(evaluation.protocol.task)
    return Candidate(
        workspace=work.folder,
        classes=evaluation.protocol.classes,
        image_size=evaluation.protocol.image_size,
        region=evaluation.protocol.region,
        task=evaluation.protocol.task,
        factor=evaluation.protocol.factor,
        sources=task.sources,
        modalities=_modalities(work) if task.sources > 1 else (),
        tags=lineage(work, key) | _about_data(work, phantom=phantom),
        params=flat({section: params[section] for section in STAGES}),
        metrics=evaluation.flat(),
        dataset_digest=data_listing((work.folder / "dvc.lock").read_text()),
    )


def _about_data(work: Workspace, *, phantom: bool) -> dict[str, str]:
    """What kind of images the run learned from, as tags for MLflow's page."""
    modalities = {row.modality for row in read_manifest(work.folder)} - {""}
    known = {MODALITY_TAG: ", ".join(sorted(modalities))} if modalities else {}
    return {**known, PHANTOM_TAG: "YES" if phantom else "NO"}


def _modalities(work: Workspace) -> tuple[str, ...]:
    """The modalities of a run's pairs, in the order of the training; () without pairs."""
    return load_section(work.folder / "params.yaml", "preprocess", PreprocessConfig).modalities


def _evaluation(work: Workspace) -> Evaluation:
    return Evaluation.load(work.folder / "reports" / EVALUATION_FILE)


def promote(
    project: Project, key: str, say: Say, *, require_approval: bool = False
) -> tuple[Record, Evaluation]:
    """Judge a run's version against the current champion, and record the decision.

    The record is appended by compare-and-swap: if another decision comes first, the candidate is
    judged again against the new champion. A run is decided once: a repeated call finds the
    decision and only repairs the aliases.

    Args:
        project: the project.
        key: of the run.
        say: called with the progress, as keywords.
        require_approval: a promotion waits for a person, whatever params.yaml says.

    Returns:
        The journal's record of the decision, and the candidate's evaluation.

    Raises:
        BadInputError: the run is not finished, its version is missing, or the gate would promote
            it but it fails to load or to draw.
    """
    with services.mlflow(project) as uri:
        registry = Registry(uri, project.model)
        with _judging(project, registry, key, say, asked=require_approval) as judge:
            record = decide_once(judge.ledger, registry, key, judge.decide)
            registry.attach_verdict(record.number, record.action, record.verdict)
            return record, _evaluation(judge.work)


def approve_version(project: Project, version: str, by: str, reason: str, say: Say) -> Record:
    """Approve a version that waits for a person; see `approval.approve`.

    Raises:
        BadInputError: as `approval.approve`.
    """
    ledger = Ledger(project)
    key = waiting_verdict(Journal(ledger), version).run_key
    with services.mlflow(project) as uri:
        registry = Registry(uri, project.model)

        def judge_again(journal: Journal) -> Facts:
            with _judging(project, registry, key, say, asked=True) as judge:
                return judge.decide(journal)

        return approve(ledger, registry, version, by, reason, judge_again)


@contextmanager
def _judging(
    project: Project, registry: Registry, key: str, say: Say, *, asked: bool
) -> Iterator["_Judge"]:
    """A judge of the run's candidate, with the run's outputs checked out."""
    targets = ("models", "reports", "data/processed")
    with finished_run(project, key, "promote", *targets) as work:
        yield _Judge(project, Ledger(project), registry, work, key, say, asked)


@dataclass(frozen=True)
class _Judge:
    """Judges one candidate against the current champion.

    Attributes:
        asked: the run was started with require_approval.
    """

    project: Project
    ledger: Ledger
    registry: Registry
    work: Workspace
    key: str
    say: Say
    asked: bool

    def decide(self, journal: Journal) -> Facts:
        """The facts of the journal's next record."""
        candidate = _evaluation(self.work)
        version = self._version(candidate)
        champion = journal.champion
        against, shared = self._score_both(champion, candidate) if champion else (None, None)
        rules = ProjectParams.of(self.project).section(GATE, GateConfig)
        test_set = (shared or candidate).protocol.real_sha256
        verdict = decide(candidate, against, rules, journal.looks(test_set), shared)
        verdict = refuse_blocked(verdict, block_on(journal, version, candidate.model))
        waits_for: tuple[str, ...] = ()
        if verdict.outcome == "promoted":
            self.say(what=f"loading version {version} as a consumer", done=0, total=1)
            try_out(self.registry, version, candidate.model)
            waits_for = self._approval(champion)
            waits_for += (verdict.asks,) if verdict.asks else ()
        ruled = ruling(verdict, waits_for)
        opened = read_openings(self.work.git, ["HEAD"]).get(self.key)
        return ruled | {
            "details": ruled["details"]
            | {
                "because": opened.because if opened else "",
                "dag_run_id": os.environ.get("MEDLOOM_RUN_ID", ""),
                "environment": describe_environment(),
            },
            "version": version,
            "weights_sha256": candidate.model,
            "run_key": self.key,
            "data": opening(self.work.git, "HEAD")[2],
            "predecessor": champion.version if champion else None,
            "test_set": test_set,
        }

    def _version(self, candidate: Evaluation) -> int:
        version = self.registry.find_by_weights(candidate.model)
        if version is None:
            raise BadInputError(
                f"the weights {candidate.model[:12]} of run {self.key} have no version in "
                f"{self.project.model}: run `medloom task register --key {self.key}` first"
            )
        return version

    def _approval(self, champion: Record | None) -> tuple[str, ...]:
        config = ProjectParams.of(self.project).section(CHANGE_CONTROL, ChangeControlConfig)
        before = run_facts(self.ledger, champion.run_key) if champion else None
        after = run_facts(self.ledger, self.key, deciding=ProjectParams.of(self.project).values)
        return approval_reasons(config, before, after, asked=self.asked)

    def _score_both(
        self, champion: Record, candidate: Evaluation
    ) -> tuple[Evaluation, Evaluation | None]:
        """Score the champion under the candidate's protocol: same real images, counts and seeds.

        If the champion does not draw all classes, both are scored on the shared classes.

        Returns:
            The champion's evaluation, and the candidate's on the shared classes, or None if the
            champion draws all classes.

        Raises:
            BadInputError: they share no class.
        """
        from pipeline.promotion.by_hand import shared_images

        config = load_section(self.work.folder / "params.yaml", "evaluate", EvaluateConfig)
        processed = Processed.load(self.work.folder / "data" / "processed")
        if task_named(candidate.protocol.task).paired:
            return self._score_pairs(champion, processed, config), None
        if (task := self.registry.output_spec(champion.number).task) != candidate.protocol.task:
            raise BadInputError(
                f"the champion, version {champion.number}, does another thing ({task}) than this "
                f"run ({candidate.protocol.task}). Use a separate project (--project) for each"
            )
        shared = shared_images(self.registry, [champion.number], processed)
        judged = partial(self._score, processed=shared, config=config)
        against = judged(champion.number, champion.weights_sha256)
        if shared is processed:
            return against, None
        return against, judged(self._version(candidate), candidate.model)

    def _score_pairs(
        self, champion: Record, processed: Processed, config: EvaluateConfig
    ) -> Evaluation:
        """Score what the champion makes of the candidate's test split."""
        from model.weights import read_config
        from pipeline.promotion.by_hand import pairs_of_version

        network, _ = read_config(self.work.folder / "models")
        return pairs_of_version(
            self.registry,
            champion.number,
            network,
            _modalities(self.work),
            processed,
            config,
            champion.weights_sha256,
            self.project.cache / "features",
            self._tell,
        ).evaluation

    def _tell(self, what: str, done: int, total: int) -> None:
        self.say(what=what, done=done, total=total)

    def _score(
        self, version: int, weights: str, *, processed: Processed, config: EvaluateConfig
    ) -> Evaluation:
        # Imports torch, which `register` and a project's first promotion do not need.
        from pipeline.evaluation.score import score_images
        from pipeline.promotion.by_hand import fakes_of_version

        return score_images(
            fakes_of_version(self.registry, version, processed, config, self._tell),
            processed,
            config,
            weights,
            cache=self.project.cache / "features",
            on_progress=self._tell,
        ).evaluation


def ruling(verdict: Verdict, waits_for: tuple[str, ...]) -> Facts:
    """The journal's facts for a verdict; a promotion that needs approval becomes `awaiting`."""
    awaiting = verdict.outcome == "promoted" and bool(waits_for)
    return {
        "action": "awaiting" if awaiting else verdict.outcome,
        "verdict": verdict.model_dump(mode="json"),
        "by": "gate",
        "reason": verdict.reason,
        "details": {"approval": list(waits_for)} if awaiting else {},
    }


def refuse_blocked(verdict: Verdict, block: Record | None) -> Verdict:
    """The verdict, changed to rejected if the version is blocked."""
    if block is None:
        return verdict
    says = f"{block.action} at {block.time} by {block.by}: {block.reason}"
    rule = Rule(name="guard:blocked", passed=False, value=1.0, limit=0.0, says=says)
    changes = {"outcome": "rejected", "reason": f"{rule.name}: {says}"}
    return verdict.model_copy(update={**changes, "rules": (*verdict.rules, rule)})
