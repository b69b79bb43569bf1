"""How long MLflow takes with many models of many versions, on the server that `medloom up` starts.

One run and its version are written through MLflow's own client, with as many parameters, metrics
and tags as medloom registers; the others are copies of their rows.
"""

from collections.abc import Callable, Iterator

import yaml
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from bench.scale.copies import Copies, copying, megabytes
from bench.scale.row import Asking, ScaleRow, Sizes
from pipeline.base.params_file import flat
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.ledger.ledger import STAGES
from pipeline.registry.aliases import CHAMPION
from pipeline.registry.known_versions import known_versions
from pipeline.registry.registry import RUN_KEY_TAG, WEIGHTS_TAG, Registry

_METRICS, _TAGS = 90, 20
"""As many as a registered version of four classes has."""


def in_mlflow(sizes: Sizes, project: Project, say: Callable[[str], None]) -> Iterator[ScaleRow]:
    """Measure what medloom asks the registry, with one version and with many.

    Args:
        sizes: how many projects, and runs of each.
        project: its ledger has the history; its `mlflow_uri` is of a server with its database.
        say: called with the next activity.
    """
    registry = Registry(project.mlflow_uri, project.model)
    database = project.state / "mlflow" / "mlflow.db"
    say("a version in MLflow")
    run = _register_one(project)
    yield from _asked(Asking("1 model, 1 version", "real", sizes.rounds), registry, project)
    say(f"{sizes.runs} versions of {sizes.projects} models in MLflow")
    with copying(database, sizes.projects, sizes.runs) as copies:
        told = copy_versions(copies, project.model, run)
    many = Asking(f"{sizes.projects} models x {sizes.runs} versions", "simulated", sizes.rounds)
    yield from _asked(many, registry, project)
    yield many.took("MLflow's database", [], f"{told}, {megabytes(database)}")


def _register_one(project: Project) -> str:
    """Write a run and a version as medloom does, without artifacts; returns the run's id."""
    client = MlflowClient(project.mlflow_uri, project.mlflow_uri)
    params = yaml.safe_load((PROJECT_ROOT / "params.yaml").read_text())
    given = flat({name: params[name] for name in STAGES})
    tags = {f"medloom.tag-{number:02d}": "ab" * 20 for number in range(_TAGS)}
    tags |= {WEIGHTS_TAG: "0" * 64, RUN_KEY_TAG: "0123456789abcdef"}
    experiment = client.create_experiment(project.model)
    run = str(client.create_run(experiment).info.run_id)
    client.log_batch(
        run,
        metrics=[Metric(f"kd_efflite0_n600_{n:02d}", 0.25, 0, 0) for n in range(_METRICS)],
        params=[Param(name, str(value)) for name, value in given.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    client.update_run(run, "FINISHED")
    client.create_registered_model(project.model)
    source = f"runs:/{run}/generator"
    client.create_model_version(project.model, source, run, tags=tags, await_creation_for=0)
    client.set_registered_model_alias(project.model, CHAMPION, "1")
    return run


def copy_versions(copies: Copies, model: str, run: str) -> str:
    """Copy a model's only version to all versions of all models; returns how many rows there are.

    Args:
        copies: into MLflow's database.
        model: name of the model, and of its experiment.
        run: id of the version's run.
    """
    name = f"(CASE n.project WHEN 0 THEN '{model}' ELSE printf('medloom-p%03d', n.project) END)"
    experiment, run_id = "(t.experiment_id + n.project)", "printf('%032x', n.i)"
    weights = f"(CASE t.key WHEN '{WEIGHTS_TAG}' THEN printf('%064x', n.i) ELSE t.value END)"
    each, first = "n.i > 0", "n.run = 0 AND n.project > 0"
    of_run, version = f"run_uuid = '{run}'", {"name": name, "version": "n.run + 1"}
    ids = {"name": name, "experiment_id": experiment}
    copies.copy("experiments", f"name = '{model}'", ids, first)
    copies.copy("registered_models", f"name = '{model}'", {"name": name}, first)
    copies.copy("registered_model_aliases", f"name = '{model}'", {"name": name}, first)
    copies.copy("runs", of_run, {"run_uuid": run_id, "experiment_id": experiment}, each)
    for table in ("params", "metrics", "latest_metrics"):
        copies.copy(table, of_run, {"run_uuid": run_id}, each)
    copies.copy("tags", of_run, {"run_uuid": run_id, "value": weights}, each)
    of_model = f"name = '{model}'"
    versions = copies.copy("model_versions", of_model, version | {"run_id": run_id}, each)
    tags = copies.copy("model_version_tags", of_model, version | {"value": weights}, each)
    return f"{versions} versions, {tags} tags of them"


def _asked(asking: Asking, registry: Registry, project: Project) -> Iterator[ScaleRow]:
    """What medloom asks about one model."""
    newest = max(registry.versions())
    weights = registry.weights(newest)
    yield asking.ask("MLflow: all versions", lambda: f"{len(registry.versions())} versions")
    yield asking.ask("MLflow: aliases", lambda: registry.aliases()[CHAMPION])
    yield asking.ask("MLflow: tags of a version", lambda: f"{len(registry.tags(newest))} tags")
    yield asking.ask("MLflow: find a version by weights", lambda: registry.find_by_weights(weights))
    yield asking.ask(
        "the app's list of versions", lambda: f"{len(known_versions(project))} versions"
    )
