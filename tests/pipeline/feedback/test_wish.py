"""From opinions to a planned retraining."""

import json

import pytest
import yaml

from pipeline.base.errors import NothingNewError
from pipeline.feedback import retrainings as module
from pipeline.feedback import wish as wishes
from pipeline.feedback.opinions import Opinions, give
from pipeline.feedback.retrainings import Retraining, asking_now, led_to, retrainings
from pipeline.feedback.rules import FeedbackConfig
from pipeline.feedback.wish import opinions_since, wish_of
from pipeline.flow import feasible, steps
from pipeline.flow.asked import asked_retrainings
from pipeline.ledger.project_params import CHANGES_FILE, params_of_run
from pipeline.ledger.run import ASKED, Opening, openings
from tests.pipeline.feedback.test_rules import said
from tests.support.consenting import Clinic

pytestmark = pytest.mark.usefixtures("dvc_in_process")

CONFIG = FeedbackConfig(min_readers=2)


@pytest.fixture(autouse=True)
def _two_readers_are_enough(clinic: Clinic) -> None:
    clinic.project.params_file.write_text("feedback: {min_readers: 2}\n")


def flag(clinic: Clinic, *readers: str, version: int = 1, label: str = "stone") -> None:
    facts = [said(r, n, version=version, label=label) for r in readers for n in range(6)]
    give(clinic.ledger, facts)


def test_feedback_asks_once_and_its_training_shows_the_class_more_often(clinic: Clinic) -> None:
    project = clinic.project
    with pytest.raises(NothingNewError):
        steps.watch(project)
    flag(clinic, "ada")
    with pytest.raises(NothingNewError):
        steps.watch(project)  # one reader alone asks for nothing
    flag(clinic, "bob")
    assert steps.watch(project) == "feedback on version 1: stone flawed in 12 of 12"
    wish = wish_of(clinic.ledger, CONFIG)
    assert wish is not None
    assert wish.emphasis == {"stone": 1.25}
    planned = steps.plan(project, trigger="asset")
    assert planned.reasons[0] == wish.reason
    params = yaml.safe_load(clinic.ledger.read(planned.code, "params.yaml") or "")
    assert params["train"]["emphasis"] == {"stone": 1.25}
    opened = openings(clinic.ledger)[planned.run.key]
    assert opened.because == ", ".join(planned.reasons)
    assert opened.asked == wish.facts
    # The project's own changes stay what they are, for machines that read them from the ledger.
    assert "emphasis" not in (clinic.ledger.read(planned.code, CHANGES_FILE) or "")
    with pytest.raises(NothingNewError):
        steps.watch(project)  # a run for it is planned


