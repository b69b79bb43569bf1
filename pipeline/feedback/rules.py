"""When opinions ask for a retraining. Pure functions of records and parameters.

A class asks for one if the lower bound of its rate of flawed images is above a limit, and several
readers flagged it: nobody alone can start a training. Who enters opinions under other people's
names counts as one reader, unless `one_voice_per_account` is off. Rates are of the images that
readers judged, not of all that were drawn; who judges only what looks wrong pushes them up, which
the limit on readers and the cap on each reader keep small. Flags of reader studies do not count:
their readers were asked something else and flag only what strikes them, so that every image would
seem flawed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field

from model.section import Section
from pipeline.base.wilson import wilson
from pipeline.data.layout import CLASS_NAME
from pipeline.feedback.opinions import Opinion


class FeedbackConfig(Section):
    """The `feedback` section of params.yaml: when opinions ask for a retraining."""

    most_flawed: float = Field(
        default=0.3, gt=0, lt=1, description="share of judged images of a class that may be flawed"
    )
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="of the lower bound (Wilson) that must exceed it"
    )
    min_readers: int = Field(default=3, ge=2, description="readers who must have flagged the class")
    most_per_reader: int = Field(
        default=20,
        ge=1,
        description="judged images of a class that count for one reader, newest first",
    )
    one_voice_per_account: bool = Field(
        default=True,
        description="opinions that one account entered for several readers count as one reader's",
    )
    emphasis_step: float = Field(
        default=1.25,
        ge=1,
        le=2,
        description="factor of the class's train.emphasis in that training; 1: as before",
    )
    emphasis_most: float = Field(
        default=2.0, ge=1, le=4, description="largest train.emphasis that feedback asks for"
    )


@dataclass(frozen=True)
class FlagRate:
    """How often images of one class were found flawed.

    Attributes:
        label: the class.
        judged, flawed: images that count; an image that two readers judged counts twice.
        readers: number of readers who judged.
        flaggers: number of readers who flagged at least one.
        low, high: Wilson's interval, each side at the config's confidence.
        tags: how often each was given, of those that count.
    """

    label: str
    judged: int
    flawed: int
    readers: int
    flaggers: int
    low: float
    high: float
    tags: tuple[tuple[str, int], ...]

    @property
    def rate(self) -> float:
        """Share of the judged images that are flawed."""
        return self.flawed / self.judged


def flag_rates(
    opinions: Iterable[Opinion], version: int, config: FeedbackConfig
) -> tuple[FlagRate, ...]:
    """The rate of each class of a version, most flawed first.

    Of several opinions of one reader on one image the last one counts; of one reader at most
    `most_per_reader` images of a class count, the newest. A reader is an account where
    `one_voice_per_account` is on.
    """

    def voice(one: Opinion) -> str:
        return one.account if config.one_voice_per_account else one.reader

    latest: dict[tuple[str, tuple[object, ...]], Opinion] = {}
    for one in opinions:
        if one.version == version and not one.study:
            key = (voice(one), one.subject)
            latest.pop(key, None)  # so that the order is that of the last opinions
            latest[key] = one
    counted: dict[str, list[Opinion]] = defaultdict(list)
    of_reader: Counter[tuple[str, str]] = Counter()
    for one in reversed(latest.values()):
        of_reader[one.label, voice(one)] += 1
        if of_reader[one.label, voice(one)] <= config.most_per_reader:
            counted[one.label].append(one)
    rates = [_rate(label, found, voice, config.confidence) for label, found in counted.items()]
    return tuple(sorted(rates, key=lambda one: (-one.low, one.label)))


def asking_classes(rates: Sequence[FlagRate], config: FeedbackConfig) -> tuple[FlagRate, ...]:
    """The classes whose rates ask for a retraining.

    A mixture of classes, such as `3*cyst+stone`, asks for none: no training can show it more often.
    """
    return tuple(
        one for one in rates
        if one.flaggers >= config.min_readers and one.low > config.most_flawed
        and CLASS_NAME.fullmatch(one.label)
    )  # fmt: skip


def _rate(
    label: str, found: Sequence[Opinion], voice: Callable[[Opinion], str], confidence: float
) -> FlagRate:
    flawed = [one for one in found if one.flawed]
    low, high = wilson(len(flawed), len(found), confidence, sides=1)
    return FlagRate(
        label=label,
        judged=len(found),
        flawed=len(flawed),
        readers=len(set(map(voice, found))),
        flaggers=len(set(map(voice, flawed))),
        low=low,
        high=high,
        tags=tuple(Counter(tag for one in flawed for tag in one.tags).most_common()),
    )
