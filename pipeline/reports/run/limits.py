"""What the figures of a report do not show, said on the page itself."""

from pipeline.evaluation.record import Evaluation
from pipeline.reports.facts import ReportFacts

USES = (
    "For: research and development of methods, more training images where there are few, "
    "teaching, and tests of software without a patient's image.",
    "By: people who know these images. Train on real and synthetic images together, and judge on "
    "real ones of other patients alone.",
)
MISUSES = (
    "Never for diagnosis, nor as evidence of a finding: no image here is of anyone.",
    "Never as test data of a medical device, and never passed on without its synthetic mark.",
    "Not as anonymisation: the figures on copies and membership are diagnostics, no proof.",
)

_FEW_GROUPS, _FEW_FAKES = 30, 100


def limits(facts: ReportFacts) -> list[str]:
    """Sentences, those that this run makes true first."""
    found = []
    if facts.phantom:
        found.append(
            "The data are a computer-made phantom. Nothing here says how a generator does on "
            "patients, and no figure may be quoted as if it did."
        )
    if facts.evaluation:
        found += _of_evaluation(facts.evaluation)
    if facts.model and facts.model.code_dirty:
        found.append(
            "The code held changes that its upstream commit does not have; the snapshot on the "
            "ledger's code branch is what ran."
        )
    if facts.model:
        found += [
            f"Training went on on another machine after {one.images_seen} images ({one.why}): "
            "another run of it would not give these weights bit for bit."
            for one in facts.model.resumed_inexactly
        ]
    if not facts.phantom:
        found.append(
            "Labels are per study: a slice may not show the finding it is labelled with, and "
            "neither need a generated image."
        )
    return [*found, *_ALWAYS]


def _of_evaluation(evaluation: Evaluation) -> list[str]:
    found = []
    groups = len(evaluation.group_scores)
    if groups < _FEW_GROUPS:
        found.append(
            f"The test split holds {groups} groups (patients, or images too alike to be told "
            "apart). Intervals are over groups, and with so few they are wide."
        )
    small = [name for name, count in evaluation.protocol.n_fake.items() if count < _FEW_FAKES]
    if small:
        found.append(
            f"Fewer than {_FEW_FAKES} images were generated of {', '.join(small)}: figures of "
            "these classes are rough."
        )
    figures = {figure.metric: figure for figure in evaluation.figures if figure.label is None}
    kernel = figures.get("kernel_distance")
    if kernel and kernel.floor is not None and kernel.value > 10 * max(kernel.floor, 1e-3):
        found.append(
            "The kernel distance is more than ten times its floor: anyone can tell these images "
            "from real ones."
        )
    return [*found, *_OF_EXTRACTOR.get(evaluation.protocol.extractor, ())]


_OF_EXTRACTOR = {
    "efflite0": (
        "Distances are taken in the features of a network trained on photographs. They follow "
        "human ranking of medical images better than medical networks do (arXiv 2311.13717), and "
        "are still no reader study: they do not say that anatomy or findings are right.",
        "They are named after their extractor and are not FID; they compare only with figures of "
        "the same protocol.",
    ),
    "inception": (
        "Distances are taken in the features of a network trained on photographs. They are no "
        "reader study: they do not say that anatomy or findings are right.",
        "They compare only with figures of the same protocol: published FID is mostly of 50,000 "
        "images, and biased otherwise.",
    ),
    "radiomics": (
        "Distances are taken in statistics of grey levels and texture. They do not see anatomy: "
        "what is nearer by them need not look more real.",
        "They are named after their extractor and are not FID; they compare only with figures of "
        "the same protocol.",
    ),
}

_ALWAYS = (
    "Tests for copying miss some near-duplicates (arXiv 2510.01793). No privacy guarantee follows "
    "from them.",
    "p-values, and intervals of membership, take images as independent; slices of one patient "
    "are not, and all of these are too sure.",
    "Generated images are for research and development, never for diagnosis.",
)
