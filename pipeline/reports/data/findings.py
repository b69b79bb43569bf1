"""Summarise the main findings of the data report; the page's sections give the details."""

from collections.abc import Iterator

from pipeline.reports.data.data_facts import DataFacts, MixtureFact

_ORDER = ("no", "maybe", "yes")
Finding = tuple[str, str]
_MEASURED = ("mixed-kinds", "patients-guessed")
"""Notices of the ingest that the report measures itself."""


def findings(facts: DataFacts) -> list[Finding]:
    """Pairs of a state (no: bad, maybe: check it, yes: good) and a sentence; bad first."""
    found = [*_counts(facts), *_leak(facts), *_drift(facts), *_quarantine(facts)]
    found += [("no", _mixture(mixture)) for mixture in facts.mixtures]
    found += [
        ("maybe", f"The last ingest: {notice.text}.")
        for notice in facts.notices
        if notice.name not in _MEASURED
    ]
    return sorted(found, key=lambda finding: _ORDER.index(finding[0]))


def _counts(facts: DataFacts) -> Iterator[Finding]:
    if empty := [f"{row.label} in {row.split}" for row in facts.splits if not row.images]:
        yield "no", f"There is no image of {', '.join(empty)}."
    if facts.changes and facts.changes.moved:
        count = len(facts.changes.moved)
        yield (
            "no",
            f"{_images(count)} changed the split. No command does that: somebody edited the "
            "manifest by hand.",
        )
    if facts.small:
        yield (
            "maybe",
            f"{_images(facts.small)} of {facts.images} are smaller than preprocess.size, "
            f"{facts.size} px: preprocess leaves them out.",
        )
    if facts.gone:
        yield (
            "maybe",
            f"Consent for {_images(facts.gone)} of this revision was withdrawn since: counting "
            "here, but neither shown nor measured.",
        )


def _mixture(mixture: MixtureFact) -> str:
    return (
        f"Class {mixture.label} mixes {len(mixture.sizes)} kinds of images, by their features: a "
        "generator learns blends of them."
    )


def _leak(facts: DataFacts) -> Iterator[Finding]:
    leaking = [leak for leak in facts.leak if leak.neighbours]
    for leak in leaking:
        yield (
            "no",
            f"{leak.neighbours} of {_images(leak.tested, 'test ')} of {leak.label} are as similar "
            "to a training image as neighbouring slices are.",
        )
    if facts.leak and not leaking:
        yield (
            "yes",
            "No test image is as similar to a training image of its class as neighbouring slices "
            f"are: correlations reach {max(leak.highest for leak in facts.leak):.3f}, and those of "
            f"neighbouring slices start at {facts.group_correlation:g}.",
        )
    if unknown := facts.groups.count - facts.groups.patients:
        yield (
            "maybe",
            f"The patients of {unknown} of {facts.groups.count} groups are unknown: these groups "
            "are formed by similarity or scan, and two scans of one patient may be in two splits.",
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
            "class are imprecise, and the gate does not judge the class by itself.",
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
            f"Added images of {', '.join(drifted)} differ from the earlier ones by more than "
            "chance.",
        )
    elif measured:
        yield (
            "yes",
            f"Added images of {', '.join(one.label for one in measured)} differ from the earlier "
            "ones by no more than chance, as far as the number of groups allows to say.",
        )
    if unmeasured := [one.label for one in facts.drift if not one.kernel]:
        yield (
            "maybe",
            f"Whether added images of {', '.join(unmeasured)} differ from the earlier ones cannot "
            "be measured: there are too few images or groups.",
        )


def _quarantine(facts: DataFacts) -> Iterator[Finding]:
    if facts.odd:
        counts = ", ".join(f"{check} {count}" for check, count in facts.odd_by_check.items())
        yield "maybe", f"Unusual for their class: {_images(len(facts.odd))} ({counts})."
    if facts.refusals:
        counts = ", ".join(f"{reason} {count}" for reason, count in facts.reasons.items())
        yield "maybe", f"Quarantined: {counts}."


def _images(count: int, kind: str = "") -> str:
    return f"{count:,} {kind}image{'' if count == 1 else 's'}"
