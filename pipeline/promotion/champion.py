"""How a decision becomes a record, and a former champion the champion again.

Every change is one record of the journal, appended by compare-and-swap (`settle`), and is then
projected to the registry. A kill in between leaves a journal that is right and aliases that are
stale, which the next command repairs. No MLflow in here: the registry is what `Versions` says.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.registry.aliases import CHAMPION, Projectable, project_aliases, read_journal

Facts = dict[str, Any]
Decide = Callable[[Journal], Record | Facts]
"""What to append to the journal as it stands, or the record that says it already."""


class Versions(Projectable, Protocol):
    """The part of the registry that a change of champion needs."""

    def weights(self, version: int) -> str:
        """The sha256 of a version's weights, as it was registered."""

    def output_spec(self, version: int) -> tuple[tuple[str, ...], int]:
        """The classes that a version draws, and pixels a side."""

    def draw(self, version: int, labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        """Images of a version, uint8 [N, H, W]."""


def settle(ledger: Ledger, registry: Projectable, decide: Decide) -> Record:
    """Append a decision to the journal it was taken on; take it again when that moved on."""
    while True:
        journal = read_journal(ledger, registry)
        decided = decide(journal)
        record = decided if isinstance(decided, Record) else journal.append(**decided)
        if record:
            return record


def decide_once(ledger: Ledger, registry: Projectable, key: str, decide: Decide) -> Record:
    """The gate's one decision on a run, taken now or found, with the aliases after it."""
    record = settle(ledger, registry, lambda journal: journal.verdict_on(key) or decide(journal))
    project_aliases(ledger, registry)
    return record


def try_out(registry: Versions, version: int, weights: str) -> None:
    """Load a version as a consumer would, and see that it answers as its signature says.

    Raises:
        BadInputError: it holds other weights, does not load, or answers with other or blank images.
    """
    if (found := registry.weights(version)) != weights:
        raise BadInputError(
            f"the registry says version {version} has weights {found[:12] or 'unknown'}, the "
            f"journal says {weights[:12]}; `medloom audit verify` says what it implies"
        )
    labels, size = registry.output_spec(version)
    images = registry.draw(version, list(labels), seed=0)
    if images.shape[1:] != (size, size) or images.std(axis=(1, 2)).min() == 0:
        raise BadInputError(
            f"version {version} answers with {images.shape} and {images.std():.1f} grey levels of "
            f"deviation; expected are {size} x {size} images that are not blank"
        )


def champion_number(journal: Journal) -> int | None:
    """The champion's version; None when nobody is."""
    return journal.champion.version if journal.champion else None


def block_on(journal: Journal, version: int, weights: str) -> Record | None:
    """The record that keeps a version, or these very weights under any number, from promotion."""
    for bad, record in journal.blocked.items():
        same = any(r.version == bad and r.weights_sha256 == weights for r in journal.records)
        if bad == version or same:
            return record
    return None


# -- rollback --------------------------------------------------------------------------------------


def rollback(
    ledger: Ledger, registry: Versions, by: str, reason: str, to: int | None = None
) -> Record:
    """Make a former champion champion again, and block the one that failed.

    The one that failed is the champion that the registry's readers saw when this began; when
    another takes its place meanwhile, nothing is done. A rollback that was killed before its
    aliases followed is completed, not done a second time.

    Args:
        ledger: with the journal.
        registry: with the versions.
        by: who decides.
        reason: why, mandatory.
        to: the version; None takes the last champion before this one that is not blocked.

    Raises:
        BadInputError: there is no champion or no such former one, or it does not load and answer.
    """
    require_person(by, reason)
    champion = read_journal(ledger, registry).champion
    if champion is None:
        raise BadInputError("there is no champion to roll back; `medloom champion history` shows")
    if champion.action == "rolled-back" and registry.aliases().get(CHAMPION) != champion.version:
        project_aliases(ledger, registry)
        return champion

    def decide(journal: Journal) -> Facts:
        if champion_number(journal) != champion.version:
            raise BadInputError(
                f"version {champion.version} is no longer champion; look at `medloom champion "
                "show` and decide again"
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
    project_aliases(ledger, registry)
    return record


def _former_champion(journal: Journal, to: int | None) -> Record:
    target = journal.previous_champion if to is None else journal.made_champion(to)
    allowed = {version for r in journal.records if (version := _may_return(journal, r))}
    if target is None or target.version not in allowed:
        wanted = "nobody" if to is None else f"version {to}"
        listed = ", ".join(map(str, sorted(allowed))) or "none"
        raise BadInputError(
            f"{wanted} can become champion again: it must have been one before, not be one now, "
            "not be blocked and not have learned from data whose consent was withdrawn; allowed: "
            f"{listed}"
        )
    return target


def _may_return(journal: Journal, record: Record) -> int | None:
    number = record.version
    barred = {champion_number(journal), *journal.blocked, *journal.affected}
    if number is None or number in barred:
        return None
    return number if journal.made_champion(number) else None


def about(record: Record) -> Facts:
    """What a person's decision repeats of the record that it is about."""
    return record.model_dump(
        include={"version", "weights_sha256", "run_key", "data", "predecessor", "test_set"}
    )


def require_person(by: str, reason: str) -> None:
    """Refuse a person's decision without name or reason.

    Raises:
        BadInputError: one of them is blank.
    """
    if not by.strip() or not reason.strip():
        raise BadInputError(
            "a person's decision needs a name and a reason; give --by NAME and --reason TEXT"
        )
