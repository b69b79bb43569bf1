"""Ledgers of earlier versions, read by this one, and what those versions said of them."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.audit.journal_links import journal_links
from pipeline.audit.links import walk
from pipeline.audit.trace import trace
from pipeline.audit.uses import find_uses
from pipeline.audit.verify import verify
from pipeline.base.project import Project
from pipeline.data.decisions import (
    CORRECTED_FILE,
    REJECTED_FILE,
    RELEASED_FILE,
    WITHDRAWN_FILE,
    Corrections,
    Rejected,
    Withdrawn,
    parse_released,
)
from pipeline.data.ingest.quarantine import QUARANTINE_FILE, parse_quarantine
from pipeline.data.manifest import MANIFEST_FOLDER, parse_batch
from pipeline.data.revise.revision import Revisions
from pipeline.feedback.opinions import Opinions, give
from pipeline.ledger.chain import (
    STUDY,
)
from pipeline.ledger.git import Git
from pipeline.ledger.journal import BLOCKED, BRANCH, COPY, FORMAT, Journal, Record
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.signing import Verifier
from pipeline.study.course import Course, Reply
from pipeline.study.ending import close
from pipeline.study.results import results_of
from tests.compat.chains import chain_of, require_said
from tests.support.records import chained, changed, put_journal

HERE = Path(__file__).parent
VERSIONS = sorted(file.parent.name for file in HERE.glob("*/ledger.bundle"))


@dataclass(frozen=True)
class Frozen:
    """A project that an earlier version left behind, brought to life in a folder of its own."""

    version: str
    project: Project
    said: dict[str, Any]
    verifier: Verifier

    @classmethod
    def thaw(cls, version: str, folder: Path) -> "Frozen":
        """Unpack ledger and remote."""
        source = HERE / version
        project = Project.load({"MEDLOOM_STATE": str(folder / "state" / "tiny")})
        project.state.mkdir(parents=True)
        bundle, place = source / "ledger.bundle", project.ledger
        Git(folder).run("clone", "--quiet", "--mirror", str(bundle.resolve()), place)
        with tarfile.open(source / "remote.tar.xz") as tar:
            tar.extractall(project.state, filter="data")
        said = json.loads((source / "expected.json").read_text())
        return cls(version, project, said, Verifier.load(source / "journal.pub"))

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.project)

    @property
    def data(self) -> str:
        return str(self.ledger.head(DATA))

    @property
    def keys(self) -> dict[str, Verifier]:
        return {self.verifier.key_id: self.verifier}

    def list_of(self, file: Path) -> str:
        """A file of the newest data revision, which must be there."""
        text = self.ledger.read(self.data, str(file))
        assert text
        return text

    def decided(self, action: str) -> Record:
        """The newest record of an action."""
        return [record for record in Journal(self.ledger).records if record.action == action][-1]

    def images_of(self, action: str) -> set[str]:
        """The images of all records of an action."""
        records = [one for one in Journal(self.ledger).records if one.action == action]
        return {image for record in records for image in record.details["images"]}


@pytest.fixture(scope="module", params=VERSIONS)
def frozen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    return Frozen.thaw(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(params=VERSIONS)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Frozen:
    """One to write to."""
    return Frozen.thaw(request.param, tmp_path)


# -- the journal -----------------------------------------------------------------------------------


def test_every_record_chains_up_and_every_signature_holds(frozen: Frozen) -> None:
    records = Journal(frozen.ledger).records
    assert [record.action for record in records] == frozen.said["actions"]
    assert all(frozen.verifier.holds(r.signature, r.signed_part) for r in records)
    head, count = frozen.said["mirror"]
    links = walk("journal", journal_links(records, None, frozen.keys, (head, count)))
    assert links.broken is None
    assert records[-1].sha256 == frozen.said["head"]
    assert records[int(count) - 1].sha256 == head, "the mirror may be behind"


def test_the_same_versions_are_what_they_were(frozen: Frozen) -> None:
    journal = Journal(frozen.ledger)
    found = {"champion": journal.champion, "previous": journal.previous_champion,
             "challenger": journal.challenger}  # fmt: skip
    assert {n: r and r.version for n, r in found.items()} == {n: frozen.said[n] for n in found}
    assert sorted(journal.blocked) == frozen.said["blocked"]
    assert sorted(journal.affected) == frozen.said["affected"]


def test_opinions_go_on_where_an_earlier_version_left_them(own: Frozen) -> None:
    before = Opinions(own.ledger).records
    (made,) = give(own.ledger, [{"reader": "r", "version": 1, "label": "cyst", "verdict": "good"}])
    assert Opinions(own.ledger).records == [*before, made]


def test_the_journal_goes_on_where_an_earlier_version_left_it(own: Frozen) -> None:
    before = Journal(own.ledger)
    record = before.append(
        action="rejected", version=99, run_key="k", by="gate", reason="worse", predecessor=None
    )
    assert record
    assert record.format == FORMAT
    after = Journal(own.ledger)
    assert after.records == [*before.records, record]
    assert after.champion == before.champion


def test_a_later_version_s_fields_change_nothing_of_what_is_read(own: Frozen) -> None:
    before = Journal(own.ledger)
    files = [record.written for record in before.records]
    later = changed(files[-1], action="rejected", version=98, colour={"of": ["it", 1.5]})
    put_journal(own.ledger, [*files, chained([*files, later])[-1]])
    after = Journal(own.ledger)
    assert after.records[:-1] == before.records
    assert after.records[-1].model_dump()["colour"] == {"of": ["it", 1.5]}
    assert (after.champion, after.challenger) == (before.champion, before.challenger)


def test_every_opinion_says_what_it_said(frozen: Frozen) -> None:
    opinions = Opinions(frozen.ledger).records
    said = frozen.said.get("opinions", [])
    assert [one.model_dump() | was for one, was in zip(opinions, said, strict=True)] == [
        one.model_dump() for one in opinions
    ]
    assert all(frozen.verifier.holds(one.signature, one.signed_part) for one in opinions)


# -- the chains beside the journal -----------------------------------------------------------------


def test_every_record_of_every_chain_says_what_it_said(frozen: Frozen) -> None:
    for branch, said in frozen.said.get("records", {}).items():
        require_said(chain_of(frozen.ledger, branch), said, frozen.verifier)


def test_a_study_goes_on_where_an_earlier_version_left_it(own: Frozen) -> None:
    for branch in frozen_studies(own):
        name = branch.removeprefix(STUDY)
        course = Course.of(own.project, name, "r-2", "reader")
        before = course.study.records
        says, sure = (("left", 0), ("real", 2))[course.plan.design == "single"]
        sees = course.plan.choices[0] if course.plan.choices else ""
        after = course.answer(course.pending[0], Reply(says, 1.0, sure, sees)).study
        assert after.records[: len(before)] == before
        assert results_of(close(after, by="ada", reason="done"), frozenset()).readers


def frozen_studies(found: Frozen) -> list[str]:
    return [branch for branch in found.said.get("records", {}) if branch.startswith(STUDY)]


def test_a_block_binds_as_it_did(frozen: Frozen) -> None:
    for record in Journal(frozen.ledger).records:
        if record.action == BLOCKED:
            withheld = Journal(frozen.ledger).withheld(record.weights_sha256)
            assert withheld
            assert withheld.sequence == record.sequence
            assert record.details[COPY]["weights_sha256"] == record.weights_sha256
    expected = {"3aaa7a9": 0, "0460353": 0}
    actions = [record.action for record in Journal(frozen.ledger).records]
    assert actions.count(BLOCKED) == expected.get(frozen.version, 1)


# -- data ------------------------------------------------------------------------------------------


def test_every_row_of_the_manifest_is_read(frozen: Frozen) -> None:
    rows = Revisions(frozen.ledger).rows(frozen.data)
    assert [[row.id, row.label, row.group, row.split] for row in rows] == frozen.said["rows"]
    assert all(row.version <= 2 and row.more == () for row in rows)


def test_a_column_more_in_a_manifest_stays_and_disturbs_nothing(frozen: Frozen) -> None:
    for content in frozen.ledger.read_folder(frozen.data, str(MANIFEST_FOLDER)).values():
        head, *lines = content.decode().splitlines()
        later = "\n".join([f"{head},dose", *(f"{line},{n}" for n, line in enumerate(lines))])
        for number, (new, old) in enumerate(
            zip(parse_batch(later), parse_batch(content.decode()), strict=True)
        ):
            assert vars(new) == vars(old) | {"more": (("dose", str(number)),)}


def test_what_persons_decided_still_binds(frozen: Frozen) -> None:
    withdrawn = Withdrawn.parse(frozen.list_of(WITHDRAWN_FILE))
    assert withdrawn.images == set(frozen.decided("withdrawn").details["images"])
    released = parse_released(frozen.list_of(RELEASED_FILE))
    assert released == set(frozen.decided("released").details["images"])
    rejected = Rejected.parse(frozen.list_of(REJECTED_FILE))
    assert rejected.images == frozen.images_of("kept-out")
    corrections = Corrections.parse(frozen.list_of(CORRECTED_FILE))
    assert set(corrections.earlier) == frozen.images_of("relabelled")
    assert withdrawn.text.rstrip() == frozen.list_of(WITHDRAWN_FILE), (
        "written again it is the same list"
    )


def test_the_quarantine_is_read(frozen: Frozen) -> None:
    found = {record.reason for record in parse_quarantine(frozen.list_of(QUARANTINE_FILE))}
    assert found == set(frozen.said["quarantined"])


# -- runs ------------------------------------------------------------------------------------------


def test_every_version_is_traced_to_what_it_was_made_of(frozen: Frozen) -> None:
    for asked, said in frozen.said["trace"].items():
        found = trace(frozen.project, asked)
        simple = ("version", "run_key", "weights_sha256", "trigger", "lock_sha256", "params",
                  "blocked")  # fmt: skip
        assert {n: getattr(found, n) for n in simple} == {n: said[n] for n in simple}
        assert [commit.id for commit in found.commits] == [one["id"] for one in said["commits"]]
        assert [vars(output) for output in found.outputs] == said["outputs"]
        assert (found.data.commit, found.data.images) == (said["data"]["commit"],
                                                          said["data"]["images"])  # fmt: skip
        assert found.code.commit == said["code"]["commit"]
        assert [r.sequence for r in found.decisions] == [r["sequence"] for r in said["decisions"]]
        assert found.missing == ()
        # All runs of before there was a choice began from fresh networks.
        assert (found.ancestors, found.seen_images) == ((), said["data"]["images"])


def test_who_used_an_image_is_answered(frozen: Frozen) -> None:
    (image,) = frozen.decided("withdrawn").details["images"]
    found = find_uses(frozen.project, image)
    assert [one.version for one in found.versions] == frozen.said["affected"]
    assert not any(one.inherited or one.ancestors for one in found.versions)


def test_ledger_and_remote_verify(frozen: Frozen) -> None:
    found = verify(frozen.ledger, None, None, [frozen.verifier], lambda *_: None)
    assert found.whole, [chain.facts() for chain in found.chains if chain.broken]
    assert {chain.name for chain in found.chains} == set(frozen.said["chains"])


def test_a_byte_that_was_changed_since_is_found(own: Frozen) -> None:
    files = [record.written for record in Journal(own.ledger).records]
    files[3] = files[3].replace(b"as an example", b"as no example")
    put_journal(own.ledger, files)
    found = verify(own.ledger, None, None, [own.verifier], lambda *_: None)
    (journal,) = [chain for chain in found.chains if chain.name == BRANCH]
    assert journal.broken
