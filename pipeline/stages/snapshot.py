"""Recording the current code and parameters as a commit on branch `code`."""

from collections.abc import Mapping
from typing import Any

from model.families import names
from model.tasks import task_of
from pipeline.base.code import FOLDER, describe_code, folder_reader
from pipeline.base.project import PROJECT_ROOT, Project
from pipeline.data.branch import is_phantom
from pipeline.ledger.ledger import STAGES, Ledger
from pipeline.ledger.project_params import CHANGES_FILE, ProjectParams

_FAMILY_MODULES = ("recipe", "networks", "learner")


def take_snapshot(
    project: Project, ledger: Ledger, emphasis: Mapping[str, float] | None = None
) -> str:
    """Record the current code and parameters; returns the commit on branch `code`.

    `emphasis` is a `train.emphasis` that feedback asks for, on top of the project's own.

    The snapshot contains the project's files, params.yaml with the project's changes applied, the
    project's own file of changes, and a description of each stage's code (`pipeline.base.code`).

    Raises:
        BadInputError: a parameter names a family that does not exist.
    """
    params = ProjectParams.of(project).with_emphasis(emphasis or {})
    phantom = is_phantom(ledger)
    read = folder_reader(PROJECT_ROOT)
    files = {"params.yaml": params.text}
    if params.changes:
        files[CHANGES_FILE] = params.changes
    for stage in STAGES:
        roots = stage_roots(stage, params.values, phantom=phantom)
        files[f"{FOLDER}/{stage}.json"] = describe_code(roots, read)
    return ledger.snapshot_code(files=files)


def stage_roots(stage: str, params: Mapping[str, Any], *, phantom: bool) -> list[str]:
    """The stage's module, and the modules that it imports by name at run time."""
    roots = [f"pipeline.stages.{stage}"]
    families = []
    if stage in ("train", "evaluate"):
        families.append(params["train"]["family"])
    if stage == "evaluate":
        families += [params["evaluate"]["baseline"]] if params["evaluate"]["baseline"] else []
        roots += ["pipeline.evaluation.findings"] if phantom else []
    roots += [f"model.families.{name}.{part}" for name in families for part in _FAMILY_MODULES]
    tasks = {task_of(name) for name in families if name in names()}
    roots += [f"model.tasks.{task.name}" for task in tasks]
    roots += [f"model.tasks.{task.name}.work" for task in tasks if task.paired]
    return roots
