"""What people said as rows of tables, for the command line and the app."""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.data.flaws import LOOKS_COPIED
from pipeline.feedback.checks import CopyCheck
from pipeline.feedback.opinions import Opinion
from pipeline.feedback.rules import FeedbackConfig, FlagRate, asking_classes

Row = dict[str, str]


def rate_rows(rates: Sequence[FlagRate], config: FeedbackConfig) -> list[Row]:
    """How often each class was found flawed, and what that asks for."""
    asking = {one.label for one in asking_classes(rates, config)}
    return [
        {
            "class": one.label,
            "flawed": f"{one.flawed} of {one.judged}",
            "share": f"{one.rate:.2f} [{one.low:.2f}, {one.high:.2f}]",
            "readers": f"{one.flaggers} of {one.readers} flagged",
            "most often": one.tags[0][0] if one.tags else "",
            "asks for": "a retraining" if one.label in asking else "nothing",
        }
        for one in rates
    ]


def opinion_rows(
    opinions: Iterable[Opinion], checks: Mapping[tuple[object, ...], CopyCheck]
) -> list[Row]:
    """What readers said, each opinion with what was measured of an image that looks copied."""
    return [
        {
            "time (UTC)": one.time[:16].replace("T", " "),
            "version": str(one.version or "real"),
            "image": one.image[:12] or f"{one.label} seed {one.seed} no. {one.index}",
            "said": ", ".join(one.tags) or "good",
            "copy?": copy_outcome(one, checks),
            "reader": one.reader,
            "note": one.note,
        }
        for one in opinions
    ]


def copy_outcome(one: Opinion, checks: Mapping[tuple[object, ...], CopyCheck]) -> str:
    """What was measured, in a word; "" if the reader did not say that the image looks copied."""
    if one.version is None or LOOKS_COPIED not in one.tags:
        return ""
    found = checks.get(one.subject)
    return "pending" if found is None else "a copy" if found.hit else "no copy"
