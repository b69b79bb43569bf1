"""The policy of retraining: whether to train now, and on what."""

import time
from dataclasses import dataclass

from pydantic import Field

from model.section import Section
from pipeline.base.errors import NothingNewError
from pipeline.base.start import FRESH, Start
from pipeline.data.landing.index import PendingFiles
from pipeline.data.manifest import MANIFEST_FOLDER
from pipeline.data.revise.revision import run_data
from pipeline.feedback.rules import FeedbackConfig
from pipeline.feedback.wish import Wish, wish_of
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import DATA, Ledger, RunKey
from pipeline.ledger.run import Run
from pipeline.stages.snapshot import take_snapshot
from pipeline.stages.start import Asked, decide_start

_MOST_SKEW_MINUTES = 60.0
"""Clocks of hosts differ by less; a file from later came while a clock was wrong, and would seem to
be arriving until that time."""


class RetrainConfig(Section):
    """The `retrain` section of params.yaml: when new images start a training.

    It does not apply to runs that a person triggers.
    """

    min_new_images: int = Field(50, ge=1, description="new images that are worth a training")
    quiet_minutes: float = Field(
        10.0, ge=0, description="minutes without a new file before a batch counts as complete"
    )
    max_wait_hours: float = Field(
        168.0, gt=0, description="after so long even one image, or a restless landing zone, goes"
    )


@dataclass(frozen=True)
class Plan:
    """A planned training.

    Attributes:
        run: run key and its parts.
        code, data: commits of code and data.
        start: what the training begins from.
        fresh_because: why it begins from fresh networks although the champion's were wished for.
        reasons: what changed since the last verdict, in words.
        notes: what is worth knowing before the training, in sentences.
    """

    run: RunKey
    code: str
    data: str
    reasons: tuple[str, ...]
    start: Start = FRESH
    fresh_because: str = ""
    notes: tuple[str, ...] = ()


def landing_is_ready(pending: PendingFiles, config: RetrainConfig, now: float | None = None) -> str:
    """The reason to ingest the landing zone now.

    Raises:
        NothingNewError: there is none; the message says what is missing.
    """
    now = time.time() if now is None else now
    if pending.oldest_arrival is None or pending.newest_arrival is None:
        raise NothingNewError("the landing zone has no new files")
    waited, quiet = (now - pending.oldest_arrival) / 3600, (now - pending.newest_arrival) / 60
    if quiet < -_MOST_SKEW_MINUTES:
        return f"{pending.count} files, some from a time to come: was the clock of this host wrong?"
    if waited >= config.max_wait_hours:
        return f"{pending.count} files, the oldest has waited {waited:.1f} h"
    if pending.count < config.min_new_images:
        raise NothingNewError(f"{pending.count} of {config.min_new_images} images have arrived")
    if quiet < config.quiet_minutes:
        raise NothingNewError(f"files are still arriving, the last {quiet:.1f} minutes ago")
    return f"{pending.count} files, quiet for {quiet:.1f} minutes"


