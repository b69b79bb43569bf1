"""Which images are still to be measured, told without torch."""

from typing import Any

from pipeline.base.project import Project
from pipeline.feedback.checks import (
    CopyCheck,
    CopyChecks,
    anything_to_check,
    copy_outcomes,
    unmeasured,
)
from pipeline.feedback.opinions import Opinions, give
from pipeline.ledger.chain import COPY_CHECKS
from pipeline.ledger.chain_branch import append_to
from pipeline.ledger.journal import COPY, Journal
from pipeline.ledger.ledger import Ledger

IMAGE: dict[str, Any] = {"version": 3, "weights_sha256": "ab", "label": "stone", "seed": 7,
                         "index": 2, "settings": {"truncation": 0.7}}  # fmt: skip
SAID = IMAGE | {"reader": "ada", "verdict": "flawed", "tags": ["looks-copied"]}
FOUND = IMAGE | {"run_key": "k", "n_train": 72, "correlation": 0.99, "nearest": "c0", "limit": 0.97,
                 "highest": 0.9, "n_held_out": 20}  # fmt: skip


def test_an_image_is_pending_once_until_it_is_measured(project: Project) -> None:
    ledger = Ledger(project)
    assert not anything_to_check(ledger)
    give(ledger, [SAID, SAID | {"reader": "bob"}, SAID | {"tags": ["artefact"], "index": 4}])
    real: dict[str, object] = {
        "image": "c0ffee",
        "version": None,
        "settings": {},
        "weights_sha256": "",
    }
    give(ledger, [SAID | real])
    opinions = Opinions(ledger).records
    assert unmeasured(opinions, []) == [opinions[0]]
    assert anything_to_check(ledger)
    append_to(ledger, COPY_CHECKS, CopyCheck, [FOUND | {"hit": False}], "no copy")
    assert unmeasured(opinions, CopyChecks(ledger).records) == []
    assert not anything_to_check(ledger)


def test_a_hit_is_to_be_done_until_its_version_is_blocked(project: Project) -> None:
    ledger = Ledger(project)
    append_to(ledger, COPY_CHECKS, CopyCheck, [FOUND | {"hit": True}], "a copy")
    assert anything_to_check(ledger)
    record = Journal(ledger).append(
        action="blocked", version=3, weights_sha256="ab", by="copy-check", reason="a copy",
        details={COPY: {"weights_sha256": "ab"}},
    )  # fmt: skip
    assert record
    assert not anything_to_check(ledger)
    assert "the nearest of 20 real images that it never saw has 0.900: it is a copy" in (
        CopyChecks(ledger).records[0].in_words
    )


def test_an_image_of_a_version_whose_data_were_withdrawn_is_pending_no_more(
    project: Project,
) -> None:
    ledger = Ledger(project)
    (opinion, other) = give(ledger, [SAID, SAID | {"version": 4}])
    assert [copy_outcomes(ledger)(one) for one in (opinion, other)] == ["pending", "pending"]
    details = {"images": ["c0"], "versions": [3]}
    withdrawn = {"action": "withdrawn", "version": None, "by": "ada", "reason": "letter 17"}
    assert Journal(ledger).append(**withdrawn, details=details)
    outcome = copy_outcomes(ledger)
    assert [outcome(one) for one in (opinion, other)] == ["cannot be measured", "pending"]
    assert anything_to_check(ledger), "the other version's image can still be measured"
    append_to(ledger, COPY_CHECKS, CopyCheck, [FOUND | {"version": 4, "hit": False}], "no copy")
    assert not anything_to_check(ledger)
