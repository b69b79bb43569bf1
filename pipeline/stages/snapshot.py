"""Recording what a run is made of: the code and parameters of this moment, as one commit."""

from collections.abc import Mapping
from typing import Any

from pipeline.base.code import FOLDER, describe_code, folder_reader
from pipeline.base.settings import PROJECT_ROOT, Settings
from pipeline.data.branch import is_phantom
from pipeline.ledger.ledger import STAGES, Ledger
from pipeline.ledger.params import CHANGES_FILE, ProjectParams

_FAMILY_MODULES = ("recipe", "networks", "learner")


def take_snapshot(settings: Settings, ledger: Ledger) -> str:
    """Record code and parameters as they are now; returns the commit on branch `code`.

    Beside the project's files it holds params.yaml as it is in force for the project, the file
    with what the project changes, and for each stage the modules that it runs, with their hashes
    (`pipeline.base.code`).

    Raises:
        BadInputError: the project's parameters name no family.
    """
    params = ProjectParams.of(settings)
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
    """The modules that a stage starts from: its own, and those it imports by name."""
    roots = [f"pipeline.stages.{stage}"]
    families = []
    if stage in ("train", "evaluate"):
        families.append(params["train"]["family"])
    if stage == "evaluate":
        families += [params["evaluate"]["baseline"]] if params["evaluate"]["baseline"] else []
        roots += ["pipeline.evaluation.findings"] if phantom else []
    roots += [f"model.families.{name}.{part}" for name in families for part in _FAMILY_MODULES]
    return roots
