"""What people said as rows of tables, for the command line and the app."""

from collections.abc import Callable, Collection, Iterable, Sequence

from pipeline.feedback.opinions import Opinion
from pipeline.feedback.retrainings import Retraining, led_to
from pipeline.feedback.rules import FlagRate

Row = dict[str, str]


def rate_rows(rates: Sequence[FlagRate], asking: Collection[str]) -> list[Row]:
    """How often each class was found flawed, and what that asks for.

    Args:
        rates: of the classes of a version.
        asking: the classes that ask for a retraining now.
    """
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
    opinions: Iterable[Opinion],
    outcome: Callable[[Opinion], str],
    asked: Sequence[Retraining] = (),
) -> list[Row]:
    """What readers said, each opinion with what came of it.

    Args:
        opinions: in the order of the rows.
        outcome: what was measured of an opinion's image, in a word or two.
        asked: the retrainings that feedback asked for.
    """
    return [
        {
            "time (UTC)": one.time[:16].replace("T", " "),
            "version": str(one.version or "real"),
            "image": one.image[:12] or f"{one.label} seed {one.seed} no. {one.index}",
            "said": ", ".join(one.tags) or "good",
            "copy?": outcome(one),
            "led to": retraining.outcome if (retraining := led_to(one, asked)) else "",
            "reader": one.reader,
            "note": one.note,
        }
        for one in opinions
    ]
