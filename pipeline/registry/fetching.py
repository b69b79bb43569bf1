"""Fetching a version's bundle: from the DVC remote and the ledger, or else from MLflow."""

import json
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.objects import read_object
from pipeline.ledger.run import Run
from pipeline.registry.bundle import CONFIG, WEIGHTS, make_bundle


def fetch_bundle(
    project: Project, version: int, run_key: str, weights_sha256: str, folder: Path
) -> Path:
    """Write a version's bundle into an empty folder; returns its path.

    Args:
        project: whose version it is.
        version: its number.
        run_key: key of the run that trained it.
        weights_sha256: sha256 of its weights.
        folder: empty.

    Raises:
        BadInputError: neither the remote nor MLflow has it.
    """
    try:
        return _from_ledger(project, run_key, weights_sha256, folder)
    except BadInputError as missing:
        if found := _from_registry(project, version, folder):
            return found
        raise BadInputError(
            f"{missing}, and MLflow has no copy. `medloom audit verify` shows what else is "
            "missing; restore it from a backup"
        ) from missing


def _from_ledger(project: Project, run_key: str, weights_sha256: str, folder: Path) -> Path:
    """Weights and config from the remote, and the code from the run's branch."""
    ledger, workspace = Ledger(project), folder / "workspace"
    run = Run.find(ledger, run_key)
    models = run.outputs.get("models") if run else None
    if run is None or models is None:
        raise BadInputError(f"the ledger has no trained run {run_key!r}")
    listing = json.loads(read_object(project, models))
    names = {entry["relpath"]: entry["md5"] for entry in listing}
    files = {f"models/{name}": read_object(project, names[name]) for name in (WEIGHTS, CONFIG)}
    code = ledger.mirror.archive(run.head, "model")
    files |= {f"model/{name}": content for name, content in code.items()}
    for name, content in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_bytes(content)
    return make_bundle(workspace, folder / "bundle", weights_sha256)


def _from_registry(project: Project, version: int, folder: Path) -> Path | None:
    """The bundle that MLflow has; None: it has none of this version."""
    from pipeline.local import services
    from pipeline.registry.registry import Registry

    with services.mlflow(project) as uri:
        return Registry(uri, project.model).bundle(version, folder)
