"""One run of the monitor: measure, decide the alarms, tell the new ones, append a record."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from pipeline.base.errors import BadInputError, NothingNewError, TransientError
from pipeline.base.project import Project
from pipeline.feedback.opinions import Opinions
from pipeline.feedback.rules import FeedbackConfig
from pipeline.feedback.wish import wish_of
from pipeline.ledger.journal import Journal
from pipeline.ledger.lease import hold_lease
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.monitor.alarms import Changed, find_alarms, follow
from pipeline.monitor.champion import champion_state, copies_of, flags_of, refused_share
from pipeline.monitor.config import MonitorConfig
from pipeline.monitor.history import History
from pipeline.monitor.landed import Landed, OnProgress, drift_of, measured_in_data
from pipeline.monitor.record import Alarm, Draws, MonitorRecord
from pipeline.monitor.redraw import redraw
from pipeline.promotion.gate import GateConfig
from pipeline.promotion.webhook import post
from pipeline.registry.draw_counts import drawn_so_far
from pipeline.registry.generators import Generators

_TRIES = 20


class Ran(NamedTuple):
    """A run of the monitor.

    Attributes:
        record: that was appended.
        warnings: of the webhook.
    """

    record: MonitorRecord
    warnings: tuple[str, ...]


def run_monitor(
    project: Project,
    *,
    accept: str = "",
    on_progress: OnProgress = lambda _what, _done, _total: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Ran:
    """Measure a project once, and record it.

    The webhook is told of an alarm before the record says so: a run that is killed between the two
    makes the next one tell it again, and none is lost.

    Args:
        project: the project.
        accept: why the champion's images as they are drawn now are the new reference.
        on_progress: called as (task, done, total).
        clock: the time, in UTC.

    Raises:
        BadInputError: the parameters are invalid, a chain is broken, or there is nothing to accept.
        TransientError: ledger or remote cannot be reached.
    """
    now = clock()
    config = ProjectParams.of(project).section("monitor", MonitorConfig)
    ledger = Ledger(project)
    with hold_lease(project.leases, "monitor", "monitor"):
        history = History(ledger)
        facts = _measure(project, ledger, history, config, accept, now, on_progress)
        found = find_alarms(
            config, **{name: facts[name] for name in
                       ("champion", "drift", "redraw", "refused", "flags")},
        )  # fmt: skip
        for _ in range(_TRIES):
            before = history.last.alarms if history.last else []
            changed = follow(found, before, now.isoformat(timespec="seconds"))
            alarms, warnings = _tell(project, changed)
            dumped = {name: _plain(value) for name, value in facts.items()}
            record = history.add(**dumped, alarms=_plain(alarms))
            if record is not None:
                return Ran(record, tuple(warnings))
            history = History(ledger)
    raise TransientError(f"others appended monitor records {_TRIES} times in a row; try again")


def require_alarms(project: Project, record: int) -> list[Alarm]:
    """The alarms of a record.

    Raises:
        NothingNewError: there are none.
        BadInputError: there is no such record.
    """
    records = History(Ledger(project)).records
    if not 0 < record <= len(records):
        raise BadInputError(f"the monitor has no record {record}; it has {len(records)}")
    if not (alarms := records[record - 1].alarms):
        raise NothingNewError("no alarm is on")
    return alarms


def _measure(
    project: Project,
    ledger: Ledger,
    history: History,
    config: MonitorConfig,
    accept: str,
    now: datetime,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """The fields of the record, without its alarms."""
    params = ProjectParams.of(project)
    journal = Journal(ledger)
    champion = journal.champion
    landed = Landed.of(ledger, champion.data if champion else "")
    gate = params.section("gate", GateConfig)
    draws, unread = drawn_so_far(project.draws)
    facts: dict[str, Any] = {
        "champion": champion_state(project, journal, landed, gate.looks, now),
        "drift": [],
        "drift_note": "",
        "redraw": None,
        "draws": [Draws(**one._asdict()) for one in draws],
        "draws_unread": unread,
        "refused": refused_share(
            project, ledger, champion.data if champion else "", landed, config.confidence
        ),
        "flags": [],
        "looks_copied": 0,
        "copies": None,
    }
    if champion is None:
        if accept:
            raise BadInputError("there is no champion whose images could be accepted")
        return facts | {"drift_note": "there is no champion"}
    if not (note := _why_no_drift(landed)):
        measure = measured_in_data(project, ledger, on_progress)
        facts["drift"] = drift_of(landed, config, measure)
    facts["drift_note"] = note
    if config.redraw_images:
        on_progress("drawing again", 0, 1)
        version = Generators(project).find(champion.number)
        records = history.records
        facts["redraw"] = redraw(project, version, records, config.redraw_images, accept)
        on_progress("drawing again", 1, 1)
    elif accept:
        raise BadInputError("nothing is drawn again: monitor.redraw_images is 0")
    feedback = params.section("feedback", FeedbackConfig)
    wish = wish_of(ledger, feedback)
    facts["flags"], facts["looks_copied"] = flags_of(
        Opinions(ledger).records,
        champion.number,
        feedback,
        config.confidence,
        asking=wish.classes if wish else (),
    )
    facts["copies"] = copies_of(journal, champion)
    return facts


def _why_no_drift(landed: Landed) -> str:
    if landed.before is None:
        return "the champion's data revision is not in the ledger"
    return "" if landed.added else "nothing landed since the champion's data"


def _tell(project: Project, changed: Changed) -> tuple[list[Alarm], list[str]]:
    """Tell the webhook what is new; returns the alarms that are on, and warnings."""
    send = partial(post, project, model=project.model)
    warnings = []
    told = {one.key for one in changed.on if one.told}
    for one in changed.untold:
        warning = send("alarm-raised", alarm=one.key, since=one.since, says=one.says, do=one.do)
        if warning:
            warnings.append(warning)
        elif project.webhook_url:
            told.add(one.key)
    for one in changed.cleared:
        if one.told and (warning := send("alarm-cleared", alarm=one.key, since=one.since)):
            warnings.append(warning)
    return [one.model_copy(update={"told": one.key in told}) for one in changed.on], warnings


def _plain(value: Any) -> Any:
    """Facts as JSON has them, for a record."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.model_dump() if hasattr(value, "model_dump") else value
