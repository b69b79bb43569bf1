"""Measure a few images of a version beside the real images of its run. Nothing is decided."""

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.evaluation.measure import Measured, measure_images
from pipeline.evaluation.reals import Reals
from pipeline.evaluation.record import EvaluateConfig
from pipeline.evaluation.score import OnProgress
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.registry.drawn_images import draw_images
from pipeline.registry.generators import Generators
from pipeline.registry.order import Order
from pipeline.stages.run_arrays import arrays_of_run


def reals_of_run(project: Project, run_key: str, tell: OnProgress) -> Reals:
    """The real images of a run with their features; a minute if none were cached.

    Raises:
        BadInputError: the run's images are not on this host and not in the remote, or were
            withdrawn since.
        TransientError: the remote cannot be reached.
    """
    tell("reading the prepared images", 0, 1)
    arrays = arrays_of_run(project, run_key)
    tell("reading the prepared images", 1, 1)
    config = ProjectParams.of(project).section("evaluate", EvaluateConfig)
    try:
        return Reals.of(arrays, config, project.cache / "features", tell)
    except (ValueError, FileNotFoundError) as error:
        raise BadInputError(f"cannot measure with {config.extractor.name}: {error}") from error


def last_difference(project: Project) -> float | None:
    """By how much the kernel distances of champion and rival differed at the last comparison."""
    verdicts = (record.verdict for record in reversed(Journal(Ledger(project)).records))
    compared = (one["comparison"] for one in verdicts if one.get("comparison"))
    found = next(compared, None)
    return abs(float(found["improvement"])) if found else None


def measure_order(project: Project, order: Order, tell: OnProgress) -> Measured:
    """Draw the images of an order and measure them.

    Raises:
        BadInputError: as `draw_images`, `reals_of_run` and `measure_images`.
        TransientError: as `reals_of_run`.
    """
    generators = Generators(project)
    drawn = draw_images(project.model, generators, order)
    reals = reals_of_run(project, drawn.version.run_key, tell)
    return measure_images(drawn.images, order.label, reals, last_difference(project), tell)
