"""A version beside its baseline, as a page of its own: figures, floors, grids.

The baseline is a generator of another family, or the rival of a task whose results have a truth.
The report of the run has the same table.
"""

import tempfile
from pathlib import Path, PurePosixPath

from model.tasks import task_named
from pipeline.base.project import Project
from pipeline.evaluation.record import BASELINE_FOLDER
from pipeline.local import services
from pipeline.registry.description import EVALUATION, read_facts
from pipeline.registry.registry import Registry
from pipeline.reports.page import environment, inline_file
from pipeline.reports.run.figure_rows import chapters


def baseline_page(project: Project, version: int, *, pictures: bool) -> str:
    """The page, from what MLflow holds; its server is started if none is running.

    Args:
        project: the project.
        version: number of a version.
        pictures: show grids, which hold held-out real images.

    Returns:
        HTML; "" for a version that has no baseline, or no evaluation in MLflow.

    Raises:
        BadInputError: the version does not exist.
        TransientError: the server cannot be reached.
    """
    with services.mlflow(project) as uri, tempfile.TemporaryDirectory() as folder:
        registry, to = Registry(uri, project.model), Path(folder)
        facts = read_facts(registry, version)
        evaluation = facts.evaluation
        if evaluation is None or evaluation.baseline is None:
            return ""
        classes = evaluation.protocol.classes if pictures else ()
        grids, beside = (
            _grids(registry, version, classes, part, to) for part in ("", BASELINE_FOLDER)
        )
    task = task_named(evaluation.protocol.task)
    return (
        environment()
        .get_template("baseline_page.html.j2")
        .render(
            title=f"Version {version} beside {evaluation.baseline_family}",
            family=evaluation.baseline_family,
            real="phantom" if facts.phantom else "real",
            chapters=chapters(evaluation),
            task=task if task.paired else None,
            protocol=evaluation.protocol,
            baseline_grids=beside,
            grids=grids,
            beside=grids,
        )
    )


def _grids(
    registry: Registry, version: int, classes: tuple[str, ...], part: str, to: Path
) -> dict[str, str]:
    """The grids of the classes as data URIs; without those that a purge removed."""
    folder = PurePosixPath(EVALUATION).parent / part
    names = {label: str(folder / f"grid-{label}.png") for label in classes}
    found = {label: registry.run_artifacts(version, name, to) for label, name in names.items()}
    return {label: inline_file(file) for label, file in found.items() if file}
