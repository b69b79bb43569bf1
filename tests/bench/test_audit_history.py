"""Trace and uses on a synthetic history, against answers worked out by brute force."""

import csv
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.audit_history import SyntheticHistory, make_history
from pipeline.audit.trace import trace
from pipeline.audit.uses import Uses, find_uses
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.formats.canonical import image_id
from pipeline.data.names import Pseudonyms
from pipeline.data.revise.revision import Revisions
from pipeline.flow.planning import count_images
from pipeline.ledger.git import Git
from pipeline.ledger.journal import VERDICTS, Journal, champions
from pipeline.ledger.ledger import DATA, Ledger
from tests.support.pictures import encode, picture, put

VERSIONS, REVISIONS, IMAGES = 50, 10, 2000
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, SyntheticHistory]:
    state = tmp_path_factory.mktemp("scale") / "state" / "scale"
    project = Project.load({"MEDLOOM_STATE": str(state)})
    return project, make_history(project, VERSIONS, REVISIONS, IMAGES)


@pytest.fixture(scope="module")
def listings(scale: tuple[Project, SyntheticHistory]) -> tuple[dict[str, Rows], dict[str, Rows]]:
    """Every row of every data commit, and of every run's head, read one by one."""
    ledger = Ledger(scale[0])
    commits = ledger.mirror.run("ls-remote", ledger.url).splitlines()
    heads = {line.split("\t")[1].removeprefix("refs/heads/"): line.split()[0] for line in commits}
    ledger.head(DATA)
    for name in heads:
        ledger.head(name)
    history = ledger.mirror.run("rev-list", "--reverse", heads[DATA]).split()
    runs = {n.removeprefix("run/"): c for n, c in heads.items() if n.startswith("run/")}
    return (
        {commit: list(_rows(ledger, commit)) for commit in history},
        {key: list(_rows(ledger, commit)) for key, commit in runs.items()},
    )


def _rows(ledger: Ledger, commit: str) -> Iterator[dict[str, str]]:
    for content in ledger.read_folder(commit, "data/manifest").values():
        yield from csv.DictReader(io.StringIO(content.decode()))


def _count(rows: Rows, match: dict[str, str]) -> dict[str, int]:
    splits = [row["split"] for row in rows if all(row[k] == v for k, v in match.items())]
    return {split: splits.count(split) for split in set(splits)}


def _hold(found: Uses, project: Project, listings: Any, match: dict[str, str]) -> None:
    """The answer is the one that reading everything gives."""
    revisions, runs = listings
    expected = {c: n for c, rows in revisions.items() if (n := _count(rows, match))}
    assert {use.data: use.images for use in found.revisions} == expected
    expected = {key: n for key, rows in runs.items() if (n := _count(rows, match))}
    assert {use.run_key: use.images for use in found.versions} == expected
    records = Journal(Ledger(project)).records
    versions = {r.run_key: r.version for r in records if r.action in VERDICTS}
    assert {u.run_key: u.version for u in found.versions} == {k: versions.get(k) for k in expected}
    tenures = champions(records)
    for use in found.versions:
        held = [(since, until) for version, since, until in tenures if version == use.version]
        assert [(t.since, t.until) for t in use.champion] == held


def test_uses_are_what_brute_force_finds(
    scale: tuple[Project, SyntheticHistory], listings: Any
) -> None:
    project, made = scale
    assert made.withdrawn
    for image in (*made.images[:3], *made.withdrawn):
        _hold(find_uses(project, image), project, listings, {"id": image})
    for patient in made.patients[:6]:
        group = Pseudonyms.load(project.patient_key).patient(patient)
        _hold(find_uses(project, patient), project, listings, {"group": group})
        _hold(find_uses(project, group), project, listings, {"group": group})
    row = next(iter(listings[0].values()))[0]
    for name in ("sha256", "source_sha256"):
        _hold(find_uses(project, row[name]), project, listings, {name: row[name]})
        _hold(find_uses(project, row[name][:11]), project, listings, {name: row[name]})


