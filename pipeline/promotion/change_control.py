"""Which promotions a person must approve, and what a retraining may change by itself.

Follows the FDA's Predetermined Change Control Plan: changes that need no approval are listed in
advance, and any other change waits for a person.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

import yaml
from pydantic import Field

from model.section import Section
from pipeline.base.params_file import flat
from pipeline.data.manifest import MANIFEST_FOLDER
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.run import Run

Approval = Literal["never", "outside", "always"]
_DECIDING = ("gate", "change_control")
_ABSENT = "absent"


class PlannedParameter(Section):
    """A parameter that a retraining may change by itself."""

    name: str = Field(description="dotted, as in train.seed; * and ? match")
    least: float | None = Field(default=None, description="smallest value allowed")
    most: float | None = Field(default=None, description="largest value allowed")

    def allows(self, value: Any) -> bool:
        """Whether a value is within the bounds; without bounds, every value is."""
        if self.least is None and self.most is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        low = self.least is None or value >= self.least
        return low and (self.most is None or value <= self.most)

    @property
    def bounds(self) -> str:
        """The allowed range, in words."""
        return " to ".join("any" if v is None else f"{v:g}" for v in (self.least, self.most))


class ChangeControlConfig(Section):
    """The `change_control` section of params.yaml.

    All fields but `approval` are the plan: what may differ from the champion's run without an
    approval.
    """

    approval: Approval = Field(
        default="never",
        description="of a person before a promotion: never, outside (the plan below) or always",
    )
    data_additions: bool = Field(default=True, description="images may come")
    data_removals: bool = Field(default=False, description="images may go, as by a withdrawal")
    classes: bool = Field(default=False, description="classes may come or go")
    most_new_share: float = Field(
        default=0.5, ge=0, le=1, description="share of the images that may be new"
    )
    code: bool = Field(default=False, description="the stages' code may differ")
    parameters: tuple[PlannedParameter, ...] = Field(
        default=(
            PlannedParameter(name="train.seed"),
            PlannedParameter(name="train.kimg", least=1.0, most=10000.0),
            PlannedParameter(name="train.emphasis.*"),
            PlannedParameter(name="retrain.*"),
        ),
        description="that may differ, by dotted name, and between bounds if given",
    )


@dataclass(frozen=True)
class RunFacts:
    """What a run was made of.

    Attributes:
        parameters: every value of params.yaml, by dotted name; `train.start` is what the training
            did begin from.
        images: id, class and split of each image; an image that changes class counts as one
            removed and one added.
        code: the code's part of the run's key.
    """

    parameters: Mapping[str, Any]
    images: frozenset[tuple[str, str, str]]
    code: str


def approval_reasons(
    config: ChangeControlConfig, before: RunFacts | None, after: RunFacts | None, *, asked: bool
) -> tuple[str, ...]:
    """Why a person must approve this promotion; empty if no approval is needed.

    Args:
        config: the plan.
        before: the champion's run; None for the first model.
        after: the candidate's run.
        asked: whether the run was started with require_approval.
    """
    reasons = ["the run was started with require_approval"] if asked else []
    if config.approval == "always":
        reasons.append("change_control.approval is always")
    if config.approval == "outside":
        reasons += outside_plan(before, after, config)
    return tuple(reasons)


def outside_plan(
    before: RunFacts | None, after: RunFacts | None, config: ChangeControlConfig
) -> tuple[str, ...]:
    """The changes of a run that are outside the plan, in words; empty if there are none.

    Args:
        before: the champion's run; None for the first model, which no plan covers.
        after: the candidate's run.
        config: the plan.
    """
    if before is None or after is None:
        return ("there is no champion whose planned change it could be",)
    return (*_data(before, after, config), *_code_and_parameters(before, after, config))


def _data(before: RunFacts, after: RunFacts, config: ChangeControlConfig) -> Iterator[str]:
    new, gone = after.images - before.images, before.images - after.images
    share = len(new) / max(len(after.images), 1)
    if new and not config.data_additions:
        yield f"{len(new)} images are new, and data_additions is false"
    elif share > config.most_new_share:
        yield (
            f"{len(new)} of {len(after.images)} images ({share:.0%}) are new, and most_new_share "
            f"is {config.most_new_share:.0%}"
        )
    if gone and not config.data_removals:
        yield f"{len(gone)} images are gone, and data_removals is false"
    old, now = ({label for _, label, _ in run.images} for run in (before, after))
    if old != now and not config.classes:
        yield (
            f"the classes were {', '.join(sorted(old))} and are {', '.join(sorted(now))}, and "
            "classes is false"
        )


def _code_and_parameters(
    before: RunFacts, after: RunFacts, config: ChangeControlConfig
) -> Iterator[str]:
    if before.code != after.code and not config.code:
        yield "the stages' code differs, and code is false"
    for name in sorted({*before.parameters, *after.parameters}):
        old, new = (run.parameters.get(name, _ABSENT) for run in (before, after))
        if old == new and type(old) is type(new):
            continue
        planned = [one for one in config.parameters if fnmatchcase(name, one.name)]
        if not planned:
            yield f"{name} went from {old} to {new}, and parameters does not name it"
        elif not any(one.allows(new) for one in planned):
            allowed = ", ".join(one.bounds for one in planned)
            yield f"{name} went from {old} to {new}, and {allowed} is allowed"


def run_facts(
    ledger: Ledger, key: str, deciding: Mapping[str, Any] | None = None
) -> RunFacts | None:
    """What a run was made of, by git; None if the ledger has no such run.

    Args:
        ledger: with the run's branch.
        key: of the run.
        deciding: today's params.yaml; its sections `gate` and `change_control` replace the run's
            own, which may be older.
    """
    run = Run.find(ledger, key)
    if run is None:
        return None
    params = yaml.safe_load(ledger.read(run.code, "params.yaml") or "{}")
    params |= {name: deciding[name] for name in _DECIDING if deciding and name in deciding}
    # What it did begin from, which `train.start` only wishes for; early runs have no such wish.
    parameters = flat(params) | {"train.start": run.start.kind}
    return RunFacts(parameters, _images(ledger, run.data), ledger.run_key(run.code, run.data).code)


def _images(ledger: Ledger, data: str) -> frozenset[tuple[str, str, str]]:
    files = ledger.read_folder(data, str(MANIFEST_FOLDER)).values()
    rows = (row for file in files for row in csv.DictReader(file.decode().splitlines()))
    return frozenset((row["id"], row["label"], row["split"]) for row in rows)
