"""Intended use, misuse, and limits of the figures, for the page."""

from model.tasks import Task, task_named
from pipeline.evaluation.record import Evaluation
from pipeline.reports.run_facts import ReportFacts

_USES = (
    "For: research and development of methods, additional training images where there are few, "
    "teaching, and tests of software without patients' images.",
    "By: people who know these images. Train on real and synthetic images together, and evaluate "
    "only on real images of other patients.",
)
_USES_OF_GIVEN = (
    "For: research and development of methods, and teaching, with synthetic images or with those "
    "of patients who agreed to it.",
    "By: people who know these images. Evaluate only on real images of other patients.",
)
_MISUSES = (
    "Never for diagnosis, nor as evidence of a finding: no image here shows a person.",
    "Never as test data of a medical device, and never shared without the synthetic mark.",
    "Not as anonymisation: the figures on copies and membership are diagnostics, not proof.",
)
_MISUSES_OF_GIVEN = {
    "enlarge": (
        "Never for diagnosis, nor as evidence of a finding: detail is added that nobody measured. "
        "An enlarged image of a patient shows that patient, and is protected as the image itself."
    ),
    "fuse": (
        "Never for diagnosis, nor as evidence of a finding: what one of two images shows can be "
        "lost. A fused image of a patient shows that patient, and is protected as the two "
        "themselves."
    ),
}
_NO_ANONYMISATION = (
    "Not as anonymisation: a result shows whom the given image shows, and the figures on "
    "membership are diagnostics, not proof."
)

_FEW_GROUPS, _FEW_FAKES = 30, 100


def uses(facts: ReportFacts) -> list[str]:
    """What the model is for, by its task."""
    return list(_USES_OF_GIVEN if _task(facts.evaluation).paired else _USES)


def misuses(facts: ReportFacts) -> list[str]:
    """What the model must not be used for, by its task."""
    task = _task(facts.evaluation)
    if not task.paired:
        return list(_MISUSES)
    return [_MISUSES_OF_GIVEN[task.name], _MISUSES[1], _NO_ANONYMISATION]


def _task(evaluation: Evaluation | None) -> Task:
    return task_named(evaluation.protocol.task if evaluation else "draw")


def limits(facts: ReportFacts) -> list[str]:
    """Limits as sentences; those specific to this run come first."""
    found = []
    if facts.phantom:
        found.append(
            "The data are a computed phantom. Nothing here says how a generator performs on "
            "patients, and no figure may be quoted as if it did."
        )
    if facts.evaluation:
        found += _evaluation_limits(facts.evaluation)
    if facts.model and facts.model.code_dirty:
        found.append(
            "The code had uncommitted changes; the snapshot on the ledger's branch code is what "
            "ran."
        )
    if facts.model:
        found += [
            f"Training went on on another machine after {one.images_seen} images ({one.why}): "
            "another run of it would not give these weights bit for bit."
            for one in facts.model.resumed_inexactly
        ]
    if facts.model and facts.model.start.startswith("the networks"):
        found.append(
            f"Training went on from {facts.model.start}: it has learned from the images of that "
            "version too, and a withdrawal of one of them concerns it."
        )
    if not facts.phantom:
        found.append(
            "Labels are per study: a slice need not show the finding of its label, and neither "
            "need a generated image."
        )
    copying = [] if _task(facts.evaluation).paired else [_COPYING_LIMIT]
    return [*found, *copying, *_GENERAL_LIMITS]


def _evaluation_limits(evaluation: Evaluation) -> list[str]:
    found = []
    groups = len(evaluation.group_scores)
    if groups < _FEW_GROUPS:
        found.append(
            f"The test split holds {groups} groups (patients, or sets of near-duplicate images). "
            "Intervals are over groups, and with so few they are wide."
        )
    small = [name for name, count in evaluation.protocol.n_fake.items() if count < _FEW_FAKES]
    if small:
        found.append(
            f"Fewer than {_FEW_FAKES} images were generated of {', '.join(small)}: figures of "
            "these classes are imprecise."
        )
    if _task(evaluation).paired:
        found.append(
            "Copying, variety and the drawing of classes were neither measured nor guarded: each "
            "result is meant to resemble what it was made of."
        )
    if evaluation.protocol.task == "fuse":
        found.append(
            "A made pixel lies between the two given ones, so that nothing appears which neither "
            "shows; what one of them shows may be lost. MI, SSIM, Qabf and SF do not say whether a "
            "finding is still seen. What the model makes of a patient's images shows that patient."
        )
    if evaluation.protocol.task == "enlarge":
        found.append(
            "Detail is added that was not measured, and may be wrong where a finding is. What the "
            "model makes of a patient's image shows that patient."
        )
    figures = {figure.metric: figure for figure in evaluation.figures if figure.label is None}
    kernel = figures.get("kernel_distance")
    if kernel and kernel.floor is not None and kernel.value > 10 * max(kernel.floor, 1e-3):
        found.append(
            "The kernel distance is more than ten times its floor: anyone can distinguish these "
            "images from real ones."
        )
    if evaluation.protocol.task == "fuse":  # no distance is measured
        return found
    return [*found, *_EXTRACTOR_LIMITS.get(evaluation.protocol.extractor, ())]


_EXTRACTOR_LIMITS = {
    "efflite0": (
        "Distances are taken in the features of a network trained on photographs. They agree "
        "with human ranking of medical images better than those of medical networks do (arXiv "
        "2311.13717), but are no reader study: they do not say that anatomy or findings are right.",
        "They are named after their extractor and are not FID; they compare only with figures of "
        "the same protocol.",
    ),
    "inception": (
        "Distances are taken in the features of a network trained on photographs. They are no "
        "reader study: they do not say that anatomy or findings are right.",
        "They compare only with figures of the same protocol: published FID mostly uses 50,000 "
        "images and is biased for other numbers.",
    ),
    "radiomics": (
        "Distances are taken in statistics of grey levels and texture. They ignore anatomy: a "
        "smaller distance need not mean a more realistic image.",
        "They are named after their extractor and are not FID; they compare only with figures of "
        "the same protocol.",
    ),
}

_COPYING_LIMIT = (
    "Tests for copying miss some near-duplicates (arXiv 2510.01793). No privacy guarantee follows "
    "from them."
)
_GENERAL_LIMITS = (
    "p-values, and intervals of membership, treat images as independent; slices of one patient "
    "are not, so all of these are overconfident.",
    "Generated images are for research and development, never for diagnosis.",
)
