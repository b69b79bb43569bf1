"""What an auditor files: a page that stands alone, and a statement of the published form."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.audit_history import make_history
from pipeline.audit.links import Chain, Link
from pipeline.audit.report import write_audit
from pipeline.audit.statement import statement
from pipeline.audit.trace import trace
from pipeline.audit.verify import Findings
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli.main import app

HELD = Findings((Chain("journal", 7, None, ("not signed",)),), ("the registry",))
BROKEN = Findings((Chain("journal", 2, Link("record 3", False, "<b>x</b>", "edited"), ()),), ())
DIGEST = re.compile("[0-9a-f]+")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Project:
    state = tmp_path_factory.mktemp("report") / "state" / "tiny"
    project = Project.load({"MEDLOOM_STATE": str(state)})
    make_history(project, 12, 3, 240)
    return project


def hold_descriptor(one: dict[str, Any]) -> None:
    """Check a ResourceDescriptor of in-toto: at least uri, digest or content; digests in hex."""
    assert {"uri", "digest", "content"} & one.keys()
    fields = {"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}
    assert one.keys() <= fields
    assert all(DIGEST.fullmatch(value) for value in one.get("digest", {}).values())


def test_the_statement_has_the_published_form(history: Project) -> None:
    found = trace(history, "8")
    said = json.loads(json.dumps(statement(found, history.ledger)))
    assert said.keys() == {"_type", "subject", "predicateType", "predicate"}
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    digest = {"sha256": found.weights_sha256}
    assert said["subject"] == [{"name": "generator.safetensors", "digest": digest}]
    assert said["predicate"].keys() == {"buildDefinition", "runDetails"}
    built, ran = said["predicate"]["buildDefinition"], said["predicate"]["runDetails"]
    assert built.keys() == {
        "buildType", "externalParameters", "internalParameters", "resolvedDependencies"
    }  # fmt: skip
    assert ":" in built["buildType"]
    assert built["externalParameters"]["params"]["train"] == {"kimg": 1.0}
    for one in (*built["resolvedDependencies"], *ran["byproducts"]):
        hold_descriptor(one)
    by_name = {one["name"]: one for one in built["resolvedDependencies"]}
    assert by_name["code"]["digest"]["gitCommit"] == found.code.commit
    assert by_name["data"]["digest"]["gitCommit"] == found.data.commit
    assert by_name["data/raw"]["digest"]["md5"] == found.data.listing_md5.removesuffix(".dir")
    assert {"params.yaml", "dvc.lock"} <= by_name.keys()
    assert ":" in ran["builder"]["id"]
    assert ran["metadata"]["invocationId"] == f"run/{found.run_key}@{found.commits[-1].id}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ran["metadata"]["startedOn"])
    assert ran["byproducts"][0]["annotations"]["verdict"]["rules"]


def test_the_invocation_is_the_schedulers_run_where_the_journal_says_it(history: Project) -> None:
    found = trace(history, "8")
    assert found.verdict is not None
    told = found.verdict.model_copy(update={"details": {"dag_run_id": "manual__1"}})
    said = statement(replace(found, verdict=told), history.ledger)
    assert said["predicate"]["runDetails"]["metadata"]["invocationId"] == "manual__1"


def test_the_page_stands_alone_and_says_everything(history: Project, tmp_path: Path) -> None:
    asked: list[str] = []

    def check(number: str) -> Findings:
        asked.append(number)
        return HELD

    files = write_audit(history, "champion", tmp_path / "new" / "audit.html", check)
    found = trace(history, "champion")
    assert asked == [str(found.version)]
    assert files.whole
    page = files.page.read_text()
    assert not re.search(r"<script|<link|https?://|src=", page)
    assert found.verdict is not None
    facts = [found.weights_sha256, found.code.commit, found.data.commit, found.run_key,
             "The record is whole", "Not checked: the registry", *(c.id for c in found.commits),
             *(rule["name"] for rule in found.verdict.verdict["rules"])]  # fmt: skip
    assert [fact for fact in facts if fact not in page] == []
    assert json.loads(files.statement.read_text()) == statement(found, history.ledger)
    assert files.statement == tmp_path / "new" / "audit.intoto.json"


def test_a_broken_record_heads_the_page(history: Project, tmp_path: Path) -> None:
    files = write_audit(history, "2", tmp_path / "audit.html", lambda _: BROKEN)
    page = files.page.read_text()
    assert not files.whole
    assert page.index("The record is broken") < page.index("The gate")
    assert "<b>x</b>" not in page


def test_what_cannot_be_filed_is_said(history: Project, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is a folder"):
        write_audit(history, "2", tmp_path, lambda _: HELD)
    idle = trace_of_an_idle_run(history)
    with pytest.raises(BadInputError, match="has no verdict"):
        write_audit(history, idle, tmp_path / "audit.html", lambda _: HELD)
    assert not list(tmp_path.iterdir())


def trace_of_an_idle_run(history: Project) -> str:
    with pytest.raises(BadInputError) as told:
        trace(history, "999")
    return str(told.value).rsplit(" ", 1)[1]


def test_the_command_checks_and_writes(
    history: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in history.environment().items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "audit.html"
    line = ["audit", "report", "1", "-o", str(out), "--without-registry", "--json"]
    done = CliRunner().invoke(app, line)
    # There are no weights in the remote of a synthetic history, and the check says so.
    assert done.exit_code == 1, done.output
    assert '"whole": false' in done.stdout
    assert "The record is broken" in out.read_text()
