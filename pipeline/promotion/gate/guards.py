"""Guards: bounds that every version must keep, the first one included."""

from model.tasks import task_named
from pipeline.evaluation.class_record import ClassPair
from pipeline.evaluation.record import (
    CLASS_MARGIN,
    COMPOSITION,
    COPIES,
    DIVERSITY,
    KERNEL,
    REPEATS,
    Evaluation,
)
from pipeline.promotion.gate.paired import paired_guards
from pipeline.promotion.gate.rules import GateConfig, Rule, rule


def guards(candidate: Evaluation, rules: GateConfig) -> list[Rule]:
    """Apply every guard to a candidate: those of its task, if its results have a truth."""
    if task_named(candidate.protocol.task).paired:
        return paired_guards(candidate)
    return [
        _every_class(candidate),
        *_classes_as_themselves(candidate, rules.class_contrast),
        _fidelity(candidate, rules.kernel_distance_threshold),
        *_composition(candidate, rules.composition_likeness),
        _diversity(candidate, rules.diversity_margin),
        _repeats(candidate, rules.repeat_margin),
        _copies(candidate, rules.copy_share_threshold),
    ]


def _every_class(candidate: Evaluation) -> Rule:
    wanted = candidate.protocol.classes
    missing = sorted(set(wanted) - set(candidate.classes_drawn))
    says = f"the generator draws {len(candidate.classes_drawn)} of {len(wanted)} classes"
    says += f"; missing: {', '.join(missing)}" if missing else ""
    return rule("guard:classes", not missing, len(candidate.classes_drawn), len(wanted), says)


def _classes_as_themselves(candidate: Evaluation, least: float) -> list[Rule]:
    """Judge the pair of classes that is told apart worst.

    It fails only where training images of the two differ by more than their groups do, and
    generated ones surely show less than `least` of that difference. A pair of classes that nearly
    look alike to the features cannot be decided; that is said, and is no fault of the candidate.
    """
    if not candidate.class_matrices or not least:
        return []
    pairs = candidate.class_matrices[0].pairs
    judged = [pair for pair in pairs if pair.told_apart and pair.high is not None]
    name = f"guard:{CLASS_MARGIN}"
    open_ = ", ".join(f"{pair.first} and {pair.second}" for pair in pairs if pair not in judged)
    if not judged:
        says = (
            "whether a class is drawn as another cannot be decided: training images of no two "
            f"classes differ by more than their groups do ({open_})"
        )
        return [rule(name, True, 1.0, least, says)]
    worst = min(judged, key=lambda pair: pair.high or 0.0)
    high = worst.high or 0.0
    says = _tell_pair(worst, least)
    says += f"; not decidable by these features: {open_}" if open_ else ""
    return [rule(name, high >= least, high, least, says)]


def _tell_pair(pair: ClassPair, least: float) -> str:
    return (
        f"generated {pair.first} and {pair.second} show {pair.value or 0.0:.0%} of the difference "
        f"of training images ({pair.low or 0.0:.0%} to {pair.high or 0.0:.0%}), and {least:.0%} "
        "must be possible"
    )


def _fidelity(candidate: Evaluation, threshold: float) -> Rule:
    figure = candidate.figure(KERNEL)
    floor = figure.floor or 0.0
    half = (figure.high - figure.value) if figure.high is not None else 0.0
    excess = max(figure.value - floor, half)
    says = f"kernel distance is {excess:.4g} above the floor, at most {threshold:g} is allowed"
    if figure.halves is not None:
        says += f"; two halves of the test groups are {figure.halves:.4g} apart"
    return rule(f"guard:{KERNEL}", excess <= threshold, excess, threshold, says)


def _composition(candidate: Evaluation, least: float) -> list[Rule]:
    """Refuse what is composed as no real image is; kernel distance is mostly about texture."""
    found = [figure for figure in candidate.figures if figure.metric == COMPOSITION]
    if not found or not least:
        return []
    (figure,) = found
    upper = figure.high if figure.high is not None else figure.value
    says = (
        f"a generated image resembles a training image more than a held-out real one does in "
        f"{figure.value:.0%} of pairs (at most {upper:.0%}); images composed as real ones do in "
        f"50%, and {least:.0%} must be possible"
    )
    return [rule(f"guard:{COMPOSITION}", upper >= least, upper, least, says)]


def _diversity(candidate: Evaluation, margin: float) -> Rule:
    """Judge the worst class: a generator that collapsed in one class has collapsed."""
    figures = [f for f in candidate.figures if f.metric == DIVERSITY and f.label is not None]
    worst = max(figures, key=lambda figure: figure.value - (figure.floor or 0.0))
    limit = (worst.floor or 0.0) + margin
    says = (
        f"MS-SSIM within {worst.label} is {worst.value:.3f}, real images have "
        f"{worst.floor or 0.0:.3f} and {limit:.3f} is allowed"
    )
    return rule(f"guard:{DIVERSITY}", worst.value <= limit, worst.value, limit, says)


def _repeats(candidate: Evaluation, margin: float) -> Rule:
    """Slices of a series are alike, so repetition counts only far above that of training images."""
    figure = candidate.figure(REPEATS)
    floor = figure.floor or 0.0
    limit = floor + margin * (1 - floor)
    says = (
        f"another seed draws {figure.value:.1%} of the images again, training images have "
        f"{floor:.1%} and {limit:.1%} is allowed"
    )
    return rule(f"guard:{REPEATS}", figure.value <= limit, figure.value, limit, says)


def _copies(candidate: Evaluation, threshold: float) -> Rule:
    """Held-out real images resemble training images too; their share is added to the limit."""
    figure = candidate.figure(COPIES)
    upper = figure.high if figure.high is not None else figure.value
    limit = threshold + (figure.floor or 0.0)
    says = (
        f"at most {upper:.2%} of the generated images are copies (upper bound), held-out real "
        f"images {figure.floor or 0.0:.2%}, and {limit:.2%} is allowed"
    )
    return rule(f"guard:{COPIES}", upper <= limit, upper, limit, says)
