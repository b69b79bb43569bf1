"""`medloom feedback …` on a project with a real generator."""

import csv
import json
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from tests.pipeline.cli.test_main import invoke
from tests.support.generators import register_generator


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("judged")
    project = Project.load({"MEDLOOM_STATE": str(folder / "state" / "tiny")})
    Ledger(project)  # makes the project's folder
    return register_generator(project, folder, ("cyst", "stone"))


def test_what_is_said_is_listed_rated_and_exported(judged: Project, tmp_path: Path) -> None:
    said = ("feedback", "give", "--version", "1", "--label", "stone", "--seed", "7")
    for reader, index in (("Dr Gray", "0"), ("Dr Mixon", "1")):
        told = invoke(judged, *said, "--index", index, "--tag", "wrong-class", "--by", reader)
        assert "1 of version 1 recorded as wrong-class" in told
        assert "all that one account enters counts as one reader's" in " ".join(told.split())
    invoke(judged, *said, "--index", "2", "--index", "3", "--by", "Dr Gray")
    listed = json.loads(invoke(judged, "feedback", "list", "--json"))
    assert [one["index"] for one in listed] == [3, 2, 1, 0]
    readers = {one["reader"] for one in listed}
    assert len(readers) == 2
    assert all(one.startswith("reader-") for one in readers)
    assert "Gray" not in json.dumps(listed)
    assert len({one["given_by"] for one in listed}) == 1
    assert {one["led_to"] for one in listed} == {None}
    (rate,) = json.loads(invoke(judged, "feedback", "rates", "--version", "1", "--json"))
    assert (rate["label"], rate["judged"], rate["flawed"], rate["flaggers"]) == ("stone", 4, 2, 1)
    assert "1 of 1 flagged" in invoke(judged, "feedback", "rates", "--version", "1")
    assert "stone seed 7 no. 3" in invoke(judged, "feedback", "list")
    out = tmp_path / "feedback.csv"
    told = invoke(judged, "feedback", "export", "-o", str(out))
    assert "".join(told.split()) == f"4opinionsin{out}"
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["tags"] for row in rows] == ["wrong-class", "wrong-class", "", ""]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("--label", "tumour"), "version 1: unknown class tumour; this generator has cyst, stone"),
        (("--label", "stone", "--tag", "ugly"), "no tag ugly; known: artefact"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    judged: Project, change: tuple[str, ...], says: str
) -> None:
    with pytest.raises(BadInputError, match=says):
        invoke(judged, "feedback", "give", "--version", "1", "--index", "0", *change)
