"""Whether what people say about the champion's images asks for a retraining."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.feedback.opinions import Opinion, Opinions
from pipeline.feedback.rules import FeedbackConfig, FlagRate, asking_classes, flag_rates
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import params_of_run


@dataclass(frozen=True)
class Wish:
    """A retraining that feedback asks for.

    Attributes:
        version: the champion that readers judged.
        rates: of the classes that ask for it.
        emphasis: `train.emphasis` of the training.
    """

    version: int
    rates: tuple[FlagRate, ...]
    emphasis: Mapping[str, float]

    @property
    def reason(self) -> str:
        """Why, in words."""
        told = (f"{one.label} flawed in {one.flawed} of {one.judged}" for one in self.rates)
        return f"feedback on version {self.version}: {', '.join(told)}"


def wish_of(ledger: Ledger, config: FeedbackConfig) -> Wish | None:
    """The retraining that feedback on the champion asks for; None if it asks for none.

    Opinions count from the last verdict on: that training answered the earlier ones.
    """
    journal = Journal(ledger)
    champion, last = journal.champion, journal.last_verdict
    if champion is None or last is None:
        return None
    since = opinions_since(Opinions(ledger).records, last.time)
    asking = asking_classes(flag_rates(since, champion.number, config), config)
    if not asking:
        return None
    emphasis = _emphasis_of(ledger, champion.run_key)
    for one in asking:
        raised = emphasis.get(one.label, 1.0) * config.emphasis_step
        emphasis[one.label] = round(min(raised, config.emphasis_most), 4)
    return Wish(champion.number, asking, {k: v for k, v in emphasis.items() if v != 1.0})


def opinions_since(records: list[Opinion], time: str) -> list[Opinion]:
    """The opinions given at a time (UTC, ISO 8601, as records have it) or later."""
    return [one for one in records if one.time >= time]


def _emphasis_of(ledger: Ledger, run_key: str) -> dict[str, float]:
    train = params_of_run(ledger, run_key).get("train")
    found = train.get("emphasis") if isinstance(train, Mapping) else None
    return dict(found or {})
