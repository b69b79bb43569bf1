"""From opinions to a planned retraining."""

import pytest
import yaml

from pipeline.base.errors import NothingNewError
from pipeline.feedback.opinions import Opinions, give
from pipeline.feedback.rules import FeedbackConfig
from pipeline.feedback.wish import opinions_since, wish_of
from pipeline.flow import steps
from pipeline.ledger.project_params import CHANGES_FILE, params_of_run
from tests.pipeline.feedback.test_rules import said
from tests.support.consenting import Clinic

CONFIG = FeedbackConfig(min_readers=2)


@pytest.fixture
def clinic(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    clinic = Clinic.make(tmp_path_factory.mktemp("clinic"))
    clinic.project.params_file.write_text("feedback: {min_readers: 2}\n")
    clinic.judge("promoted")
    # Eight images are too few for a training, which is not the question here.
    monkeypatch.setattr(steps, "require_feasible", lambda *_, **__: ())
    return clinic


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
    # The project's own changes stay what they are, for machines that read them from the ledger.
    assert "emphasis" not in (clinic.ledger.read(planned.code, CHANGES_FILE) or "")
    with pytest.raises(NothingNewError):
        steps.watch(project)  # a run for it is planned


def test_a_verdict_answers_the_feedback_before_it(clinic: Clinic) -> None:
    flag(clinic, "ada", "bob")
    records = Opinions(clinic.ledger).records
    assert opinions_since(records, "9999") == []
    assert len(opinions_since(records, records[0].time)) == 12


def test_feedback_on_another_version_asks_for_nothing(clinic: Clinic) -> None:
    flag(clinic, "ada", "bob", version=7)
    assert wish_of(clinic.ledger, CONFIG) is None


def test_emphasis_grows_from_the_champions_and_has_an_end(clinic: Clinic) -> None:
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
    for most, expected in ((2.0, 1.5625), (1.3, 1.3)):
        config = CONFIG.model_copy(update={"emphasis_most": most})
        wish = wish_of(clinic.ledger, config)
        assert wish is not None
        assert wish.emphasis == {"stone": expected}
