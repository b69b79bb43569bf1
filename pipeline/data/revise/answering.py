"""A person's answers to proposals: set the image aside, correct its class, or keep it as it is.

The order is: the data revision, the journal's record, the answer in the chain of proposals. Each
step finds what an earlier, killed call has done, so repeating the answer completes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.data.revise.proposals import (
    ACCEPTED,
    BRANCH,
    DECLINED,
    PROPOSED,
    Proposal,
    Proposals,
    ProposedImage,
    find_proposed,
    propose,
    proposed_images,
)
from pipeline.data.revise.relabelling import relabel
from pipeline.data.revise.revision import Revisions
from pipeline.data.revise.setting_aside import set_aside
from pipeline.ledger.ledger import DATA, Ledger

SET_ASIDE = "set-aside"
_TRIES = 20


@dataclass(frozen=True)
class Answers:
    """What answers did.

    Attributes:
        records: of the chain of proposals, one an image.
        warnings: sentences for the user.
    """

    records: tuple[Proposal, ...]
    warnings: tuple[str, ...] = ()


def list_proposed(project: Project, most_per_reader: int) -> list[ProposedImage]:
    """Every image that was proposed, and where it stands; see `proposed_images`.

    Raises:
        BadInputError: the chain is broken.
        TransientError: the ledger cannot be reached.
    """
    ledger = Ledger(project)
    records = Proposals(ledger).records
    return proposed_images(records, _held(ledger), most_per_reader) if records else []


def propose_image(
    project: Project, name: str, tags: Sequence[str], *, by: str, role: str = "", note: str = ""
) -> Proposal:
    """Propose to take an image out of the data.

    Args:
        project: the project.
        name: image id, or its first 8 digits or more.
        tags: what is wrong, of `FLAWS_OF_ALL`, at least one.
        by: pseudonym of who proposes.
        role: of that person.
        note: in words, without a patient's name.

    Raises:
        BadInputError: the newest data revision holds no such image, or several; or the proposal is
            not allowed.
        TransientError: others kept appending.
    """
    ledger = Ledger(project)
    held = _held(ledger)
    found = [image for image in held if image.startswith(name)] if len(name) >= 8 else []
    if len(found) != 1:
        raise BadInputError(
            f"{name!r} names {len(found)} images of the newest data: give an image id, or 8 digits "
            "or more of one, as reports show them"
        )
    (image,) = found
    facts = {
        "image": image, "by": by, "role": role, "label": held[image],
        "tags": sorted(set(tags)), "reason": note.strip(),
    }  # fmt: skip
    (made,) = propose(ledger, [facts])
    return made


def accept(
    project: Project,
    names: Sequence[str],
    *,
    by: str,
    reason: str,
    role: str = "",
    to: str = "",
    patience: float | None = None,
) -> Answers:
    """Follow the proposals about images: set them aside or, with `to`, correct their class.

    Args:
        project: the project.
        names: image ids, or their first digits.
        by: who decided.
        reason: in words; it is kept for good and may not name a patient.
        role: of that person.
        to: class that the images have instead; "": they are set aside.
        patience: seconds to wait for an ingest that runs; None: as `hold_lease`.

    Raises:
        BadInputError: no reason, no such open proposal, or an unknown class.
        TransientError: an ingest runs, and did not end in time; repeat the call.
    """
    chosen = _chosen(project, names, reason, left=not to)
    images = [one.image for one in chosen]
    flaws = {tag for one in chosen for said in one.proposals for tag in said.tags}
    if to:
        done = relabel(
            project, dict.fromkeys(images, to), by=by, reason=reason, patience=patience
        )  # fmt: skip
        facts = {"by": by, "reason": reason, "outcome": to, "data": done.after}
        return Answers(_answer(project, chosen, ACCEPTED, facts | {"role": role}))
    followed = [said.sequence for one in chosen for said in one.proposals]
    aside = set_aside(
        project, images, by=by, reason=reason, flaws=sorted(flaws), proposals=followed,
        patience=patience,
    )  # fmt: skip
    facts = {
        "by": aside.by, "reason": aside.reason, "outcome": SET_ASIDE, "data": aside.revision,
        "role": role if aside.by == by else "",
    }  # fmt: skip
    return Answers(_answer(project, chosen, ACCEPTED, facts), aside.warnings)


def decline(
    project: Project, names: Sequence[str], *, by: str, reason: str, role: str = ""
) -> Answers:
    """Keep images as they are, in spite of the proposals about them.

    Args: as for `accept`.

    Raises:
        BadInputError: no reason, or no such open proposal.
        TransientError: others kept appending.
    """
    chosen = _chosen(project, names, reason)
    facts = {"by": by, "role": role, "reason": reason}
    return Answers(_answer(project, chosen, DECLINED, facts))


def _chosen(
    project: Project, names: Sequence[str], reason: str, *, left: bool = False
) -> list[ProposedImage]:
    """The images with open proposals; with `left` also those that have left the data."""
    if not reason.strip():
        raise BadInputError("say in a few words why (--reason); it is kept for good")
    ledger = Ledger(project)
    known = proposed_images(Proposals(ledger).records, _held(ledger), None)
    chosen = {one.image: one for name in names for one in [find_proposed(known, name)]}
    for one in chosen.values():
        if one.state != "open" and not (left and one.state == "gone"):
            raise BadInputError(f"{one.record} is not open but {one.state}: {one.detail}")
    return list(chosen.values())


def _answer(
    project: Project, chosen: Sequence[ProposedImage], action: str, facts: Mapping[str, Any]
) -> tuple[Proposal, ...]:
    """Append one answer an image, to what nobody else has answered meanwhile."""
    ledger = Ledger(project)
    for _ in range(_TRIES):
        chain = Proposals(ledger)
        settled = {number for one in chain.records for number in one.answers}
        said = []
        for one in chosen:
            readers = {proposal.by for proposal in one.proposals}
            numbers = [
                proposal.sequence
                for proposal in chain.records
                if proposal.action == PROPOSED and proposal.image == one.image
                and proposal.by in readers and proposal.sequence not in settled
            ]  # fmt: skip
            if numbers:
                about = {"action": action, "image": one.image, "label": one.label}
                said.append({**about, "answers": numbers, **facts})
        if not said:
            raise BadInputError("somebody else has answered these proposals meanwhile")
        if (made := chain.append(said, f"{len(said)} images {action}")) is not None:
            return tuple(made)
    raise TransientError(
        f"others appended to {BRANCH} {_TRIES} times in a row; repeat the answer to complete it"
    )


def _held(ledger: Ledger) -> Mapping[str, str]:
    if ledger.head(DATA) is None:
        return {}
    revisions = Revisions(ledger)
    return {row.id: row.label for row in revisions.rows(revisions.head)}