def test_every_image_ever_has_its_newest_row(
    scale: tuple[Project, SyntheticHistory], listings: Any
) -> None:
    expected = {row["id"]: row["label"] for rows in listings[0].values() for row in rows}
    found = Revisions(Ledger(scale[0])).ever()
    assert {id_: row.label for id_, row in found.items()} == expected
    assert set(scale[1].withdrawn) <= set(found)


def test_reading_data_takes_as_many_calls_of_git_for_many_batches(
    scale: tuple[Project, SyntheticHistory], monkeypatch: pytest.MonkeyPatch, project: Project
) -> None:
    make_history(project, 1, 2, 40)
    calls, run = list[str](), Git._git

    def counted(self: Git, *arguments: str, **options: Any) -> Any:
        calls.append(arguments[0])
        return run(self, *arguments, **options)

    def calls_for(ledger: Ledger) -> list[str]:
        revisions, data = Revisions(ledger), str(ledger.head(DATA))
        calls.clear()
        assert count_images(ledger, data) == len(revisions.rows(data))
        revisions.decisions("withdrawn")
        return list(calls)

    monkeypatch.setattr(Git, "_git", counted)
    assert calls_for(Ledger(project)) == calls_for(Ledger(scale[0]))


def test_a_run_that_was_not_judged_learned_nothing(
    scale: tuple[Project, SyntheticHistory],
) -> None:
    project, made = scale
    idle = [use for use in find_uses(project, made.images[0]).versions if use.version is None]
    assert [use.trained for use in idle] == [False]
    found = trace(project, f"run/{idle[0].run_key}")
    assert found.version is None
    assert found.verdict is None
    assert "has no verdict" in found.missing[0]


def test_nobody_used_what_nobody_has(scale: tuple[Project, SyntheticHistory]) -> None:
    for asked in ("0" * 64, "deadbeef", "no such patient", "patient-000000000000"):
        found = find_uses(scale[0], asked)
        assert (found.revisions, found.versions, found.images) == ((), (), ())
    assert "no such patient" not in str(find_uses(scale[0], "no such patient"))


def test_a_withdrawn_image_stays_on_the_books(scale: tuple[Project, SyntheticHistory]) -> None:
    found = find_uses(scale[0], scale[1].withdrawn[0])
    assert found.revisions
    assert found.revisions[-1].number < REVISIONS


def test_a_trace_is_what_was_recorded(
    scale: tuple[Project, SyntheticHistory], listings: Any
) -> None:
    project, _ = scale
    journal = Journal(Ledger(project))
    for number in (1, 4, VERSIONS):
        found = trace(project, str(number))
        record = next(r for r in journal.records if r.version == number and r.action in VERDICTS)
        assert found.verdict == record
        assert (found.run_key, found.data.commit) == (record.run_key, record.data)
        rows = listings[0][record.data]
        assert found.data.images == len(rows)
        assert found.data.groups == len({row["group"] for row in rows})
        for split in ("train", "val", "test"):
            images = sum(count.images for count in found.data.counts if count.split == split)
            assert images == sum(row["split"] == split for row in rows)
        assert [out.stage for out in found.outputs] == ["preprocess", "train", "evaluate"]
        assert [c.subject.split()[0] for c in found.commits] == [
            "run", "preprocess", "train", "evaluate"
        ]  # fmt: skip
        assert found.code.upstream == "ab" * 20
        assert found.code.dirty is False
        assert found.params["train"] == {"kimg": 1.0}
        assert found.environment["torch (locked)"] == "2.14.1"
        assert not found.missing
    champion = trace(project, "champion")
    assert journal.champion is not None
    assert champion.version == journal.champion.version
    assert "champion" in champion.aliases
    assert champion.champion[-1][1] is None


def test_unknown_versions_teach(scale: tuple[Project, SyntheticHistory]) -> None:
    for asked in ("999", "best", "f" * 16):
        with pytest.raises(BadInputError, match="runs without a verdict"):
            trace(scale[0], asked)
    with pytest.raises(BadInputError, match="999 has no verdict in the journal"):
        trace(scale[0], "999")


