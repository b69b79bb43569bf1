"""The table of `medloom bench thinned`."""

from bench.interval import with_interval
from bench.thinned.measure import Scores, Thinned
from pipeline.base.terminal import FitTable


def thinned_table(found: Thinned) -> FitTable:
    """A row for each ratio and arm; the last columns are generated minus that row."""
    label = found.label
    table = FitTable(
        title=f"{label} thinned by groups; {sum(found.test_images.values())} real test images, "
        f"{found.test_images[label]} of them {label}, of {found.test_groups[label]} groups",
        caption=f"Means of {found.seeds} classifiers, {found.classifier.kimg:g} kimg each, classes "
        f"in the shares of their images. Generators: {found.train.family}, {found.train.kimg:g} "
        "kimg on the thinned images, last weights. 95 % intervals over test groups and "
        "classifiers: one choice of groups and one generator a ratio, whose luck they do not hold. "
        "Without an interval: a class has one test group, or nothing varies. Grey levels and "
        f"borders alone, unthinned, reach a balanced accuracy of {with_interval(found.plain)}.",
    )
    names = ["ratio", "trained on", f"{label}, real (groups) + added", "balanced accuracy"]
    names += [f"recall of {label}", "generated minus this: accuracy", "recall"]
    for place, name in enumerate(names):
        table.add_column(name, justify="left" if place < 2 else "right")
    for ratio in found.ratios:
        for arm in ratio.arms:
            added = 0 if arm == ratio.arms[0] else ratio.added
            table.add_row(
                f"1:{ratio.ratio:g}",
                arm.name,
                f"{ratio.images} ({ratio.groups}) + {added}",
                *_cells(arm.scores),
                *(_cells(arm.generated_minus) if arm.generated_minus else ("", "")),
            )
    return table


def _cells(scores: Scores) -> tuple[str, str]:
    return with_interval(scores.balanced_accuracy), with_interval(scores.recall)
