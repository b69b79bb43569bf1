"""An image that looks copied is measured; a copy blocks its version, an opinion alone never."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.feedback import copies
from pipeline.feedback.checks import CopyChecks, copy_outcomes, unmeasured
from pipeline.feedback.copies import check_copies
from pipeline.feedback.images import judge_images
from pipeline.feedback.opinions import Opinion, Opinions, give
from pipeline.feedback.tables import opinion_rows
from pipeline.flow import steps
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.registry.generators import Generators
from tests.support.copied import COPIED, copying_project
from tests.support.generators import save_tiny_generator
from tests.support.shown import CLASSES, KINDS, add_version


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions whose block the registry was told of, without a server."""
    found: list[int] = []

    def tell(project: Project, record: Any) -> str:
        found.append(record.details["copy"]["version"])
        return ""

    monkeypatch.setattr(copies, "tell_block", tell)
    return found


def flag(project: Project, index: int = COPIED, tag: str = "looks-copied") -> list[Opinion]:
    return judge_images(
        project, "1", "stone", 7, [index], reader="ada", tags=[tag],
        generators=Generators(project, withheld=True),
    )  # fmt: skip


def test_an_image_that_cannot_be_drawn_holds_back_no_other(tmp_path: Path) -> None:
    project = copying_project(tmp_path)
    with pytest.raises(BadInputError, match=r"number 18446744073709551616 name no image"):
        flag(project, 2**64)
    (real,) = flag(project)
    facts = real.model_dump(exclude={"sequence", "previous", "time", "format", "mac"})
    late = [facts | {"index": 2**64}, facts | {"settings": {"truncation": -1.0}, "index": 1}]
    give(Ledger(project), late)  # as an earlier version took them
    done = check_copies(project)
    assert [check.index for check in done.checks if check.hit] == [COPIED]
    assert [one.index for one, _ in done.never] == [2**64]
    assert done.blocked


def test_weights_that_cannot_be_had_are_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copying_project(tmp_path)
    made = [*flag(project), *flag(project, COPIED + 1)]
    asked = list[object]()

    def gone(_generators: Generators, version: object) -> object:
        asked.append(version)
        raise BadInputError("the remote has no weights")

    monkeypatch.setattr(Generators, "_load", gone)
    done = check_copies(project)
    assert done.left == [(one, "the remote has no weights") for one in made]
    assert len(asked) == 1


def test_a_copy_blocks_its_version_and_its_images_are_not_handed_out(
    tmp_path: Path, told: list[int]
) -> None:
    project = copying_project(tmp_path)
    done = check_copies(project, flag(project))
    (check,) = done.checks
    assert check.hit
    assert check.correlation == pytest.approx(1.0, abs=1e-4)
    assert check.highest < check.limit == 0.97
    assert (check.n_train, check.n_held_out) == (72, 72)
    assert "it is a copy" in check.in_words
    journal = Journal(Ledger(project))
    assert journal.champion is None, "no former champion is there to take its place"
    (record,) = done.blocked
    assert (record.action, record.version, record.predecessor) == ("demoted", None, 1)
    assert record.details["copy"]["index"] == COPIED
    assert told == [1]
    assert "there is none now" in done.consequences[0]
    with pytest.raises(
        BadInputError, match=r"images of version 1 are not handed out: version 1 drew a copy"
    ):
        Generators(project).draw(1, ["stone"], 0)
    assert Generators(project, withheld=True).draw(1, ["stone"], 0).shape == (1, 32, 32)


def test_a_second_look_changes_nothing(tmp_path: Path, told: list[int]) -> None:
    project = copying_project(tmp_path)
    check_copies(project, flag(project))
    again = check_copies(project, flag(project))
    assert [one.hit for one in again.checks] == [True], "what is known is told"
    assert again.blocked == []
    assert len(CopyChecks(Ledger(project)).records) == 1
    assert told == [1]
    other = check_copies(project, flag(project, COPIED + 1))
    assert len(other.checks) == 1, "others of its images can still be measured"


def test_an_image_that_is_no_copy_blocks_nothing_whoever_says_so(tmp_path: Path) -> None:
    project = copying_project(tmp_path, copied=False)
    done = check_copies(project, flag(project))
    (check,) = done.checks
    assert not check.hit
    assert "no copy by this test" in check.in_words
    assert Journal(Ledger(project)).champion is not None
    ledger = Ledger(project)
    rows = opinion_rows(Opinions(ledger).records, copy_outcomes(ledger))
    assert [row["copy?"] for row in rows] == ["no copy"]


