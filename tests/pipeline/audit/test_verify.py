"""`medloom audit verify`: what holds, what an attacker with more than one store can hide."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bench.faults.tamper import FILES, Victim, changed_file
from pipeline.audit.journal_links import journal_links
from pipeline.audit.links import Link, walk
from pipeline.audit.objects import CheckedObjects
from pipeline.audit.trace import trace
from pipeline.audit.verify import Findings, verify
from pipeline.cli import verify as verify_command
from pipeline.feedback.opinions import give
from pipeline.ledger.chain import FEEDBACK, GENESIS, MONITOR
from pipeline.ledger.git import Git
from pipeline.ledger.journal import BRANCH, FORMAT, Journal, Record
from pipeline.ledger.signing import Signer, Verifier, make_key
from pipeline.monitor.history import History
from pipeline.registry.registry import Registry
from tests.pipeline.feedback.test_rules import said
from tests.support.records import chained, changed, put_journal
from tests.support.tiny import Tiny, tiny_project


def no_progress(*_: object) -> None:
    """Report no progress."""


def check(tiny: Tiny, which: str | None = None, *, registry: bool = True) -> Findings:
    assert tiny.project.journal_key is not None
    keys = [Verifier.load(tiny.project.journal_key)]
    return verify(tiny.ledger, tiny.registry if registry else None, which, keys, no_progress)


def test_an_untouched_project_holds(tiny: Tiny) -> None:
    found = check(tiny)
    assert found.whole, found.facts()
    assert found.not_checked == ()
    names = [chain.name for chain in found.chains]
    assert names[:3] == ["ledger", "journal", "aliases"]
    assert [name.split("-")[0] for name in names[3:5]] == ["batch b0001", "batch b0002"]
    assert names[5:] == ["version 1", "version 2"]
    images = [chain.held for chain in found.chains if chain.name.startswith("batch b0001")]
    assert images[0] > 6 * 2


def test_the_registry_lists_its_versions_once(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, run_keys = list[int](), Registry.run_keys

    def counted(self: Registry, since: int = 1) -> dict[int, str]:
        asked.append(since)
        return run_keys(self, since)

    monkeypatch.setattr(Registry, "run_keys", counted)
    assert check(tiny).whole
    assert asked == [1], "however many versions there are; MLflow takes 2 ms for each"


def test_a_version_that_two_runs_made_is_that_of_the_first(tiny: Tiny, tmp_path: Path) -> None:
    uri = tiny.project.mlflow_uri
    with tiny_project(tmp_path, champions=1, name="twice", mlflow_uri=uri) as made:
        first = Journal(made.ledger).records[-1]
        made.add_images(99)
        again = made.learn(1, "rejected")
        assert (again.version, again.run_key != first.run_key) == (first.version, True)
        found = check(made)
        assert found.whole, found.facts()
        assert trace(made.project, str(again.version)).run_key == first.run_key


def test_one_version_brings_its_own_data_only(tiny: Tiny) -> None:
    names = [chain.name for chain in check(tiny, "1", registry=False).chains]
    assert [name.split("-")[0] for name in names] == [
        "ledger", "journal", "batch b0001", "version 1",
    ]  # fmt: skip


def test_without_the_registry_it_says_what_it_did_not_check(tiny: Tiny) -> None:
    find, _ = FILES["weights in the remote"]
    with changed_file(find, lambda content: content[:-1], Victim(tiny.project)):
        found = check(tiny, "champion", registry=False)
    assert [chain.name for chain in found.chains if chain.broken] == ["version 2"]
    assert "registry" in found.not_checked[0]


def test_a_purge_is_accepted_only_of_what_its_record_names(tiny: Tiny) -> None:
    victim = Victim(tiny.project)
    name = victim.objects.listing(victim.listing())
    path, md5 = next((path, md5) for path, md5 in sorted(name.items()) if path.endswith(".png"))
    with removed(tiny.object(md5)):
        assert not check(tiny, registry=False).whole
        for objects, whole in (([], False), ([md5], True)):
            details = {"objects": objects, "images": [path.removesuffix(".png")]}
            with appended(tiny, action="purged", version=None, details=details):
                found = check(tiny, registry=False)
                assert found.whole is whole
        assert any("purged" in note for chain in found.chains for note in chain.notes)


def test_a_picture_that_was_purged_from_the_registry_is_accepted(tiny: Tiny) -> None:
    victim = Victim(tiny.project)
    (md5,) = victim.objects.listing(victim.run.outs()["reports"]).values()
    copy = victim.artifact("run_id", "evaluation/evaluation.json")
    with removed(copy), removed(tiny.object(md5)):
        assert not check(tiny, "2").whole
        with appended(tiny, action="purged", version=None, details={"objects": [md5]}):
            assert check(tiny, "2").whole


@contextmanager
def removed(file: Path) -> Iterator[None]:
    content = file.read_bytes()
    file.unlink()
    yield
    file.write_bytes(content)


@contextmanager
def appended(tiny: Tiny, **facts: Any) -> Iterator[None]:
    """Append one record for the duration of the block."""
    git = Git(Path(tiny.project.ledger))
    head = git.run("rev-parse", f"refs/heads/{BRANCH}")
    assert Journal(tiny.ledger).append(by="a person", reason="asked to", **facts)
    yield
    git.run("update-ref", f"refs/heads/{BRANCH}", head)


def test_a_mirror_that_is_behind_is_a_note(tiny: Tiny) -> None:
    with appended(tiny, action="relabelled", version=None):
        found = check(tiny, "1")
    assert found.whole
    assert any("behind" in note for note in found.chains[1].notes)


def test_the_chain_of_opinions_is_checked_with_the_journal(tiny: Tiny) -> None:
    ledger, ref = tiny.ledger, f"refs/heads/{FEEDBACK}"
    give(ledger, [said("ada", 0)])
    give(ledger, [said("bob", 1)])
    found = check(tiny, "1")
    assert found.whole
    assert found.chains[2].name == "feedback"
    head = str(ledger.head(FEEDBACK))
    first = ledger.read_folder(head, FEEDBACK)["000001.json"].decode()
    altered = {f"{FEEDBACK}/000001.json": first.replace("stone", "cysts")}
    ledger.commit_files(FEEDBACK, head, altered, "altered")
    assert not check(tiny, "1").whole
    Git(Path(tiny.project.ledger)).run("update-ref", "-d", ref)


def test_the_records_of_the_monitor_are_a_chain_like_the_others(tiny: Tiny) -> None:
    ledger = tiny.ledger
    assert History(ledger).add(drift_note="the first")
    found = check(tiny, "1")
    assert found.whole
    assert found.chains[2].name == MONITOR
    head = str(ledger.head(MONITOR))
    first = ledger.read_folder(head, MONITOR)["000001.json"].decode()
    altered = {f"{MONITOR}/000001.json": first.replace("the first", "another")}
    ledger.commit_files(MONITOR, head, altered, "altered")
    assert not check(tiny, "1").whole
    Git(Path(tiny.project.ledger)).run("update-ref", "-d", f"refs/heads/{MONITOR}")


# -- the journal alone -----------------------------------------------------------------------------


def written(count: int, reason: str = "why") -> list[Record]:
    """A forged chain of records in the valid format."""
    records: list[Record] = []
    for number in range(1, count + 1):
        previous = records[-1].sha256 if records else GENESIS
        records.append(
            Record.write(sequence=number, previous=previous, time="t", action="promoted",
                         version=number, by="gate", reason=reason)
        )  # fmt: skip
    return records


def broken(links: Iterator[Link]) -> str:
    chain = walk("journal", links)
    return chain.broken.what if chain.broken else ""


def test_a_chain_written_anew_differs_from_the_mirror() -> None:
    honest, forged = written(3), written(3, "another")
    head = honest[-1].sha256
    assert broken(journal_links(honest, None, {}, (head, "3"))) == ""
    assert "head" in broken(journal_links(forged, None, {}, (head, "3")))
    assert "number of records" in broken(journal_links(honest[:2], None, {}, (head, "3")))
    assert "mirror" in broken(journal_links(honest, None, {}, ("", "")))
    # Ledger and registry rewritten together, and no key: this is what cannot be seen.
    assert broken(journal_links(forged, None, {}, (forged[-1].sha256, "3"))) == ""


def test_a_key_shows_what_a_mirror_cannot(tiny: Tiny, tmp_path: Path) -> None:
    assert tiny.project.journal_key is not None
    verifier = Verifier.load(tiny.project.journal_key)
    keys = {verifier.key_id: verifier}
    signed = Journal(tiny.ledger).records
    forged = written(2, "another")
    assert broken(journal_links(signed, None, keys, None)) == ""
    assert broken(journal_links(forged, None, keys, None)) == "signatures"
    unsigned_tail = [signed[0], forged[1]]
    assert broken(journal_links(unsigned_tail, None, {}, None)) == "signature of record 2"
    edited = [signed[0], Record.read(changed(signed[1].written, version=1))]
    assert broken(journal_links(edited, None, keys, None)) == "signature of record 2"
    stranger = Verifier.load(make_key(tmp_path / "key"))
    strangers = {stranger.key_id: stranger}
    assert broken(journal_links(signed, None, strangers, None)) == "signature of record 1"
    assert broken(journal_links(signed, None, keys | strangers, None)) == ""


def test_a_newer_medloom_s_records_are_checked_and_not_interpreted(tiny: Tiny) -> None:
    git = Git(Path(tiny.project.ledger))
    head = git.run("rev-parse", f"refs/heads/{BRANCH}")
    signer = Signer.of(tiny.project)
    files = [record.written for record in Journal(tiny.ledger).records]
    newer = changed(files[-1], action="retired", format=FORMAT + 1, heir=1)
    put_journal(tiny.ledger, chained([*files, newer], signer))
    try:
        found = check(tiny)
        assert found.whole, found.facts()
        assert "newer medloom" in found.not_checked[0]
        assert "aliases" not in [chain.name for chain in found.chains]
        named = check(tiny, "champion").not_checked
        assert "champion: the journal, which defines it, was written by a newer" in named[1]
    finally:
        git.run("update-ref", f"refs/heads/{BRANCH}", head)


# -- objects ---------------------------------------------------------------------------------------


def test_an_object_of_the_right_md5_must_have_the_right_sha256(tiny: Tiny) -> None:
    victim = Victim(tiny.project)
    objects = CheckedObjects(tiny.project.remote)
    name = victim.run.weights(objects)
    sha = victim.champion.weights_sha256
    assert objects.link(name, "weights", sha).holds
    assert "sha256" in objects.link(name, "weights", "0" * 64).found
    assert "missing" in objects.link("0" * 32, "weights").found


# -- the commands ----------------------------------------------------------------------------------


@pytest.fixture
def app(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    made = typer.Typer()
    verify_command.register(made)
    project = replace(tiny.project, journal_key=None)
    monkeypatch.setattr(verify_command, "existing_project", lambda: project)
    return made


def test_the_command_exits_with_1_when_something_is_broken(tiny: Tiny, app: typer.Typer) -> None:
    public = f"{tiny.project.journal_key}.pub"
    fine = CliRunner().invoke(app, ["verify", "--all", "--public-key", public, "--json"])
    assert fine.exit_code == 0, fine.output
    assert json.loads(fine.stdout)["whole"] is True
    find, _ = FILES["verdict in MLflow"]
    with changed_file(find, lambda _: b"", Victim(tiny.project)):
        found = CliRunner().invoke(app, ["verify", "2"])
    assert found.exit_code == 1
    assert "verdict.json" in found.stdout
    assert "signatures" in found.stdout, "it says what it could not check"


def test_keygen_makes_a_pair_and_says_what_to_do(app: typer.Typer, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["keygen", str(tmp_path / "key")])
    assert done.exit_code == 0
    assert "MEDLOOM_JOURNAL_KEY" in done.stdout
    assert Verifier.load(tmp_path / "key.pub").key_id == Verifier.load(tmp_path / "key").key_id
