"""What a reader should know first. It says no more than the sections of the page below it."""

from collections.abc import Iterator

from pipeline.reports.data.facts import DataFacts

_ORDER = ("no", "maybe", "yes")
Finding = tuple[str, str]


def findings(facts: DataFacts) -> list[Finding]:
    """Pairs of how it is (no: bad, maybe: look at it, yes: good) and a sentence; bad first."""
    found = [*_counts(facts), *_leak(facts), *_drift(facts), *_aside(facts)]
    return sorted(found, key=lambda finding: _ORDER.index(finding[0]))


def _counts(facts: DataFacts) -> Iterator[Finding]:
    if empty := [f"{row.label} in {row.split}" for row in facts.splits if not row.images]:
        yield "no", f"There is no image of {', '.join(empty)}."
    if facts.changes and facts.changes.moved:
        count = len(facts.changes.moved)
        yield (
            "no",
            f"{_images(count)} changed the split, which no command ever does: somebody changed "
            "the manifest by hand.",
        )
    if facts.gone:
        yield (
            "maybe",
            f"Consent for {_images(facts.gone)} of this revision was withdrawn since: counted "
            "here, and neither shown nor measured.",
        )


def _leak(facts: DataFacts) -> Iterator[Finding]:
    leaking = [leak for leak in facts.leak if leak.neighbours]
    for leak in leaking:
        yield (
            "no",
            f"{leak.neighbours} of {_images(leak.tested, 'test ')} of {leak.label} resemble a "
            "training image as much as neighbouring slices do.",
        )
    if facts.leak and not leaking:
        yield (
            "yes",
            "No test image resembles a training image of its class as much as neighbouring slices "
            f"do: correlations reach {max(leak.highest for leak in facts.leak):.3f}, and theirs "
            f"begin at {facts.group_correlation:g}.",
        )
    if untold := facts.groups.count - facts.groups.patients:
        yield (
            "maybe",
            f"Nobody told the patients of {untold} of {facts.groups.count} groups: they are made "
            "by likeness or scan, and two unlike scans of one patient may lie in two splits.",
        )
    few = [
        f"{row.label} ({row.groups})"
        for row in facts.splits
        if row.split == "test" and 0 < row.groups < facts.least_groups
    ]
    if few:
        yield (
            "maybe",
            f"Fewer than {facts.least_groups} test groups of {', '.join(few)}: figures of such a "
            "class are rough, and the gate judges none of them by itself.",
        )


def _drift(facts: DataFacts) -> Iterator[Finding]:
    measured = [one for one in facts.drift if one.kernel]
    drifted = [
        one.label
        for one in measured
        if any(figure and figure.beyond for figure in (one.kernel, one.intensity))
    ]
    if drifted:
        yield (
            "maybe",
            f"Of {', '.join(drifted)}, added images differ from those that were there by more than "
            "chance would have it.",
        )
    elif measured:
        yield (
            "yes",
            f"Of {', '.join(one.label for one in measured)}, added images differ from those that "
            "were there by no more than chance, as far as their groups can tell.",
        )
    if unmeasured := [one.label for one in facts.drift if not one.kernel]:
        yield (
            "maybe",
            f"Whether added images of {', '.join(unmeasured)} differ from those that were there "
            "cannot be told: there are too few images or groups.",
        )


def _aside(facts: DataFacts) -> Iterator[Finding]:
    if facts.odd:
        told = ", ".join(f"{check} {count}" for check, count in facts.odd_by_check.items())
        yield "maybe", f"Odd beside the others of their class: {_images(len(facts.odd))} ({told})."
    if facts.refusals:
        told = ", ".join(f"{reason} {count}" for reason, count in facts.reasons.items())
        yield "maybe", f"Set aside: {told}."


def _images(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}image{'' if count == 1 else 's'}"