def test_a_training_that_would_be_refused_is_not_asked_for_at_every_look(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = feasible.Infeasible(("the test split has 3 images",), ())
    monkeypatch.setattr(feasible, "infeasible", lambda *_: few)
    assert asked_retrainings(clinic.ledger) == []
    flag(clinic, "ada", "bob")
    told: list[str] = []
    with pytest.raises(NothingNewError):
        steps.watch(clinic.project, told.append)
    assert told == [
        "feedback on version 1: stone flawed in 12 of 12; training was not started:\n"
        "  the test split has 3 images"
    ]
    (asked,) = asked_retrainings(clinic.ledger)
    assert asked.in_words == (
        "feedback on version 1: stone flawed in 12 of 12. A retraining is asked for, and refused "
        "as things are: training was not started: the test split has 3 images"
    )
    assert (asked.outcome, asked.facts()["in_vain"]) == ("asked for, but refused", asked.in_vain)


def test_a_verdict_answers_the_feedback_before_it(clinic: Clinic) -> None:
    flag(clinic, "ada", "bob")
    records = Opinions(clinic.ledger).records
    assert opinions_since(records, "9999") == []
    assert len(opinions_since(records, records[0].time)) == 12


def test_feedback_on_another_version_asks_for_nothing(clinic: Clinic) -> None:
    flag(clinic, "ada", "bob", version=7)
    assert wish_of(clinic.ledger, CONFIG) is None


def test_a_class_without_images_asks_for_nothing(clinic: Clinic) -> None:
    flag(clinic, "ada", "bob", label="withdrawn")
    assert wish_of(clinic.ledger, CONFIG) is None
    flag(clinic, "ada", "bob")
    wish = wish_of(clinic.ledger, CONFIG)
    assert wish is not None
    assert (wish.classes, wish.emphasis) == (("stone",), {"stone": 1.25})


def test_emphasis_grows_from_the_champions_and_has_an_end(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag(clinic, "ada", "bob")
    planned = steps.plan(clinic.project, trigger="asset")
    key = planned.run.key
    record = clinic.journal.append(
        action="promoted", version=2, weights_sha256="w2", run_key=key, data=clinic.data,
        predecessor=1, test_set="t", by="gate", reason="tiny",
    )  # fmt: skip
    assert record is not None
    assert params_of_run(clinic.ledger, key)["train"]["emphasis"] == {"stone": 1.25}  # type: ignore[index]
    flag(clinic, "ada", "bob", version=2)
    monkeypatch.setattr(wishes, "_emphasis_of", lambda *_: {"stone": 1.25, "withdrawn": 2.0})
    for most, expected in ((2.0, 1.5625), (1.3, 1.3)):
        config = CONFIG.model_copy(update={"emphasis_most": most})
        wish = wish_of(clinic.ledger, config)
        assert wish is not None
        assert wish.emphasis == {"stone": expected}


def decided(clinic: Clinic, key: str, action: str, version: int) -> None:
    record = clinic.journal.append(
        action=action, version=version, weights_sha256=f"w{version}", run_key=key,
        data=clinic.data, predecessor=1, test_set="t", by="gate", reason="as it was",
    )  # fmt: skip
    assert record is not None


def test_a_retraining_is_followed_from_the_flags_to_the_verdict(clinic: Clinic) -> None:
    ledger = clinic.ledger
    assert retrainings(ledger, CONFIG) == []
    flag(clinic, "ada", "bob")
    give(ledger, [said("ada", 0, label="cyst", flawed=False)])
    (asked,) = retrainings(ledger, CONFIG)
    assert (asked.outcome, asked.opinions) == ("asked for", (1, 13))
    assert "the scheduler plans it within five minutes" in asked.in_words
    assert asking_now([asked], 1) == ("stone",)
    key = steps.plan(clinic.project, trigger="asset").run.key
    (planned,) = retrainings(ledger, CONFIG)
    assert (planned.run_key, planned.outcome) == (key, f"run {key} planned")
    opinions = Opinions(ledger).records
    assert {led_to(one, [planned]) for one in opinions[:12]} == {planned}
    assert led_to(opinions[12], [planned]) is None, "on a class that asked for nothing"
    decided(clinic, key, "rejected", 2)
    (answered,) = retrainings(ledger, CONFIG)
    assert "Version 2 was trained for it" in answered.in_words
    assert (answered.outcome, asking_now([answered], 1)) == ("version 2 rejected", ())
    give(ledger, [said("ada", 50)])
    later = Opinions(ledger).records[-1]
    assert led_to(later, [answered]) is None, "it came after the plan"
    assert answered.facts()["became"] == 2


def test_a_run_that_failed_is_not_planned_for_ever(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag(clinic, "ada", "bob")
    key = steps.plan(clinic.project, trigger="asset").run.key
    monkeypatch.setattr(module, "endings", lambda *_: {key: "train failed: no room"})
    (ended,) = retrainings(clinic.ledger, CONFIG)
    assert ended.outcome == f"run {key} ended without a verdict"
    assert ended.in_words.endswith("UTC, and ended without a verdict: train failed: no room")
    assert ended.facts()["ended"] == "train failed: no room"
    assert asking_now([ended], 1) == ("stone",), "nothing answered it yet"


def test_the_verdict_on_a_later_run_answers_what_an_ended_one_was_asked_for() -> None:
    told = {"version": 1, "classes": ["stone"], "opinions": [1, 2], "reason": "flawed"}
    run = Opening("a", "c", "d", "2026-01-01T00:00:00+00:00", {ASKED: json.dumps(told)})
    waiting = Retraining.planned_as(run, None)
    answered = Retraining.planned_as(run, None, "run b was planned after it", answered=True)
    assert waiting
    assert answered
    assert (asking_now([waiting], 1), asking_now([answered], 1)) == (("stone",), ())


def test_a_class_that_joins_while_the_training_runs_is_shown_to_ask(clinic: Clinic) -> None:
    flag(clinic, "ada", "bob")
    steps.plan(clinic.project, trigger="asset")
    flag(clinic, "ada", "bob", label="cyst")
    assert [one.outcome.split()[0] for one in retrainings(clinic.ledger, CONFIG)] == [
        "run",
        "asked",
    ]


def at_the_most(clinic: Clinic) -> str:
    """A champion whose class is shown as often as feedback may ask; the key of its run."""
    flag(clinic, "ada", "bob")
    clinic.project.params_file.write_text("feedback: {min_readers: 2, emphasis_most: 1.25}\n")
    key = steps.plan(clinic.project, trigger="asset").run.key
    decided(clinic, key, "promoted", 2)
    flag(clinic, "ada", "bob", version=2)
    return key


def test_what_was_tried_already_is_not_tried_again_and_says_so(clinic: Clinic) -> None:
    at_the_most(clinic)
    with pytest.raises(NothingNewError):
        steps.watch(clinic.project)
    with pytest.raises(NothingNewError, match="as version 2"):
        steps.plan(clinic.project, trigger="asset")
    config = FeedbackConfig(min_readers=2, emphasis_most=1.25)
    assert (
        "as often as feedback.emphasis_most allows"
        in retrainings(clinic.ledger, config)[-1].in_words
    )


def test_watch_starts_no_run_that_the_plan_skips(clinic: Clinic) -> None:
    """One more image is too few for a training by itself; with feedback it is enough."""
    key = at_the_most(clinic)
    clinic.admit("cyst", 20)
    steps.ingest(clinic.project)
    assert steps.watch(clinic.project).startswith("feedback on version 2")
    planned = steps.plan(clinic.project, trigger="asset")
    assert planned.run.key != key
    assert planned.reasons[1:] == ("+1 images",)
    with pytest.raises(NothingNewError):
        steps.watch(clinic.project)


def test_feedback_lowers_no_emphasis_that_the_project_set(clinic: Clinic) -> None:
    clinic.project.params_file.write_text(
        "feedback: {min_readers: 2}\ntrain: {emphasis: {stone: 3.0}}\n"
    )
    decided(clinic, steps.plan(clinic.project, trigger="manual").run.key, "promoted", 2)
    flag(clinic, "ada", "bob", version=2)
    wish = wish_of(clinic.ledger, CONFIG)
    assert wish is not None
    assert (wish.emphasis, wish.new_emphasis) == ({"stone": 3.0}, False)
