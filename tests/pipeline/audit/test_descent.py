"""A version that went on from another: trace, uses, check, withdrawal and purge know it."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from pipeline.audit.answers import trace_json, trace_tree, uses_table
from pipeline.audit.descent_links import descent_links, line_of
from pipeline.audit.links import Chain, walk
from pipeline.audit.objects import CheckedObjects
from pipeline.audit.run_links import RunFiles, branch_links
from pipeline.audit.statement import statement
from pipeline.audit.trace import trace
from pipeline.audit.uses import find_uses
from pipeline.audit.version_links import tag_links
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.base.start import FRESH, NETWORKS, ORIGIN_FILE
from pipeline.data.decisions import WITHDRAWN_FILE, Withdrawn
from pipeline.data.revise.affected import affected_runs, runs_holding
from pipeline.data.revise.purging import purge
from pipeline.data.revise.revision import Revisions, require_consent, withdrawn_since
from pipeline.ledger.journal import Record
from pipeline.registry.lineage import descent_tags
from tests.support.runs import HandMade, row

ONE, TWO = b"networks of one", b"networks of two"
GONE = row(0).id


class Family(HandMade):
    """Version 1 of images 0 to 5, 2 that goes on from it, 3 from 2, and 4 that began fresh.

    The data of 2, 3 and 4 lack image 0. No plan makes such a line after a withdrawal; it shows what
    comes by descent alone.
    """

    def grow(self) -> tuple[Record, Record, Record, Record]:
        self.code()
        self.data(range(6))
        first = self.learn(ONE)
        self.data(range(1, 6))
        second = self.learn(TWO, self.networks_of(first, ONE))
        third = self.learn(b"networks of three", self.networks_of(second, TWO))
        self.data(range(1, 8))
        return first, second, third, self.learn(b"networks of four")

    def check(self, record: Record) -> Chain:
        line = line_of(self.ledger, RunFiles(self.ledger, record.run_key))
        objects = CheckedObjects(self.project.remote)
        return walk("line", descent_links(line, self.journal.records, objects))


@pytest.fixture
def family(project: Project) -> Family:
    return Family(project)


def printed(what: Any) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(what)
    return console.export_text()


def test_trace_names_the_line_and_what_all_of_it_learned_from(family: Family) -> None:
    family.grow()
    found = trace(family.project, "3")
    assert [one.version for one in found.ancestors] == [2, 1]
    assert [one.data.images for one in found.ancestors] == [5, 6]
    assert (found.data.images, found.seen_images) == (5, 6)
    text = printed(trace_tree(found))
    assert "descends from version 2, version 1" in text
    assert "6 different images in the data of all of them and its own" in text
    assert json.loads(json.dumps(trace_json(found)))["ancestors"][1]["data"]["images"] == 6
    told = statement(found, family.project.ledger)
    parts = told["predicate"]["buildDefinition"]["resolvedDependencies"]
    named = {part["name"]: part for part in parts}
    assert named[NETWORKS.name]["annotations"]["version"] == 2
    assert named["data of version 1"]["annotations"] == {"images": 6, "groups": 6}
    fresh = trace(family.project, "4")
    assert "began from fresh networks" in printed(trace_tree(fresh))
    assert NETWORKS.name not in json.dumps(statement(fresh, family.project.ledger))


def test_an_image_that_an_ancestor_saw_is_one_that_its_descendants_saw(family: Family) -> None:
    family.grow()
    uses = find_uses(family.project, GONE)
    assert {use.version: (use.images, use.inherited, use.ancestors) for use in uses.versions} == {
        1: ({"train": 1}, {}, ()),
        2: ({}, {"train": 1}, (1,)),
        3: ({}, {"train": 1}, (1,)),
    }
    text = printed(uses_table(uses, everything=True))
    assert "descends from a version that used it" in text
    assert "through version" in text
    assert "2-3" in text


def test_a_withdrawal_reaches_descendants(family: Family) -> None:
    first, second, third, fourth = family.grow()
    ledger, revisions = family.ledger, Revisions(family.ledger)
    line = {record.run_key for record in (first, second, third)}
    assert affected_runs(ledger, revisions, {GONE}).keys() == line
    assert runs_holding(ledger, revisions, {GONE}).keys() == {first.run_key}
    require_consent(ledger, third.run_key)
    text = Withdrawn(images=frozenset({GONE})).text
    family.data(range(1, 8), {str(WITHDRAWN_FILE): text})
    assert withdrawn_since(ledger, third.run_key) == {GONE}
    with pytest.raises(BadInputError, match="whose consent was withdrawn since"):
        require_consent(ledger, third.run_key)
    require_consent(ledger, fourth.run_key)


class NoArtifacts:
    def run_artifacts_named(self, run_key: str, names: object) -> list[str]:
        return [f"{run_key}/report.html"]

    def delete_artifact(self, artifact: str) -> None:
        raise AssertionError(artifact)


def test_a_purge_takes_the_networks_of_descendants_and_the_pictures_of_none(
    family: Family,
) -> None:
    first, second, third, _ = family.grow()
    plan = purge(family.project, NoArtifacts(), {GONE}, by="me", reason="letter", dry_run=True)
    assert set(plan.runs) == {first.run_key, second.run_key, third.run_key}
    assert plan.showing == (first.run_key,)
    assert plan.artifacts == (f"{first.run_key}/report.html",)
    contents = {family.place_of(md5).read_bytes() for md5 in plan.objects}
    theirs = {ONE, TWO, b"networks of three"}
    assert contents == theirs | {networks + b" beside" for networks in theirs}


def test_the_check_follows_the_line(family: Family) -> None:
    _, _, third, fourth = family.grow()
    chain = family.check(third)
    assert (chain.broken, chain.held > 10) == (None, True)
    assert family.check(fourth).held == 0
    networks = family.place_of(family.run(third).start.md5)
    networks.write_bytes(b"others")
    broken = family.check(third).broken
    assert broken is not None
    assert broken.what.endswith(f"from version 2: {NETWORKS.name}")


def test_a_start_that_no_version_has_is_found(family: Family) -> None:
    first, *_ = family.grow()
    start = replace(family.networks_of(first, ONE), version=9)
    forged = family.learn(b"more", start)
    broken = family.check(forged).broken
    assert broken is not None
    assert "its version against the journal" in broken.what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            FRESH.files()[str(ORIGIN_FILE)],
            "against the key of its code, data, parameters and start",
        ),
        ("{", "what it began from"),
    ],
)
def test_a_branch_that_hides_its_start_is_found(family: Family, text: str, what: str) -> None:
    _, second, *_ = family.grow()
    head, branch = family.run(second).head, f"run/{second.run_key}"
    family.ledger.commit_files(branch, head, {str(ORIGIN_FILE): text}, "another start")
    found = walk("branch", branch_links(RunFiles(family.ledger, second.run_key))).broken
    assert found is not None
    assert what in found.what


def test_the_tags_of_a_version_name_what_it_descends_from(family: Family) -> None:
    first, second, *_ = family.grow()
    run = RunFiles(family.ledger, second.run_key)
    said = descent_tags(run.start)
    assert said == {
        "medloom.descends_from": "1", "medloom.descends_from_run": first.run_key,
    }  # fmt: skip
    links = {link.what: link.holds for link in tag_links(run, said, "w2")}
    assert links["tag medloom.descends_from against the ledger"]
    lost = {link.what: link.holds for link in tag_links(run, {}, "w2")}
    assert not lost["tag medloom.descends_from against the ledger"]
    # Versions of before have no such tags.
    early = RunFiles(family.ledger, first.run_key)
    assert not [link for link in tag_links(early, {}, "w1") if "descends" in link.what]
