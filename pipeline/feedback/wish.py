"""Whether what people say about the champion's images asks for a retraining."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.data.manifest import MANIFEST_FOLDER, parse_batch
from pipeline.feedback.opinions import Opinion, Opinions
from pipeline.feedback.rules import FeedbackConfig, FlagRate, asking_classes, flag_rates
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.project_params import params_of_run
from pipeline.ledger.run import branch_of


@dataclass(frozen=True)
class Wish:
    """A retraining that feedback asks for.

    Attributes:
        version: the champion that readers judged.
        rates: of the classes that ask for it.
        emphasis: `train.emphasis` of the training.
        opinions: numbers of the first and the last opinion that were looked at.
        new_emphasis: whether the champion's training had another emphasis; else
            `feedback.emphasis_most` was reached, and the training differs by something else.
    """

    version: int
    rates: tuple[FlagRate, ...]
    emphasis: Mapping[str, float]
    opinions: tuple[int, int]
    new_emphasis: bool = True

    @property
    def reason(self) -> str:
        """Why, in words."""
        told = (f"{one.label} flawed in {one.flawed} of {one.judged}" for one in self.rates)
        return f"feedback on version {self.version}: {', '.join(told)}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that ask for it."""
        return tuple(one.label for one in self.rates)

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON, for the run that is planned for it."""
        return {
            "version": self.version,
            "classes": list(self.classes),
            "opinions": list(self.opinions),
            "reason": self.reason,
        }


def wish_of(ledger: Ledger, config: FeedbackConfig) -> Wish | None:
    """The retraining that feedback on the champion asks for; None if it asks for none.

    Opinions count from the last verdict on: that training answered the earlier ones. A class of
    which no image is left asks for nothing, since no training can show it.
    """
    journal = Journal(ledger)
    champion, last = journal.champion, journal.last_verdict
    if champion is None or last is None:
        return None
    since = opinions_since(Opinions(ledger).records, last.time)
    asking = asking_classes(flag_rates(since, champion.number, config), config)
    if not asking:
        return None
    learned = _emphasis_of(ledger, champion.run_key)
    gone = _gone(ledger, {one.label for one in asking} | set(learned))
    asking = tuple(one for one in asking if one.label not in gone)
    if not asking:
        return None
    before = {label: factor for label, factor in learned.items() if label not in gone}
    emphasis = dict(before)
    for one in asking:
        now = emphasis.get(one.label, 1.0)
        raised = round(min(now * config.emphasis_step, config.emphasis_most), 4)
        emphasis[one.label] = max(now, raised)
    return Wish(
        version=champion.number,
        rates=asking,
        emphasis={label: factor for label, factor in emphasis.items() if factor != 1.0},
        opinions=(since[0].sequence, since[-1].sequence),
        new_emphasis=any(emphasis[one.label] != before.get(one.label, 1.0) for one in asking),
    )


def opinions_since(records: list[Opinion], time: str) -> list[Opinion]:
    """The opinions given at a time (UTC, ISO 8601, as records have it) or later."""
    return [one for one in records if one.time >= time]


def _gone(ledger: Ledger, labels: set[str]) -> set[str]:
    """The classes of which the newest data hold no image; none before any were ingested."""
    data = ledger.head(DATA)
    if data is None:
        return set()
    files = ledger.read_folder(data, str(MANIFEST_FOLDER)).values()
    texts = (file.decode(errors="surrogateescape") for file in files)
    return labels - {row.label for text in texts for row in parse_batch(text)}


def _emphasis_of(ledger: Ledger, run_key: str) -> dict[str, float]:
    """`train.emphasis` of a run; none if its branch is gone."""
    if ledger.head(branch_of(run_key)) is None:
        return {}
    train = params_of_run(ledger, run_key).get("train")
    found = train.get("emphasis") if isinstance(train, Mapping) else None
    return dict(found or {})
