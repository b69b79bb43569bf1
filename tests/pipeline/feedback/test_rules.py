"""The rules by which opinions ask for a retraining."""

from typing import Any

from pipeline.base.wilson import wilson
from pipeline.feedback.opinions import Opinion
from pipeline.feedback.rules import FeedbackConfig, asking_classes, flag_rates
from pipeline.ledger.chain import next_record

CONFIG = FeedbackConfig()


def said(reader: str, index: int, *, flawed: bool = True, **more: Any) -> dict[str, Any]:
    tags = ["artefact"] if flawed else []
    facts = {"reader": reader, "version": 1, "label": "stone", "index": index}
    return facts | {"verdict": "flawed" if flawed else "good", "tags": tags} | more


def chain(*facts: dict[str, Any]) -> list[Opinion]:
    records: list[Opinion] = []
    for one in facts:
        records.append(next_record(records, Opinion, None, **one))
    return records


def test_three_readers_who_agree_ask_for_a_retraining() -> None:
    opinions = chain(*(said(reader, n) for reader in "abc" for n in range(6)))
    (rate,) = flag_rates(opinions, 1, CONFIG)
    assert (rate.judged, rate.flawed, rate.readers, rate.flaggers) == (18, 18, 3, 3)
    assert rate.tags == (("artefact", 18),)
    assert asking_classes((rate,), CONFIG) == (rate,)


def test_a_mixture_of_classes_asks_for_nothing() -> None:
    """No training can show it more often: `train.emphasis` names classes."""
    said_of = [said(reader, n, label="3*cyst+stone") for reader in "abc" for n in range(6)]
    (rate,) = flag_rates(chain(*said_of), 1, CONFIG)
    assert rate.flaggers == 3
    assert asking_classes((rate,), CONFIG) == ()


def test_one_hostile_reader_achieves_nothing() -> None:
    hostile = [said("mallory", n) for n in range(500)]
    (rate,) = flag_rates(chain(*hostile), 1, CONFIG)
    assert rate.judged == CONFIG.most_per_reader
    assert asking_classes((rate,), CONFIG) == ()
    # Nor beside readers who find the images good but for one each.
    fair = [said(r, n, flawed=n == 0) for r in "abcd" for n in range(20)]
    (rate,) = flag_rates(chain(*hostile, *fair), 1, CONFIG)
    assert rate.flaggers == 5
    assert asking_classes((rate,), CONFIG) == ()


def test_who_enters_opinions_for_others_is_one_reader_unless_the_project_trusts_it() -> None:
    entered = chain(*(said(reader, n, given_by="mallory") for reader in "abc" for n in range(6)))
    (rate,) = flag_rates(entered, 1, CONFIG)
    assert (rate.judged, rate.readers, rate.flaggers) == (6, 1, 1), "the last word on each image"
    assert asking_classes((rate,), CONFIG) == ()
    trusting = CONFIG.model_copy(update={"one_voice_per_account": False})
    (rate,) = flag_rates(entered, 1, trusting)
    assert (rate.judged, rate.flaggers) == (18, 3)
    assert asking_classes((rate,), trusting) == (rate,)


def test_nobody_changes_what_another_said() -> None:
    spoken = said("ada", 0)
    forged = said("ada", 0, flawed=False, given_by="mallory")
    (rate,) = flag_rates(chain(spoken, forged), 1, CONFIG)
    assert (rate.judged, rate.flawed, rate.readers) == (2, 1, 2)


def test_the_last_word_on_an_image_counts_once() -> None:
    changed = chain(said("a", 0), said("a", 1), said("a", 0, flawed=False))
    (rate,) = flag_rates(changed, 1, CONFIG)
    assert (rate.judged, rate.flawed) == (2, 1)


def test_the_newest_images_of_a_reader_count() -> None:
    opinions = chain(*(said("a", n, flawed=n < 10) for n in range(30)))
    (rate,) = flag_rates(opinions, 1, CONFIG)
    assert (rate.judged, rate.flawed) == (20, 0)


def test_classes_and_versions_are_told_apart() -> None:
    opinions = chain(
        said("a", 0), said("a", 0, label="cyst", flawed=False), said("a", 0, version=2)
    )
    rates = flag_rates(opinions, 1, CONFIG)
    assert [(one.label, one.judged, one.flawed) for one in rates] == [
        ("stone", 1, 1),
        ("cyst", 1, 0),
    ]
    assert flag_rates(opinions, 3, CONFIG) == ()


def test_each_end_of_a_rate_has_the_confidence_of_the_rules() -> None:
    """A rate is compared with its lower end alone."""
    opinions = chain(*(said("a", n, flawed=n < 6) for n in range(20)))
    (rate,) = flag_rates(opinions, 1, CONFIG)
    assert (rate.low, rate.high) == wilson(6, 20, CONFIG.confidence, sides=1)
