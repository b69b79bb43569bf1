"""Reader studies that showed an image, by the records of their branches (`pipeline.study`)."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from pipeline.audit.history import History
from pipeline.base.errors import BadInputError
from pipeline.ledger.chain import STUDY, STUDY_FOLDER, ChainedRecord, read_chain


@dataclass(frozen=True)
class StudyUse:
    """A reader study that showed some of the images, or is to show them.

    Attributes:
        study: its name.
        planned: number of the images in its plan.
        shown: number of them that a reader looked at.
        readers: pseudonyms of those who did, sorted.
        first, last: time of the first and of the last look, UTC, ISO 8601; "" without one.
    """

    study: str
    planned: int
    shown: int
    readers: tuple[str, ...]
    first: str
    last: str


def study_uses(history: History, images: Set[str]) -> Iterator[StudyUse]:
    """The studies with some of these images, by name.

    Raises:
        BadInputError: a study's chain is broken, so who looked at what is not known.
    """
    for branch in sorted(name for name in history.heads if name.startswith(STUDY)):
        files = history.git.archive(history.heads[branch], STUDY_FOLDER)
        records, broken = read_chain(files, ChainedRecord)
        if broken:
            raise BadInputError(
                f"the study {branch.removeprefix(STUDY)} is broken at {broken.file}: {broken.why}; "
                "`medloom audit verify` says what is affected"
            )
        facts = [one.model_dump() for one in records]
        trials = facts[0].get("plan", {}).get("trials", []) if facts else []
        planned = images & {trial["image"] for trial in trials if trial.get("image")}
        looks = [f for f in facts if f.get("action") == "looked" and f.get("image") in images]
        if planned:
            times = [one["time"] for one in looks]
            yield StudyUse(
                branch.removeprefix(STUDY),
                len(planned),
                len({one["image"] for one in looks}),
                tuple(sorted({one["reader"] for one in looks})),
                min(times, default=""),
                max(times, default=""),
            )
