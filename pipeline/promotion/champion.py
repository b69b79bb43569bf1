"""Record decisions about the champion, and roll back to a former champion.

Every change is one record of the journal, appended by compare-and-swap (`settle`), and then
projected to the registry. A kill in between leaves a correct journal and stale aliases, which the
next command repairs. This module does not import MLflow: it uses the registry by `Versions`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.registry.aliases import CHAMPION, Projectable, read_journal, update_aliases
from pipeline.registry.output_spec import OutputSpec

Facts = dict[str, Any]
Decide = Callable[[Journal], Record | Facts]
"""Returns the facts to append to this journal, or the record that already holds them."""


class Versions(Projectable, Protocol):
    """The part of the registry that a change of champion needs."""

    def weights(self, version: int) -> str:
        """The sha256 of a version's weights, by its tag."""

    def output_spec(self, version: int) -> OutputSpec:
        """What a version's images are."""

    def draw(self, version: int, labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        """Images of a version, uint8 [N, H, W]."""

    def make(self, version: int, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What a version makes of given images, uint8 [N, H, W]."""


def settle(ledger: Ledger, registry: Projectable, decide: Decide) -> Record:
    """Append a decision to the journal; decide again if the journal changed meanwhile."""
    while True:
        journal = read_journal(ledger, registry)
        decided = decide(journal)
        record = decided if isinstance(decided, Record) else journal.append(**decided)
        if record:
            return record


def decide_once(ledger: Ledger, registry: Projectable, key: str, decide: Decide) -> Record:
    """The gate's one decision on a run, found or made now; then update the aliases."""
    record = settle(ledger, registry, lambda journal: journal.verdict_on(key) or decide(journal))
    update_aliases(ledger, registry)
    return record


def try_out(registry: Versions, version: int, weights: str) -> None:
    """Load a version as a consumer does, and check the images that it draws.

    Raises:
        BadInputError: it has other weights, fails to load, or draws blank images or images of
            another size.
    """
    if (found := registry.weights(version)) != weights:
        raise BadInputError(
            f"version {version} has weights {found[:12] or 'unknown'} in the registry and "
            f"{weights[:12]} in the journal; run `medloom audit verify`"
        )
    spec = registry.output_spec(version)
    size = spec.image_size
    if spec.draws:
        images = registry.draw(version, list(spec.classes), seed=0)
    else:
        from model.tasks import task_named, work_of

        example = work_of(task_named(spec.task)).example(spec.given_size)
        images = registry.make(version, example)
    if images.shape[1:] != (size, size) or images.std(axis=(1, 2)).min() == 0:
        raise BadInputError(
            f"version {version} draws images of shape {images.shape} with a standard deviation of "
            f"{images.std():.1f} grey levels; expected {size} x {size} images that are not blank"
        )


def champion_number(journal: Journal) -> int | None:
    """The champion's version; None without a champion."""
    return journal.champion.version if journal.champion else None


def block_on(journal: Journal, version: int, weights: str) -> Record | None:
    """The record that blocks a version, or another version with the same weights."""
    for bad, record in journal.blocked.items():
        same = any(r.version == bad and r.weights_sha256 == weights for r in journal.records)
        if bad == version or same:
            return record
    return None


# -- rollback --------------------------------------------------------------------------------------


def rollback(
    ledger: Ledger, registry: Versions, by: str, reason: str, to: int | None = None
) -> Record:
    """Make a former champion champion again, and block the current one.

    If the champion changes during the call, nothing is done. If an earlier rollback was killed
    before it updated the aliases, this call completes it.

    Args:
        ledger: with the journal.
        registry: with the versions.
        by: who decides.
        reason: why, mandatory.
        to: the version; None: the last champion before this one that is not blocked.

    Raises:
        BadInputError: there is no champion, or no such former one, or it fails to load or to draw.
    """
    require_person(by, reason)
    champion = read_journal(ledger, registry).champion
    if champion is None:
        raise BadInputError("there is no champion to roll back; see `medloom champion history`")
    if champion.action == "rolled-back" and registry.aliases().get(CHAMPION) != champion.version:
        update_aliases(ledger, registry)
        return champion

    def decide(journal: Journal) -> Facts:
        if champion_number(journal) != champion.version:
            raise BadInputError(
                f"version {champion.version} is no longer champion; see `medloom champion show` "
                "and decide again"
            )
        target = _former_champion(journal, to)
        try_out(registry, target.number, target.weights_sha256)
        return about(target) | {
            "action": "rolled-back",
            "predecessor": champion.version,
            "by": by,
            "reason": reason,
        }

    record = settle(ledger, registry, decide)
    update_aliases(ledger, registry)
    return record


def _former_champion(journal: Journal, to: int | None) -> Record:
    target = journal.previous_champion if to is None else journal.made_champion(to)
    allowed = {version for r in journal.records if (version := _may_return(journal, r))}
    if target is None or target.version not in allowed:
        wanted = "no version can" if to is None else f"version {to} cannot"
        listed = ", ".join(map(str, sorted(allowed))) or "none"
        raise BadInputError(
            f"{wanted} become champion again: it must be a former champion that is not blocked and "
            f"was not trained on data whose consent was withdrawn; allowed: {listed}"
        )
    return target


def _may_return(journal: Journal, record: Record) -> int | None:
    number = record.version
    barred = {champion_number(journal), *journal.blocked, *journal.affected}
    if number is None or number in barred:
        return None
    return number if journal.made_champion(number) else None


def about(record: Record) -> Facts:
    """The fields that a person's decision copies from the record it answers."""
    return record.model_dump(
        include={"version", "weights_sha256", "run_key", "data", "predecessor", "test_set"}
    )


def require_person(by: str, reason: str) -> None:
    """Check that a person's decision has a name and a reason.

    Raises:
        BadInputError: one of them is blank.
    """
    if not by.strip() or not reason.strip():
        raise BadInputError(
            "a person's decision needs a name and a reason; give --by NAME and --reason TEXT"
        )