def make_plan(
    ledger: Ledger,
    config: RetrainConfig,
    *,
    asked_by_person: bool,
    start: Asked = "",
    wish: Wish | None = None,
) -> Plan:
    """Plan a training of the newest data with the current code and parameters.

    Args:
        ledger: of the project.
        config: when new images are worth a training.
        asked_by_person: the policy of new images does not apply.
        start: what a person asked the training to begin from; "": as `train.start` says.
        wish: what feedback asks for; a training for it shows flawed classes more often, and the
            policy of new images does not apply to it, either.

    Raises:
        NothingNewError: no images were ingested, the same run has a verdict, too few images are
            new, or only the champion is; the last two not if a person or feedback asked.
        BadInputError: a person asked for the champion's networks, and they cannot be used.
    """
    data = ledger.head(DATA)
    if data is None or not count_images(ledger, data):
        raise NothingNewError(
            f"no images were ingested yet; put images into {ledger.project.landing}/<class>/"
        )
    code = take_snapshot(ledger.project, ledger, wish.emphasis if wish else {})
    decided = decide_start(ledger, code, data, start)
    run = ledger.run_key(code, data, decided.start)
    journal = Journal(ledger)
    if verdict := journal.verdict_on(run.key):
        raise NothingNewError(
            f"same data, code and parameters as version {verdict.version} ({verdict.action})"
        )
    last = journal.last_verdict
    if last is None:
        return Plan(run, code, data, ("first training",), decided.start, decided.why)
    before = _key_of(ledger, last.run_key)
    new = count_images(ledger, data) - count_images(ledger, last.data)
    withdrawn, corrected = _decided_since(ledger, journal, last.data, data)
    fresh = [f"{new:+d} images"] if before.data != run.data else []
    fresh += [f"{withdrawn} images withdrawn"] if withdrawn else []
    fresh += [f"{corrected} labels corrected"] if corrected else []
    changed = ["parameters changed"] if before.params != run.params else []
    changed += ["code changed"] if before.code != run.code else []
    few = 0 <= new + corrected < config.min_new_images and not withdrawn
    # Else `watch` would start a run for the same wish every few minutes, to be skipped here.
    asked_for = asked_by_person or wish is not None
    if fresh and not changed and few and not asked_for:
        raise NothingNewError(f"{new + corrected} of {config.min_new_images} images are new")
    if not fresh and not changed and not asked_for:
        raise NothingNewError(
            f"only the start is new, {decided.start.words}: same data, code and parameters as "
            f"version {last.version} ({last.action}); `medloom run` trains all the same"
        )
    goes_on = [f"goes on from version {decided.start.version}"] if decided.start != FRESH else []
    asked = [wish.reason] if wish else []
    reasons = (*asked, *fresh, *changed, *goes_on)
    return Plan(run, code, data, reasons, decided.start, decided.why)


def unplanned_wish(ledger: Ledger, config: FeedbackConfig) -> Wish | None:
    """What feedback asks for, if no run for it was planned yet."""
    data, wish = ledger.head(DATA), wish_of(ledger, config)
    if data is None or wish is None:
        return None
    code = take_snapshot(ledger.project, ledger, wish.emphasis)
    start = decide_start(ledger, code, data, "").start
    return None if Run.find(ledger, ledger.run_key(code, data, start).key) else wish


def unplanned_withdrawals(ledger: Ledger) -> int:
    """The number of images withdrawn since the last verdict, if no run was planned since then.

    A champion trained on them must be replaced at once, not by the next weekly run.
    """
    data, journal = ledger.head(DATA), Journal(ledger)
    last = journal.last_verdict
    if data is None or last is None:
        return 0
    withdrawn, _ = _decided_since(ledger, journal, last.data, data)
    if not withdrawn:
        return 0
    newest = [record.data for record in journal.records if record.action == "withdrawn"][-1]
    planned = set(ledger.mirror.run("rev-list", *run_data(ledger).values()).split())
    return 0 if newest in planned else withdrawn


def _decided_since(ledger: Ledger, journal: Journal, learned: str, data: str) -> tuple[int, int]:
    """The numbers of images withdrawn and relabelled since a data revision.

    Revisions are compared, not positions in the journal: a verdict on earlier data may come after
    a withdrawal.
    """
    unlearned = set(ledger.mirror.run("rev-list", f"{learned}..{data}").split())
    since = [record for record in journal.records if record.data in unlearned]
    counts = [
        sum(len(record.details["images"]) for record in since if record.action == action)
        for action in ("withdrawn", "relabelled")
    ]
    return counts[0], counts[1]


def count_images(ledger: Ledger, data: str) -> int:
    """The number of images in a data revision, by its manifest."""
    batches = ledger.read_folder(data, str(MANIFEST_FOLDER)).values()
    return sum(len(text.splitlines()) - 1 for text in batches if text)


def _key_of(ledger: Ledger, key: str) -> RunKey:
    run = Run.find(ledger, key)
    return ledger.run_key(run.code, run.data, run.start) if run else RunKey(key, "", "", "")