def test_another_tag_measures_nothing(tmp_path: Path) -> None:
    project = copying_project(tmp_path)
    assert check_copies(project, flag(project, tag="artefact")).lines == []


def test_a_former_champion_takes_the_place_of_one_that_copies(tmp_path: Path) -> None:
    project = copying_project(tmp_path)
    work = tmp_path / "other"
    sha256 = save_tiny_generator(work / "models", CLASSES, KINDS[:1])
    add_version(project, work, 2, sha256, "promoted")
    done = check_copies(project, flag(project))
    (record,) = done.blocked
    assert (record.action, record.version) == ("blocked", 1), "it was not champion"
    journal = Journal(Ledger(project))
    assert journal.champion
    assert journal.champion.version == 2
    assert journal.previous_champion is None
    assert 1 in journal.blocked
    assert Generators(project).draw(2, ["stone"], 0).shape == (1, 32, 32)


def test_without_the_training_images_it_is_pending_until_watch_finds_them(tmp_path: Path) -> None:
    project = copying_project(tmp_path, here=False)
    done = check_copies(project, flag(project))
    ((opinion, why),) = done.left
    assert "missing from the remote" in why
    ledger = Ledger(project)
    assert unmeasured(Opinions(ledger).records, CopyChecks(ledger).records) == [opinion]
    assert opinion_rows([opinion], copy_outcomes(ledger))[0]["copy?"] == "pending"
    said: list[str] = []
    with pytest.raises(NothingNewError):
        steps.watch(project, said.append)
    assert "version 1, stone seed 7 no. 3: not measured yet" in said[0]
    copying_project(tmp_path / "again")  # the same arrays, in a remote
    elsewhere = Path(tmp_path / "again" / "state" / "shown" / "remote" / "files")
    elsewhere.rename(Path(project.remote) / "found")
    (Path(project.remote) / "files").rename(Path(project.remote) / "before")
    (Path(project.remote) / "found").rename(Path(project.remote) / "files")
    with pytest.raises(NothingNewError):
        steps.watch(project, said.append)
    assert "it is a copy" in said[1]
    assert Journal(ledger).champion is None


def test_after_a_withdrawal_it_is_said_to_be_never_measured_and_watch_is_quiet(
    tmp_path: Path,
) -> None:
    project = copying_project(tmp_path, here=False)
    made = flag(project)
    withdrawn = {"action": "withdrawn", "version": None, "by": "ada", "reason": "letter 17"}
    details = {"images": ["c0"], "versions": [1]}
    assert Journal(Ledger(project)).append(**withdrawn, details=details)
    done = check_copies(project, made)
    ((opinion, why),) = done.never
    assert (opinion, done.left, done.checks) == (made[0], [], [])
    assert "version 1 learned from were withdrawn (record 2 of the journal)" in why
    assert "no. 3: it cannot be measured: images that version 1" in done.lines[0]
    said: list[str] = []
    with pytest.raises(NothingNewError):
        steps.watch(project, said.append)
    assert said == []


def test_a_hit_whose_block_was_killed_is_blocked_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copying_project(tmp_path)
    flag(project)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(copies, "block_copyist", killed)
        with pytest.raises(KeyboardInterrupt):
            check_copies(project)
    ledger = Ledger(project)
    assert [one.hit for one in CopyChecks(ledger).records] == [True]
    assert Journal(ledger).champion is not None
    check_copies(project)
    assert Journal(ledger).champion is None


def test_images_as_alike_as_held_out_ones_are_no_copies(tmp_path: Path) -> None:
    """Where real images of other patients reach a correlation, it proves nothing."""
    from pipeline.evaluation.copy_test import CopyTest
    from pipeline.evaluation.record import EvaluateConfig
    from pipeline.stages.run_arrays import arrays_of_run

    project = copying_project(tmp_path)
    arrays = arrays_of_run(project, "key-1")
    alike = arrays.train.images[:1]
    test = CopyTest.of(arrays, EvaluateConfig())
    assert [one.copy for one in test(alike)] == [True]
    assert [one.nearest for one in test(alike)] == [str(arrays.train.ids[0])]
    leaked = CopyTest(test.training, 0.97, test.held_out * 0 + 1.0)
    assert [one.copy for one in leaked(alike)] == [False]
    assert not list(project.workspaces.rglob("*.npy")), "nothing stays on disk"
