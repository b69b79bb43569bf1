"""The answers of a study beside the truth."""

from dataclasses import dataclass

from pipeline.study.plan import SYNTHETIC, order_of
from pipeline.study.records import MOST_SURE, Study


@dataclass(frozen=True)
class Answer:
    """One answer with the truth.

    Attributes:
        reader: pseudonym.
        place: in the reader's order, from 0.
        trial: its number in the plan.
        label: class of the trial's images.
        image: id of the real image, or "".
        index: of the synthetic image, or None.
        truth, says: one of `Plan.answers` each.
        confidence: 1 to 4, or 0.
        sees: class that the reader sees, or "".
        seconds: from the look to the answer.
        time: of the record, UTC.
    """

    reader: str
    place: int
    trial: int
    label: str
    image: str
    index: int | None
    truth: str
    says: str
    confidence: int
    sees: str
    seconds: float
    time: str

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.says == self.truth

    @property
    def grade(self) -> int:
        """1, surely real, to 8, surely synthetic; of the design `single`."""
        sure = self.confidence
        return MOST_SURE + sure if self.says == SYNTHETIC else MOST_SURE + 1 - sure


def answers_of(study: Study) -> list[Answer]:
    """All answers with the truth, by reader, each reader's in their order."""
    plan, found = study.plan, list[Answer]()
    for reader in study.readers:
        for place, trial in enumerate(order_of(plan, reader)):
            said = study.answers.get((reader, trial))
            if said is None:
                continue
            asked = plan.trials[trial]
            found.append(
                Answer(
                    reader,
                    place,
                    trial,
                    asked.label,
                    asked.image,
                    asked.index,
                    asked.truth,
                    said.says,
                    said.confidence,
                    said.sees,
                    said.seconds,
                    said.time,
                )
            )
    return found
