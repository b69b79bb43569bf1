"""The champion's age, what happened since, and what is said about it."""

import json
from collections import Counter
from collections.abc import Collection
from datetime import datetime

from pipeline.base.project import Project
from pipeline.base.wilson import wilson
from pipeline.data.ingest.quarantine import (
    QUARANTINE_FILE,
    parse_quarantine,
    quarantine_records,
)
from pipeline.data.landing.shared_index import newest_entries
from pipeline.evaluation.record import COPIES
from pipeline.feedback.opinions import Opinion
from pipeline.feedback.rules import FeedbackConfig, flag_rates
from pipeline.ledger.journal import VERDICTS, Journal, Record
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.monitor.landed import Landed
from pipeline.monitor.record import ChampionState, Copies, Flags, Share

_COPIES_RULE = f"guard:{COPIES}"


def champion_state(
    project: Project, journal: Journal, landed: Landed, looks: int, now: datetime
) -> ChampionState | None:
    """The champion's age and what happened since; None without a champion.

    Args:
        project: the project, for the DAG runs of this host.
        journal: of the project.
        landed: since the champion's data.
        looks: that one test split serves.
        now: the time.
    """
    champion, last = journal.champion, journal.last_verdict
    if champion is None:
        return None
    since = datetime.fromisoformat(champion.time)
    later = journal.records[champion.sequence :]
    return ChampionState(
        version=champion.number,
        since=champion.time,
        days=round((now - since).total_seconds() / 86_400, 3),
        landed=len(landed.added) if landed.before is not None else 0,
        left=landed.left,
        verdicts=dict(sorted(Counter(r.action for r in later if r.action in VERDICTS).items())),
        failed_runs=_failed_runs(project, since.timestamp()),
        looks_used=journal.looks(last.test_set) if last else 0,
        looks=looks,
    )


def refused_share(
    project: Project, ledger: Ledger, champion_data: str, landed: Landed, confidence: float
) -> Share | None:
    """The share refused of what arrived since the champion's data; None before the first ingest.

    What was refused is in the index of the last ingest, or, where that is not to be had, in the
    record that was written with the last batch.
    """
    data = ledger.head(DATA)
    if data is None:
        return None
    earlier = champion_data if landed.before is not None else ""
    before = ledger.read(earlier, str(QUARANTINE_FILE)) if earlier else None
    known = {one.record for one in parse_quarantine(before or "")}
    entries = newest_entries(project, ledger)
    if entries is not None:
        records = quarantine_records(entries, {row.label for row in landed.rows})
    else:
        records = parse_quarantine(ledger.read(data, str(QUARANTINE_FILE)) or "")
    refused = sum(one.record not in known for one in records)
    return share_of(refused, refused + len(landed.added), confidence)


def share_of(count: int, of: int, confidence: float) -> Share:
    """A share with Wilson's interval, each end at `confidence`."""
    low, high = wilson(count, of, confidence, sides=1)
    return Share(count=count, of=of, low=low, high=high)


def flags_of(
    opinions: list[Opinion],
    version: int,
    config: FeedbackConfig,
    confidence: float,
    asking: Collection[str],
) -> tuple[list[Flags], int]:
    """How often each class was found flawed, and how often an image looked copied.

    `asking` are the classes that ask for a retraining now: a verdict answers what was said before.
    """
    rates = flag_rates(opinions, version, config)
    flags = [
        Flags(
            label=one.label,
            flawed=share_of(one.flawed, one.judged, confidence),
            flaggers=one.flaggers,
            readers=one.readers,
            asks=one.label in asking,
        )
        for one in sorted(rates, key=lambda one: one.label)
    ]
    return flags, sum("looks-copied" in one.tags for one in opinions if one.version == version)


def copies_of(journal: Journal, champion: Record) -> Copies | None:
    """The guard on copies in the champion's verdict; None if it has none, as early ones."""
    verdict = journal.verdict_on(champion.run_key) or champion
    for rule in verdict.verdict.get("rules", []):
        if rule.get("name") == _COPIES_RULE:
            return Copies(
                upper=float(rule["value"]), limit=float(rule["limit"]), says=str(rule["says"])
            )
    return None


def _failed_runs(project: Project, since: float) -> int:
    """DAG runs on this host in which a task failed since a time; progress files are not results."""
    failed = set()
    for file in sorted(project.runs.glob("*/*.json")):
        if file.name.endswith(".progress.json"):
            continue
        try:
            told = json.loads(file.read_text())
        except (OSError, ValueError):
            continue
        if told.get("outcome") == "failed" and told.get("started", 0.0) > since:
            failed.add(file.parent)
    return len(failed)
