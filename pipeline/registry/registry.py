"""Registered versions and their aliases in MLflow.

The journal decides who is champion (`pipeline.ledger.journal`). The registry has a projection of it
and a copy of the lineage, for people and tools that use MLflow.
"""

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import mlflow
import mlflow.pyfunc
import numpy as np
import requests
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Run, ViewType
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.machine import describe_environment
from pipeline.base.project import PROJECT_ROOT
from pipeline.registry.aliases import CHALLENGER, CHAMPION, PREVIOUS, JournalPosition, Projection
from pipeline.registry.bundle import Candidate, make_bundle
from pipeline.registry.description import VERDICT, describe_model, describe_version
from pipeline.registry.isolated_consumer import ask
from pipeline.registry.output_spec import OutputSpec
from pipeline.registry.signature import signature

WEIGHTS_TAG, RUN_KEY_TAG = "medloom.weights_sha256", "medloom.run_key"
HEAD_TAG, RECORDS_TAG = "medloom.journal_head", "medloom.journal_records"

# What a consumer must install; pinned to the versions used in training.
_CONSUMER_REQUIREMENTS = ("mlflow", "torch", "numpy")


class Registry:
    """One registered model on one MLflow server."""

    def __init__(self, uri: str, model: str) -> None:
        self.uri, self.model = uri, model
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)  # else MLFLOW_REGISTRY_URI could name another server
        self._client = MlflowClient(uri, uri)

    # -- versions --------------------------------------------------------------------------------

    def find_by_weights(self, sha256: str) -> int | None:
        """The lowest version with these weights; None if there is none."""
        query = f"name = '{self.model}' and tags.`{WEIGHTS_TAG}` = '{sha256}'"
        with _as_transient(self.uri):
            found = self._client.search_model_versions(query)
        return min((int(version.version) for version in found), default=None)

    def register(self, candidate: Candidate) -> int:
        """Log a run and create its version, unless the weights are registered; returns the number.

        Tags are set in the call that creates the version, so a kill leaves no version without them.
        """
        weights = candidate.workspace / "models" / "generator.safetensors"
        sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
        if (version := self.find_by_weights(sha256)) is not None:
            return version
        tags = {
            **candidate.tags,
            WEIGHTS_TAG: sha256,
            **candidate.output.tags,
            "medloom.synthetic": "YES",
        }
        with _as_transient(self.uri):
            mlflow.set_experiment(self.model)
            with mlflow.start_run(run_name=tags[RUN_KEY_TAG], tags=tags):
                self._log_facts(candidate)
                source = self._log_model(candidate, sha256)
            version = int(mlflow.register_model(source, self.model, tags=tags).version)
        describe_version(self, version)
        return version

    def _log_facts(self, candidate: Candidate) -> None:
        mlflow.log_params(candidate.params)
        mlflow.log_metrics(candidate.metrics)
        source = CodeDatasetSource({"branch": f"run/{candidate.tags[RUN_KEY_TAG]}"})
        mlflow.log_input(
            MetaDataset(source, name="data/raw", digest=candidate.dataset_digest), "training"
        )
        for name in ("dvc.lock", "dvc.yaml", "params.yaml", "requirements.lock"):
            mlflow.log_artifact(str(candidate.workspace / name), "lineage")
        mlflow.log_artifacts(str(candidate.workspace / "data" / "manifest"), "lineage/manifest")
        mlflow.log_dict(describe_environment(), "lineage/environment.json")
        mlflow.log_artifacts(str(candidate.workspace / "reports"), "evaluation")
        mlflow.log_artifacts(str(candidate.workspace / "models" / "samples"), "samples")

    def _log_model(self, candidate: Candidate, sha256: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            bundle = make_bundle(candidate.workspace, Path(folder) / "bundle", sha256)
            logged = mlflow.pyfunc.log_model(
                name="generator",
                python_model=str(PROJECT_ROOT / "pipeline" / "registry" / "mlflow_model.py"),
                artifacts={"bundle": str(bundle)},
                signature=signature(candidate.image_size, candidate.factor, candidate.sources),
                input_example=_input_example(candidate),
                pip_requirements=[f"{name}=={version(name)}" for name in _CONSUMER_REQUIREMENTS],
                metadata={"synthetic": "YES", "weights_sha256": sha256},
            )
        return str(logged.model_uri)

    # -- aliases and verdicts --------------------------------------------------------------------

    def aliases(self) -> dict[str, int]:
        """Alias -> version."""
        model = self._registered()
        return {alias: int(number) for alias, number in model.aliases.items()} if model else {}

    def journal_position(self) -> JournalPosition | None:
        """The journal's position when it was last projected; None: never projected."""
        tags = model.tags if (model := self._registered()) else {}
        return (
            JournalPosition(tags[HEAD_TAG], int(tags[RECORDS_TAG])) if RECORDS_TAG in tags else None
        )

    def apply(self, projection: Projection) -> None:
        """Set the aliases and the position; does nothing before the first version."""
        if self._registered() is None:
            return
        now = self.aliases()
        wanted = {
            CHAMPION: projection.champion,
            PREVIOUS: projection.previous,
            CHALLENGER: projection.challenger,
        }
        with _as_transient(self.uri):
            for alias, number in wanted.items():
                if number is None and alias in now:
                    self._client.delete_registered_model_alias(self.model, alias)
                elif number is not None and now.get(alias) != number:
                    self._client.set_registered_model_alias(self.model, alias, str(number))
            # The head first: readers take the pair as complete if the number is set.
            head, records = projection.journal
            self._client.set_registered_model_tag(self.model, HEAD_TAG, head)
            self._client.set_registered_model_tag(self.model, RECORDS_TAG, str(records))
        describe_model(self, projection.champion)

    def _registered(self) -> RegisteredModel | None:
        try:
            with _as_transient(self.uri):
                return self._client.get_registered_model(self.model)
        except BadInputError:
            return None

    def attach_verdict(self, version: int, outcome: str, verdict: dict[str, Any]) -> None:
        """Tag a version with its verdict, and log the figures to its MLflow run."""
        with _as_transient(self.uri):
            self._client.set_model_version_tag(self.model, str(version), "medloom.verdict", outcome)
            run_id = self._client.get_model_version(self.model, str(version)).run_id
            self._client.log_dict(run_id, verdict, VERDICT)
        describe_version(self, version)

    def attach_report(self, version: int, report: Path) -> None:
        """Log the report page to the version's MLflow run."""
        with _as_transient(self.uri):
            run_id = self._client.get_model_version(self.model, str(version)).run_id
            self._client.log_artifact(run_id, str(report))

    def tags(self, version: int) -> dict[str, str]:
        """The tags of a version."""
        with _as_transient(self.uri):
            return dict(self._client.get_model_version(self.model, str(version)).tags)

    def model_tags(self) -> dict[str, str]:
        """The tags of the registered model; empty if it does not exist."""
        model = self._registered()
        return dict(model.tags) if model else {}

    def versions(self, since: int = 1) -> list[int]:
        """All version numbers from `since` on, ascending; a server takes 2 ms for each."""
        return sorted(self.run_keys(since))

    def run_artifacts(self, version: int, path: str, to: Path) -> Path | None:
        """Download a file or folder of the version's MLflow run; None: it does not exist."""
        with _as_transient(self.uri):
            run_id = self._client.get_model_version(self.model, str(version)).run_id
        return self._download(f"runs:/{run_id}/{path}", to)

    def bundle(self, version: int, to: Path) -> Path | None:
        """Download a version's bundle (see `make_bundle`); None: it does not exist."""
        return self._download(f"models:/{self.model}/{version}/artifacts/bundle", to)

    def _download(self, uri: str, to: Path) -> Path | None:
        try:
            with _as_transient(self.uri):
                found = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(to)))
        except BadInputError:
            return None
        except TransientError as error:
            if "404 Client Error" in str(error):  # MLflow reports a missing file as internal error
                return None
            raise
        # MLflow returns an empty folder for a missing one.
        return found if found.is_file() or (found.is_dir() and any(found.iterdir())) else None

    def weights(self, version: int) -> str:
        """The registered sha256 of a version's weights; "" if the tag is missing."""
        return self.tags(version).get(WEIGHTS_TAG, "")

    def output_spec(self, version: int) -> OutputSpec:
        """What a version's images are.

        Raises:
            BadInputError: an early version does not have these tags.
        """
        try:
            return OutputSpec.of_tags(self.tags(version))
        except KeyError as missing:
            raise BadInputError(
                f"version {version} of {self.model} has no tag {missing}; set it by hand in MLflow "
                "from the config.json among its artifacts"
            ) from None

    # -- descriptions ----------------------------------------------------------------------------

    def description(self, version: int | None = None) -> str:
        """What MLflow's page says about a version; None: about the registered model."""
        with _as_transient(self.uri):
            if version is None:
                return self._client.get_registered_model(self.model).description or ""
            return self._client.get_model_version(self.model, str(version)).description or ""

    def set_description(self, text: str, version: int | None = None) -> None:
        """Replace what MLflow's page says about a version, or about the registered model."""
        with _as_transient(self.uri):
            if version is None:
                self._client.update_registered_model(self.model, text)
            else:
                self._client.update_model_version(self.model, str(version), text)

    # -- withdrawn consent -----------------------------------------------------------------------

    def run_keys(self, since: int = 1) -> dict[int, str]:
        """The run key of every version from `since` on."""
        query = f"name = '{self.model}'" + f" and version_number >= {since}" * (since > 1)
        with _as_transient(self.uri):
            found = self._client.search_model_versions(query, max_results=10_000)
        return {int(version.version): version.tags.get(RUN_KEY_TAG, "") for version in found}

    def tag(self, version: int, name: str, value: str) -> None:
        """Set a tag of a version."""
        with _as_transient(self.uri):
            self._client.set_model_version_tag(self.model, str(version), name, value)

    def run_artifacts_named(self, run_key: str, names: Collection[str]) -> list[str]:
        """Artifacts of all MLflow runs with a run key, including interrupted ones.

        Args:
            run_key: key of the run.
            names: patterns of file names, such as grid-*.png.

        Returns:
            "<MLflow run id>/<path>" of each, sorted.
        """
        with _as_transient(self.uri):
            experiment = self._client.get_experiment_by_name(self.model)
            if experiment is None:
                return []
            runs = self._client.search_runs(
                [experiment.experiment_id],
                f"tags.`{RUN_KEY_TAG}` = '{run_key}'",
                ViewType.ALL,
            )
            paths = [f"{run.info.run_id}/{path}" for run in runs for path in self._files_of(run)]
        return sorted(path for path in paths if any(PurePosixPath(path).match(n) for n in names))

    def _files_of(self, run: Run, folder: str | None = None) -> Iterator[str]:
        for item in self._client.list_artifacts(run.info.run_id, folder):
            if item.is_dir:
                yield from self._files_of(run, item.path)
            else:
                yield item.path

    def delete_artifact(self, artifact: str) -> None:
        """Remove an artifact, named as by `run_artifacts_named`; it need not exist."""
        run_id, _, path = artifact.partition("/")
        with _as_transient(self.uri):
            if all(path != file for file in self._files_of(self._client.get_run(run_id))):
                return
            uri = self._client.get_run(run_id).info.artifact_uri
            get_artifact_repository(uri, tracking_uri=self.uri).delete_artifacts(path)

    # -- images ----------------------------------------------------------------------------------

    def draw(self, version: int, labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        """Draw images as a consumer does; see `pipeline.registry.isolated_consumer.ask`.

        The gate needs this. `Generators` is faster.
        """
        return ask(self.uri, f"models:/{self.model}/{version}", labels, {"seed": seed})

    def make(self, version: int, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What a version makes of given images, as a consumer gets it.

        Pairs are of a project's data, where ingest has checked that they are registered.
        """
        params = {"check": False} if self.output_spec(version).task == "fuse" else {}
        return ask(self.uri, f"models:/{self.model}/{version}", given, params)


def _input_example(candidate: Candidate) -> tuple[Any, dict[str, Any]]:
    """What a version can be given, and params; computed, so that it shows no patient."""
    if candidate.task == "draw":
        return list(candidate.classes), {"seed": 0, "start": 0}
    from model.tasks import task_named, work_of

    side = candidate.image_size // candidate.factor
    # Computed pairs are registered, which is hard to see of few pixels.
    params = {"check": False} if candidate.task == "fuse" else {"noise": 0.0}
    return work_of(task_named(candidate.task)).example(side), params


@contextmanager
def _as_transient(uri: str) -> Iterator[None]:
    """Raise TransientError if MLflow is unavailable, and BadInputError if it refuses."""
    try:
        yield
    except MlflowException as error:
        gone = error.error_code in (
            "INTERNAL_ERROR",
            "TEMPORARILY_UNAVAILABLE",
            "REQUEST_LIMIT_EXCEEDED",
        )
        message = f"MLflow at {uri} answered: {error.message}"
        raise (TransientError if gone else BadInputError)(message) from error
    except (requests.RequestException, OSError) as error:
        raise TransientError(f"MLflow at {uri} cannot be reached: {error}") from error