def test_the_commands_need_no_registry(scale: tuple[Project, SyntheticHistory]) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from pipeline.cli.main import app\n"
        "for line in (['trace', 'champion'], ['trace', '2', '--json'], ['uses', sys.argv[1]]):\n"
        "    done = CliRunner().invoke(app, ['audit', *line])\n"
        "    assert done.exit_code == 0, (line, done.output, done.exception)\n"
        "    assert 'version' in done.output\n"
        "assert 'mlflow' not in sys.modules and 'torch' not in sys.modules\n"
    )
    environment = {**os.environ, **scale[0].environment()}
    command = [sys.executable, "-c", code, scale[1].images[0]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_question_is_put_to_the_ledger_as_it_is(project: Project, tmp_path: Path) -> None:
    made = make_history(project, 4, 2, 80)
    ledger = Ledger(project)
    before = find_uses(project, made.images[0])
    head = ledger.head(DATA)
    text = ledger.read(str(head), "data/manifest/0000-batch.csv")
    assert text is not None
    kept = [line for line in text.splitlines() if not line.startswith(made.images[0])]
    files = {"data/manifest/0000-batch.csv": "\n".join(kept) + "\n"}
    ledger.commit_files(DATA, head, files, "data: withdrawn")
    assert len(find_uses(project, made.images[0]).revisions) == len(before.revisions)
    assert len(find_uses(project, made.images[1]).revisions) == len(before.revisions) + 1
    key, version = next((u.run_key, u.version) for u in before.versions if u.version)
    ledger.mirror.run("push", "--quiet", ledger.url, f":refs/heads/run/{key}")
    gone = find_uses(project, made.images[0])
    assert version in [use.version for use in gone.versions]
    assert f"the branch run/{key} is gone" in " ".join(trace(project, str(version)).missing)


def test_a_ledger_elsewhere_is_fetched_once(project: Project) -> None:
    made = make_history(project, 4, 2, 80)
    here = find_uses(project, made.images[0])
    there = replace(project, ledger=f"file://{project.ledger}", cache=project.state / "other")
    assert find_uses(there, made.images[0]) == here
    assert trace(there, "1").data == trace(project, "1").data


def test_a_prefix_of_two_images_is_told(project: Project) -> None:
    header = "id,sha256,source_sha256,batch,label,group,split,view,width,height,bits,version\n"
    ids = ["abcdef01" + end * 56 for end in "12"]
    rows = [f"{i},{'1' * 64},{'2' * 64},b,stone,g{i[-1]},train,axial,9,9,8,1\n" for i in ids]
    ledger = Ledger(project)
    ledger.commit_files(DATA, None, {"data/manifest/b.csv": header + "".join(rows)}, "data")
    with pytest.raises(BadInputError, match="give more digits") as told:
        find_uses(project, "abcdef01")
    assert all(image in str(told.value) for image in ids)
    assert find_uses(project, "abcdef012").images == (ids[1],)
    assert find_uses(project, "g1").kind == "group"
    assert len(find_uses(project, "1" * 64).images) == 2


def test_an_image_file_is_known_by_its_pixels_and_by_its_bytes(
    project: Project, tmp_path: Path
) -> None:
    pixels = picture(1)
    png, bmp = encode(pixels), encode(pixels, "BMP")
    header = "id,sha256,source_sha256,batch,label,group,split,view,width,height,bits,version\n"
    source = hashlib.sha256(png).hexdigest()
    row = f"{image_id(pixels)},{'1' * 64},{source},b,stone,g1,val,axial,48,48,8,1\n"
    other = f"{'a' * 64},{'2' * 64},{'3' * 64},b,stone,g2,train,axial,48,48,8,1\n"
    ledger = Ledger(project)
    ledger.commit_files(DATA, None, {"data/manifest/b.csv": header + row + other}, "data")
    for name, data in (("one.png", png), ("same-pixels.bmp", bmp)):
        found = find_uses(project, str(put(tmp_path / name, data)))
        assert (found.kind, found.images) == ("file", (image_id(pixels),))
        assert found.revisions[0].images == {"val": 1}
        assert name not in str(found)
    assert find_uses(project, str(put(tmp_path / "x.png", encode(picture(2))))).images == ()
    with pytest.raises(BadInputError, match="not-an-image"):
        find_uses(project, str(put(tmp_path / "notes.txt", b"some text")))
