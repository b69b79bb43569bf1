"""From a finished run to a version, a verdict and, if it is earned, a champion."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline import services, tasks
from pipeline.errors import BadInputError
from pipeline.evaluating import fakes_of_version
from pipeline.gate import GateConfig, decide
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger, Workspace
from pipeline.processed import Processed
from pipeline.registry import Candidate, Registry
from pipeline.scores import EVALUATION_FILE, EvaluateConfig, Evaluation
from pipeline.scoring import score_images
from pipeline.sections import load_section
from pipeline.settings import Settings

Say = Callable[..., None]
GATE = "gate"


def register(settings: Settings, key: str) -> int:
    """Make a registry version of a finished run's weights, or find it; returns its number."""
    with (
        services.mlflow(settings) as uri,
        tasks.finished_run(settings, key, "register", "models", "reports") as work,
    ):
        return Registry(uri, settings.model).register(_candidate(work, key))


def _candidate(work: Workspace, key: str) -> Candidate:
    evaluation = _evaluation(work)
    params = yaml.safe_load((work.folder / "params.yaml").read_text())
    return Candidate(
        workspace=work.folder,
        classes=evaluation.protocol.classes,
        image_size=evaluation.protocol.image_size,
        tags=tasks.lineage(work, key),
        params=_flat({section: params[section] for section in tasks.STAGES}),
        metrics=evaluation.flat(),
        dataset_digest=tasks.data_listing((work.folder / "dvc.lock").read_text()),
    )


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted names: train.recipe.batch."""
    flat: dict[str, Any] = {}
    for name, value in section.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else None
        flat |= {prefix + name: value} if inner is None else inner
    return flat


def _evaluation(work: Workspace) -> Evaluation:
    return Evaluation.load(work.folder / "reports" / EVALUATION_FILE)


def promote(settings: Settings, key: str, say: Say) -> tuple[Record, Evaluation]:
    """Judge a run's version against the champion of this moment and act on the verdict.

    The journal is the compare-and-swap: when somebody else's decision came in between, the
    candidate is judged again against the champion that it made. A decision that stands is found
    again, so that a repeated call only repairs the aliases.

    Args:
        settings: of the project.
        key: of the run.
        say: told what is being done, as keywords.

    Returns the journal's record of the decision, and the candidate's evaluation.

    Raises:
        BadInputError: the run is not finished, its version is missing, or a candidate that the
            gate would promote does not load and answer.
    """
    ledger = Ledger(settings)
    rules = load_section(tasks.PARAMS, GATE, GateConfig)
    with (
        services.mlflow(settings) as uri,
        tasks.finished_run(settings, key, "promote", "models", "reports", "data/processed") as work,
    ):
        registry = Registry(uri, settings.model)
        judge = _Judge(settings, registry, work, key, rules, say)
        record = None
        while record is None:
            journal = Journal(ledger)
            record = journal.verdict_on(key) or journal.append(**judge.decide(journal))
        registry.attach_verdict(record.number, record.action, record.verdict)
        project_aliases(ledger, registry)
        return record, _evaluation(work)


def project_aliases(ledger: Ledger, registry: Registry) -> None:
    """Make the registry's aliases say what the journal says, also when it moves meanwhile."""
    journal = None
    while journal is None or journal.commit != Journal(ledger).commit:
        journal = Journal(ledger)
        champion, previous = journal.champion, journal.previous_champion
        registry.project(
            champion.version if champion else None, previous.version if previous else None
        )


@dataclass(frozen=True)
class _Judge:
    """One candidate, to be judged against whoever is champion."""

    settings: Settings
    registry: Registry
    work: Workspace
    key: str
    rules: GateConfig
    say: Say

    def decide(self, journal: Journal) -> dict[str, Any]:
        """The facts of the journal's next record."""
        candidate = _evaluation(self.work)
        version = self.registry.find_by_weights(candidate.model)
        if version is None:
            raise BadInputError(
                f"the weights {candidate.model[:12]} of run {self.key} have no version in "
                f"{self.settings.model}: run `medloom task register --key {self.key}` first"
            )
        champion = journal.champion
        against = self._score_champion(champion) if champion else None
        test_set = candidate.protocol.real_sha256
        verdict = decide(candidate, against, self.rules, journal.looks(test_set))
        if verdict.outcome == "promoted":
            self._try_out(version, candidate)
        return {
            "action": verdict.outcome,
            "version": version,
            "weights_sha256": candidate.model,
            "run_key": self.key,
            "data": self.work.git.run("log", "--merges", "--format=%P", "-1").split()[1],
            "predecessor": champion.version if champion else None,
            "verdict": verdict.model_dump(mode="json"),
            "test_set": test_set,
            "by": "gate",
            "reason": verdict.reason,
        }

    def _score_champion(self, champion: Record) -> Evaluation:
        """The champion under the candidate's protocol: same real images, numbers and seeds."""
        config = load_section(self.work.folder / "params.yaml", "evaluate", EvaluateConfig)
        processed = Processed.load(self.work.folder / "data" / "processed")

        def tell(what: str, done: int, total: int) -> None:
            self.say(what=what, done=done, total=total)

        return score_images(
            fakes_of_version(self.registry, champion.number, processed, config, tell),
            processed,
            config,
            champion.weights_sha256,
            cache=self.settings.cache / "features",
            on_progress=tell,
        ).evaluation

    def _try_out(self, version: int, candidate: Evaluation) -> None:
        """Load it as a consumer would, and see that it answers as its signature says."""
        self.say(what=f"loading version {version} as a consumer", done=0, total=1)
        labels = list(candidate.protocol.classes)
        images = self.registry.draw(version, labels, seed=0)
        size = candidate.protocol.image_size
        if images.shape[1:] != (size, size) or images.std(axis=(1, 2)).min() == 0:
            raise BadInputError(
                f"version {version} answers with {images.shape} and {images.std():.1f} grey "
                f"levels of deviation; expected are {size} x {size} images that are not blank"
            )
