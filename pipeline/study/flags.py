"""What becomes of the flags that readers set on images of a study.

A real image becomes a proposal, which stands in the list of the quarantine until a person answers
it (`pipeline.data.revise.proposals`). A synthetic one becomes an opinion on the version's image, as
if it had been given on the page Feedback. Readers may see opinions, so these are handed on when
their reader is through or the study has ended; curators alone see proposals, which need no delay.

Each names the study's record that it comes from, so that no call hands one on twice, and a killed
one is completed by the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.data.revise.proposals import PROPOSED, Proposals
from pipeline.feedback.opinions import Opinions
from pipeline.ledger.ledger import Ledger
from pipeline.study.course import gone_trials
from pipeline.study.ending import Progress
from pipeline.study.records import Study, StudyRecord, study_names

_TRIES = 20
Origin = tuple[str, int]
"""A study and the number of one of its records."""


@dataclass(frozen=True)
class HandedOn:
    """How many flags became proposals and opinions now, and how many wait for their readers."""

    proposals: int = 0
    opinions: int = 0
    waiting: int = 0


def hand_on_flags(project: Project) -> HandedOn:
    """Hand on the flags of all studies that were not handed on yet.

    Raises:
        BadInputError: a chain is broken.
        TransientError: others kept appending.
    """
    ledger, done = Ledger(project), HandedOn()
    proposals, opinions, waiting = list[dict[str, Any]](), list[dict[str, Any]](), 0
    for name in study_names(ledger):
        study = Study.read(ledger, name)
        if not study.flags:
            continue
        progress = Progress.of(study, gone_trials(ledger, study.plan))
        for flag in study.flags:
            if flag.image:
                proposals.append(_proposal(study, flag))
            elif progress.ended or flag.reader in progress.through:
                opinions.append(_opinion(study, flag))
            else:
                waiting += 1
    if proposals or opinions or waiting:
        made = _append(Proposals, ledger, proposals)
        done = HandedOn(made, _append(Opinions, ledger, opinions), waiting)
    return done


def _append(
    chain_of: type[Proposals] | type[Opinions], ledger: Ledger, wanted: Sequence[dict[str, Any]]
) -> int:
    """Append those that the chain has not yet; returns how many."""
    for _ in range(_TRIES):
        chain = chain_of(ledger)
        known = {(one.study, one.study_record) for one in chain.records}
        new = [one for one in wanted if (one["study"], one["study_record"]) not in known]
        if not new:
            return 0
        if chain.append(new, f"{len(new)} flags of studies") is not None:
            return len(new)
    raise TransientError(f"others appended {_TRIES} times in a row; nothing was lost, try again")


def _proposal(study: Study, flag: StudyRecord) -> dict[str, Any]:
    label = study.plan.trials[flag.trial].label
    return {
        "action": PROPOSED, "image": flag.image, "by": flag.reader, "role": flag.role,
        "label": label, "tags": flag.tags, "reason": flag.reason, "study": study.name,
        "study_record": flag.sequence,
    }  # fmt: skip


def _opinion(study: Study, flag: StudyRecord) -> dict[str, Any]:
    plan, trial = study.plan, study.plan.trials[flag.trial]
    return {
        "reader": flag.reader, "role": flag.role, "version": plan.version,
        "weights_sha256": plan.weights_sha256, "label": trial.label, "seed": plan.draw_seed,
        "index": trial.shown(flag.side).index, "verdict": "flawed", "tags": flag.tags,
        "note": flag.reason, "study": study.name, "study_record": flag.sequence,
    }  # fmt: skip
