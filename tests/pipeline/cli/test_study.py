"""`medloom study …` on a project with held-out images."""

import csv
import json
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.study.course import Course, Reply
from tests.pipeline.cli.test_main import invoke
from tests.support.studied import studied_project


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return studied_project(tmp_path_factory.mktemp("studied"))


def take_part(project: Project, name: str, reader: str, reply: Reply) -> None:
    course = Course.of(project, name, reader, "reader").look()
    while not course.over:
        course = course.answer(course.pending[0], reply)


def test_a_study_from_its_plan_to_its_figures(studied: Project, tmp_path: Path) -> None:
    assert "there is no study yet" in invoke(studied, "study", "list")
    told = invoke(studied, "study", "create", "first", "--trials", "10", "--design", "single",
                  "--classes", "cyst,stone", "--ask-class", "--readers", "3")  # fmt: skip
    told = " ".join(told.split())
    assert "10 trials" in told
    assert "97 give ±10" in told
    assert "215 answers (80 % power)" in told
    assert "nobody has looked at it yet" in invoke(studied, "study", "results", "first", "--early")
    for number in range(3):
        take_part(studied, "first", f"reader-{number}", Reply("real", 3.0, 2, "normal"))
    (listed,) = json.loads(invoke(studied, "study", "list", "--json"))
    assert (listed["study"], listed["readers"], listed["answers"]) == ("first", 3, 30)
    shown = invoke(studied, "study", "results", "first")
    assert "complete with 3 readers, as planned" in " ".join(shown.split())
    assert "Over 3 readers, 30 answers: accuracy 0.50" in shown
    assert "undecided: about" in shown
    assert "class that was seen, synthetic images" in shown
    found = json.loads(invoke(studied, "study", "results", "first", "--json"))
    assert [one["accuracy"]["hits"] for one in found["readers"]] == [5, 5, 5]
    assert found["readers"][0]["ranking"]["value"] == 0.5
    assert found["confusion"]["real"]["cyst"]["normal"] > 0
    out = tmp_path / "answers.csv"
    assert "30 answers in" in " ".join(
        invoke(studied, "study", "export", "first", "-o", str(out)).split()
    )
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["right"]) for row in rows) == 15
    assert {row["sees"] for row in rows} == {"normal"}


def test_results_are_held_back_until_it_is_closed(studied: Project, tmp_path: Path) -> None:
    invoke(studied, "study", "create", "open", "--trials", "3")
    take_part(studied, "open", "reader-0", Reply("left", 1.0))
    out = ("export", "open", "-o", str(tmp_path / "answers.csv"))
    for arguments in (("results", "open"), ("results", "open", "--json"), out):
        with pytest.raises(BadInputError, match=r"held back.*medloom study close open"):
            invoke(studied, "study", *arguments)
    early = json.loads(invoke(studied, "study", "results", "open", "--early", "--by", "ada",
                              "--json"))  # fmt: skip
    assert [(one["by"], one["answers"]) for one in early["early"]] == [("ada", 3)]
    with pytest.raises(BadInputError, match="held back"):
        invoke(studied, "study", *out)
    told = invoke(studied, "study", "close", "open", "--reason", "the term is over")
    assert "study open is closed, with 3 answers" in " ".join(told.split())
    invoke(studied, "study", *out)
    shown = " ".join(invoke(studied, "study", "results", "open").split())
    assert "ada looked early" in shown
    assert "the term is over" in shown


def test_the_plan_is_not_told(studied: Project) -> None:
    facts = json.loads(invoke(studied, "study", "create", "second", "--trials", "9", "--json"))
    assert facts["trials"] == 9
    assert facts["version"] == 1
    assert "side" not in json.dumps(facts)


def test_too_few_images_are_said_to_be(studied: Project) -> None:
    with pytest.raises(BadInputError, match="cyst 12 of 100, normal 12 of 100"):
        invoke(studied, "study", "create", "third", "--trials", "300")
    with pytest.raises(BadInputError, match="there is no study 'third'"):
        invoke(studied, "study", "results", "third")
