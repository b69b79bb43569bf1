"""Whether a training can end in a promotion, told before it starts.

Training takes hours, and what follows it refuses some data and parameters. Here the same conditions
are checked on the manifest and on params.yaml alone.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.tasks import task_of
from pipeline.base.errors import BadInputError
from pipeline.data.manifest import Row
from pipeline.data.pairs import modalities_in_words, of_views, pair_up
from pipeline.data.region import RegionConfig, in_words
from pipeline.data.revise.revision import Revisions
from pipeline.evaluation.image_set import LEAST_IMAGES
from pipeline.flow.all_params import Params, require_valid
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.promotion.change_control import run_facts

_LEAST_GROUPS = 2
_LEAST_SIDE = 32  # of preprocess.size
_MOST_KEPT = 0.9  # of the images, by the size that is proposed
_MORE = "ingest more patients"


@dataclass(frozen=True)
class Infeasible:
    """Why a training would be in vain.

    Attributes:
        refusals: reasons for which it cannot end in a promotion.
        notes: what is worth knowing, although the training makes sense.
    """

    refusals: tuple[str, ...]
    notes: tuple[str, ...]


def infeasible(ledger: Ledger, params: Params, data: str) -> Infeasible:
    """Check a training of a data revision; what is fine is not named.

    Args:
        ledger: with the revision and the journal.
        params: the parameters in force.
        data: commit of the revision.
    """
    revisions, champion = Revisions(ledger), Journal(ledger).champion
    before = {row.label for row in revisions.rows(champion.data)} if champion else None
    found = judge_rows(revisions.rows(data), params, before)
    run = run_facts(ledger, champion.run_key) if champion else None
    view = tuple(judge_view(run.parameters, params)) if run else ()
    return Infeasible(view + found.refusals, found.notes)


def judge_rows(every: Sequence[Row], params: Params, before: set[str] | None) -> Infeasible:
    """As `infeasible`, of a revision's rows and the champion's classes; None: no champion."""
    seen = of_views(every, params.preprocess.views)
    refusals = (*_classes(every, seen, params), *_pairs(seen, params))
    if modalities := params.preprocess.modalities:
        seen = [first for first, _ in pair_up(seen, modalities).pairs]
    rows = [row for row in seen if not params.preprocess.leaves_out((row.height, row.width))]
    refusals += (*_large(seen, rows, params), *_test(rows), *_val(rows, params))
    refusals += tuple(_neighbours(rows, params))
    gate, small = tuple(_gate(rows, before, params)), tuple(_small(seen, rows, params))
    if before is not None:
        refusals += gate
        gate = ()
    return Infeasible(refusals + small, gate) if refusals else Infeasible((), gate + small)


def judge_view(champions: Mapping[str, Any], params: Params) -> Iterator[str]:
    """The refusals of another region or other pairs than the champion's: no figures would compare.

    Args:
        champions: the parameters of the champion's run, by dotted name.
        params: the parameters in force.
    """
    start = "preprocess.region."
    given = {key.removeprefix(start): champions[key] for key in champions if key.startswith(start)}
    before = RegionConfig.model_validate_json(json.dumps(given)).view
    now = params.preprocess.region.view
    if before != now:
        yield (
            f"preprocess.region is {in_words(now)}, but the champion draws {in_words(before)}: "
            "figures of two regions are never compared; use a separate project (--project)"
        )
    learned = tuple(one.upper() for one in champions.get("preprocess.modalities", ()))
    if learned != (modalities := params.preprocess.modalities):
        said = (", ".join(names) or "no pairs" for names in (modalities, learned))
        yield (
            "preprocess.modalities is {}, but the champion learned from {}: what they make is "
            "never compared; use a separate project (--project)".format(*said)
        )


def require_feasible(
    ledger: Ledger, params: Params, data: str, *, withdrawn: bool
) -> tuple[str, ...]:
    """The notes on a training.

    Args:
        ledger, params, data: as in `infeasible`.
        withdrawn: images were withdrawn, so that the champion must be replaced. The training is
            then needed although the gate may not promote it.

    Raises:
        BadInputError: it cannot end in a promotion; the message has figures and keys.
    """
    found = infeasible(ledger, params, data)
    if found.refusals and not withdrawn:
        raise BadInputError("training was not started:\n  " + "\n  ".join(found.refusals))
    return (*found.refusals, *found.notes)


def in_vain(ledger: Ledger, params: ProjectParams) -> str:
    """Why `plan` would refuse a training of the newest data; "" where it would not."""
    data = ledger.head(DATA)
    if data is None:
        return ""
    try:
        require_feasible(ledger, require_valid(params), data, withdrawn=False)
    except BadInputError as error:
        return str(error)
    return ""


def _classes(every: Sequence[Row], rows: Sequence[Row], params: Params) -> Iterator[str]:
    """The views leave an image of each class in each split that has one; train has every class."""
    left = {(row.label, row.split) for row in rows}
    for label, split in sorted({(row.label, row.split) for row in every} - left):
        here = [row for row in every if (row.label, row.split) == (label, split)]
        views = Counter(row.view for row in here)
        there = ", ".join(f"{view} {count}" for view, count in sorted(views.items()))
        yield (
            f"preprocess.views is {', '.join(params.preprocess.views)}, but class {label} has no "
            f"such image in {split}, where it has {there}: add one of these views"
        )
    for label in sorted({row.label for row in every}):
        if not any((row.label, row.split) == (label, "train") for row in every):
            yield f"class {label} has no training image: {_MORE} of it"


def _pairs(rows: Sequence[Row], params: Params) -> Iterator[str]:
    """A family that makes one image of two is given pairs, of each class in each split."""
    modalities, family = params.preprocess.modalities, params.train.family
    if not modalities:
        if task_of(family).sources > 1:
            yield (
                f"train.family is {family}, which makes one image of two, and "
                "preprocess.modalities is empty: name the two modalities of the pairs, the one "
                f"given first before the other; the data have {modalities_in_words(rows)}"
            )
        return
    there = {(first.label, first.split) for first, _ in pair_up(rows, modalities).pairs}
    for label, split in sorted({(row.label, row.split) for row in rows} - there):
        here = [row for row in rows if (row.label, row.split) == (label, split)]
        yield (
            f"preprocess.modalities is {', '.join(modalities)}, but class {label} has no such "
            f"pair in {split}: its {len(here)} images have {modalities_in_words(here)}"
        )


def _large(seen: Sequence[Row], rows: Sequence[Row], params: Params) -> Iterator[str]:
    """Every class keeps an image that is large enough in each split that has one."""
    left = {(row.label, row.split) for row in rows}
    for label, split in sorted({(row.label, row.split) for row in seen} - left):
        yield f"no image of class {label} in {split} has {params.preprocess.size} px"


def _small(seen: Sequence[Row], rows: Sequence[Row], params: Params) -> Iterator[str]:
    """How many images are left out for their size, and what to set so that fewer are."""
    if len(rows) == len(seen):
        return
    size, sides = params.preprocess.size, [max(row.width, row.height) for row in seen]
    less = max(size // 2, _LEAST_SIDE)
    while less > _LEAST_SIDE and sum(side >= less for side in sides) < _MOST_KEPT * len(sides):
        less //= 2
    yield (
        f"{len(seen) - len(rows)} of {len(seen)} images are smaller than preprocess.size, {size} "
        f"px, and are left out; {sum(side >= less for side in sides)} have {less} px: set "
        "preprocess.size to that, ingest larger images, or set preprocess.smaller to enlarge"
    )


def _test(rows: Sequence[Row]) -> Iterator[str]:
    test = [row for row in rows if row.split == "test"]
    groups = len({row.group for row in test})
    if len(test) < LEAST_IMAGES or groups < _LEAST_GROUPS:
        yield (
            f"the test split has {len(test)} images of {groups} groups; at least {LEAST_IMAGES} "
            f"images of {_LEAST_GROUPS} groups are needed to evaluate: {_MORE}"
        )


def _val(rows: Sequence[Row], params: Params) -> Iterator[str]:
    counts = Counter(row.label for row in rows if row.split == "val")
    missing = sorted({row.label for row in rows} - set(counts))
    if params.train.validation_images and max(counts.values(), default=0) < 2:
        yield (
            f"the val split has {counts.total()} images, and no class has two; "
            f"train.validation_images is {params.train.validation_images}: {_MORE}, or set it to 0"
        )
    adapts = bool(getattr(params.train.recipe, "adapt_to", 0))
    if missing and adapts:
        yield (
            f"the val split has no image of {', '.join(missing)}, and train.recipe.adapt_to needs "
            f"every class there: {_MORE}, or set it to 0"
        )


def _neighbours(rows: Sequence[Row], params: Params) -> Iterator[str]:
    """Precision and recall are measured over all, and by class where a class is large enough."""
    test = Counter(row.label for row in rows if row.split == "test")
    train = Counter(row.label for row in rows if row.split == "train")
    large = [n for label in test if (n := min(test[label], train[label])) >= LEAST_IMAGES]
    least = min([*large, test.total(), train.total()])
    if LEAST_IMAGES <= least <= params.evaluate.prdc_k:
        yield (
            f"evaluate.prdc_k is {params.evaluate.prdc_k}, and must be less than the {least} "
            f"images that it is measured on: set it to at most {least - 1}"
        )


def _gate(rows: Sequence[Row], before: set[str] | None, params: Params) -> Iterator[str]:
    """Enough test groups to tell two models apart, among the classes that both draw."""
    least, labels = params.gate.min_groups, {row.label for row in rows}
    if before is not None:
        if labels - before:
            return  # a candidate with added classes is promoted, if a person approves
        labels &= before
    groups = len({row.group for row in rows if row.split == "test" and row.label in labels})
    if groups < least:
        first = "this first model may be promoted, but none could replace it"
        meaning = first if before is None else "no candidate could replace the champion"
        yield (
            f"the test split has {groups} groups, and gate.min_groups is {least}: {meaning}; "
            f"{_MORE} until the test split has {least - groups} more, or set gate.min_groups lower "
            "(at least 3)"
        )
