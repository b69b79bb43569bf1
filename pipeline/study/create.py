"""Making a study: choosing the images, and writing the plan before anybody looks."""

from collections.abc import Collection, Sequence

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.region import in_words
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.run import Run
from pipeline.registry.generators import Generators
from pipeline.registry.output_spec import OutputSpec
from pipeline.study.held_out import TestArrays, still_held_out, test_arrays
from pipeline.study.plan import MOST_TRIALS, Design, Plan, draw_seed, draw_trials
from pipeline.study.records import Study, begin, require_free_name

USUAL_MARGIN = 0.1


def create_study(
    project: Project,
    name: str,
    version: int | str,
    design: Design,
    trials: int,
    seed: int = 0,
    *,
    classes: Sequence[str] = (),
    ask_class: bool = False,
    margin: float = USUAL_MARGIN,
    readers: int = 0,
    generators: Generators | None = None,
) -> Study:
    """Plan a study of a version and write the plan into the ledger.

    The real images are of the test split of the version's own run, as the evaluate stage saw them,
    as long as the newest data revision still holds them there under the same class.

    Args:
        project: the project.
        name: of the study, new.
        version: version number or alias; the number is recorded.
        design: `pair` or `single`.
        trials: number of trials, 1 to `MOST_TRIALS`.
        seed: of the plan.
        classes: that take part; empty: all of the version's.
        ask_class: whether readers are asked which class they see, which is then never told.
        margin: an accuracy less than this far from chance counts as unable to tell, 0.01 to 0.4.
        readers: with whom it is complete; 0: it ends when somebody closes it.
        generators: that have the version loaded already.

    Raises:
        BadInputError: the version, a class or the name does not exist or is not allowed, or there
            are too few held-out images.
        TransientError: the ledger or the remote cannot be reached.
    """
    ledger, generators = Ledger(project), generators or Generators(project)
    require_free_name(ledger, name)
    found = generators.find(version)
    spec = generators.output_spec(found.number)
    spec.require_drawing(found.number)
    chosen = _classes(spec, classes, found.number)
    _require_sensible(trials, len(chosen), len(spec.classes), margin, ask_class=ask_class)
    held = still_held_out(ledger)
    arrays = test_arrays(project, found.run_key)
    _require_like(arrays, spec, found.number)
    pool = [one for one in arrays.facts if held.get(one.id) == one.label]
    drawn = draw_trials(pool, design, chosen, trials, seed)
    shown = {one.image for one in drawn}
    plan = Plan(
        name=name,
        design=design,
        version=found.number,
        weights_sha256=found.weights_sha256,
        run_key=found.run_key,
        data=Run.get(ledger, found.run_key).data,
        seed=seed,
        draw_seed=draw_seed(name, seed),
        classes=chosen,
        choices=list(spec.classes) if ask_class else [],
        margin=margin,
        patients=len({one.group for one in pool if one.id in shown}),
        readers=readers,
        trials=drawn,
    )
    return begin(ledger, plan)


def _classes(spec: OutputSpec, wanted: Collection[str], version: int) -> list[str]:
    if unknown := sorted(set(wanted) - set(spec.classes)):
        raise BadInputError(
            f"version {version} has no class {', '.join(unknown)}; it has {', '.join(spec.classes)}"
        )
    return sorted(set(wanted) or spec.classes)


def _require_sensible(
    trials: int, classes: int, choices: int, margin: float, *, ask_class: bool
) -> None:
    if not classes <= trials <= MOST_TRIALS:
        raise BadInputError(
            f"{trials} trials of {classes} classes; allowed are {classes}, one a class, to "
            f"{MOST_TRIALS}"
        )
    if not 0.01 <= margin <= 0.4:
        raise BadInputError(f"the margin is {margin}; allowed are 0.01 to 0.4 around 0.5")
    if ask_class and choices < 2:
        raise BadInputError("the version has one class, so readers cannot be asked which they see")


def _require_like(arrays: TestArrays, spec: OutputSpec, version: int) -> None:
    """Check that both kinds of images have one size: else their size would tell them apart."""
    side = arrays.images.shape[-1]
    if spec.image_size != side:
        raise BadInputError(
            f"version {version} draws {in_words(spec.region)} of {spec.image_size} px, and its "
            f"run's held-out images have {side} px: they cannot be shown beside each other"
        )
