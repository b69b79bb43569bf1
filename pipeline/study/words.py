"""Results in words, the same on the command line and in the app."""

from pipeline.study.equivalence import Verdict, answers_for, answers_to_decide, half_width
from pipeline.study.plan import CHANCE, DESIGNS, Plan
from pipeline.study.results import LEAST_READERS, Results
from pipeline.study.statistics import Interval, Share


def share_in_words(share: Share) -> str:
    """Such as 0.55 [0.40, 0.69], 22 of 40."""
    if not share.count:
        return "no answers"
    return f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}], {share.hits} of {share.count}"


def interval_in_words(found: Interval | None, digits: int = 2) -> str:
    """Such as 0.31 [-0.22, 0.84]; a dash for None."""
    if found is None:
        return "–"
    value, low, high = (round(n, digits) + 0.0 for n in (found.value, found.low, found.high))
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"  # and no -0.00


def verdict_in_words(found: Verdict, margin: float) -> str:
    """What was found, against which margin, and what is lacking."""
    if found.word == "equivalent":
        return f"equivalent: the accuracy is within {margin:.2f} of chance"
    if found.word == "told apart":
        return "told apart: the accuracy differs from chance"
    if found.more is None:
        return "undecided: it would take more answers than a study can have"
    return f"undecided: about {found.more} more answers needed, if the accuracy stays as it is"


def pooled_in_words(results: Results) -> str:
    """The accuracy over readers, or why there is none."""
    found = results.pooled
    if found is None:
        begun = sum(bool(one.answered) for one in results.readers)
        return (
            f"Over readers: {begun} answered, and with fewer than {LEAST_READERS} no pooled "
            "interval is given."
        )
    return (
        f"Over {found.readers} readers, {found.answers} answers: accuracy "
        f"{interval_in_words(found.accuracy)}; {verdict_in_words(found.verdict, results.margin)}."
    )


def size_in_words(plan: Plan) -> str:
    """What so many trials can show, and how many would show more."""
    count, margin = len(plan.trials), plan.margin
    needed = answers_to_decide(CHANCE, margin)
    return (
        f"{count} trials give a reader's accuracy to about ±{100 * half_width(count):.0f} points "
        f"(95 %); {answers_for(0.1)} give ±10. To show that readers at chance are within "
        f"{CHANCE - margin:.2f} to {CHANCE + margin:.2f} takes {needed} answers "
        "(80 % power)."
    )


def plan_in_words(plan: Plan) -> str:
    """What is shown to each reader."""
    asked = " Readers are asked which class they see." if plan.choices else ""
    return (
        f"{len(plan.trials)} trials of {', '.join(plan.classes)}; {DESIGNS[plan.design]} They show "
        f"{sum(bool(one.image) for one in plan.trials)} held-out images of {plan.patients} "
        f"patients or groups, and {len(plan.drawn_labels)} synthetic ones of version "
        f"{plan.version}.{asked}"
    )


def state_in_words(results: Results) -> str:
    """How the study ended, or how far it is, and who saw results before its end."""
    early = "; ".join(one.in_words for one in results.early)
    worth = "The verdict is worth less, since results were seen before the end: " if early else ""
    return f"The study is {results.state}.{f' {worth}{early}.' if early else ''}"


def gone_in_words(results: Results) -> str:
    """How many trials are shown no more, and why."""
    return (
        f"{results.gone} of {results.trials} trials are not shown any more: their real image was "
        "withdrawn, or has another class now."
    )
