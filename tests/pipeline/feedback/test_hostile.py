"""A hostile reader alone starts no training and blocks no version, whatever they say and how often.

Each is tried on the way that the scheduler takes, `watch`.
"""

import getpass
import pwd
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from app import person
from pipeline.base.errors import BadInputError, NothingNewError
from pipeline.base.project import Project
from pipeline.feedback import copies
from pipeline.feedback.checks import CopyChecks
from pipeline.feedback.images import account_of, judge_images, reader_of
from pipeline.feedback.opinions import Opinions, give
from pipeline.feedback.retrainings import retrainings
from pipeline.feedback.rules import FeedbackConfig
from pipeline.feedback.wish import wish_of
from pipeline.flow import steps
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.local.access import Access, id_of
from pipeline.registry.generators import Generators
from tests.app.oidc import claims
from tests.pipeline.feedback.test_rules import said
from tests.support.consenting import Clinic
from tests.support.copied import COPIED, copying_project

pytestmark = pytest.mark.usefixtures("dvc_in_process")

MALLORY = "mallory"
Facts = dict[str, Any]


def often() -> Iterable[Facts]:
    """A hundred images of each class, all flawed."""
    return (said(MALLORY, n, label=label) for label in ("cyst", "stone") for n in range(100))


def again() -> Iterable[Facts]:
    """One image, again and again, with changing minds."""
    return (said(MALLORY, 0, flawed=n % 2 == 0) for n in range(101))


def by_other_names() -> Iterable[Facts]:
    """In the names of five readers, from one account."""
    names = (f"reader-{n}" for n in range(5))
    return (said(name, n, given_by=MALLORY) for name in names for n in range(20))


def beside_the_fair() -> Iterable[Facts]:
    """Beside five readers who find one image in twenty flawed."""
    fair = [said(f"reader-{r}", n, flawed=n == 0) for r in range(5) for n in range(20)]
    return [*often(), *fair, *often()]


def in_another_words_place() -> Iterable[Facts]:
    """Two readers found it flawed; the hostile one says so in the name of a third."""
    two = [said(reader, n) for reader in ("ada", "bob") for n in range(6)]
    return [*two, *(said(r, n, given_by="ada") for r in ("cas", "dan") for n in range(6))]


def on_other_versions() -> Iterable[Facts]:
    """On versions that are not champion, which three readers flagged."""
    return (said(reader, n, version=7) for reader in "abc" for n in range(6))


@pytest.mark.parametrize(
    "says",
    [often, again, by_other_names, beside_the_fair, in_another_words_place, on_other_versions],
    ids=lambda says: says.__name__,
)
def test_flags_of_one_person_start_nothing(
    clinic: Clinic, says: Callable[[], Iterable[Facts]]
) -> None:
    give(clinic.ledger, list(says()))
    with pytest.raises(NothingNewError):
        steps.watch(clinic.project)
    assert wish_of(clinic.ledger, FeedbackConfig()) is None, "nor does the weekly plan know a wish"
    assert retrainings(clinic.ledger, FeedbackConfig()) == []


def test_the_same_flags_of_three_people_do(clinic: Clinic) -> None:
    give(clinic.ledger, [said(reader, n) for reader in "abc" for n in range(6)])
    assert steps.watch(clinic.project) == "feedback on version 1: stone flawed in 18 of 18"


def test_looks_copied_again_and_again_measures_each_image_once_and_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copying_project(tmp_path, copied=False)
    measured = list[int]()
    draw = copies._draw

    def counted(generators: Any, version: Any, one: Any) -> Any:
        measured.append(one.index)
        return draw(generators, version, one)

    monkeypatch.setattr(copies, "_draw", counted)
    door = Generators(project, withheld=True)
    for reader in (MALLORY, MALLORY, "reader-2"):
        judge_images(project, "1", "stone", 7, [COPIED, COPIED + 1], reader=reader,
                     given_by=MALLORY, tags=["looks-copied"], generators=door)  # fmt: skip
        with pytest.raises(NothingNewError):
            steps.watch(project)
    assert sorted(measured) == [COPIED, COPIED + 1]
    assert len(CopyChecks(Ledger(project)).records) == 2
    journal = Journal(Ledger(project))
    assert (journal.champion and journal.champion.version, journal.blocked) == (1, {})


def test_without_a_login_the_app_knows_one_reader(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(st, "query_params", {"reader": "ada", "by": "ada"})
    monkeypatch.setattr(type(st.user), "to_dict", lambda _: claims(sub="ada"))
    who = person.current()
    assert who.reader(project) == reader_of(project, getpass.getuser())


def test_with_a_login_a_reader_is_an_account_under_any_name(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = Access("https://a.example.org", "https://b.example.org/x", "c", "s", "s")
    monkeypatch.setattr(Access, "load", lambda _: access)
    known = set[str]()
    for email in ("mallory@example.org", "ada@example.org", "person-2"):
        told = claims(email=email, name="Ada", preferred_username="ada", roles=["reader"])
        monkeypatch.setattr(type(st.user), "to_dict", lambda _, told=told: told)
        known.add(person.require("reader").reader(project))
    assert known == {reader_of(project, id_of(claims()))}
    assert id_of(claims()) != id_of(claims(iss="http://another"))
    assert id_of(claims()) != id_of(claims(sub="person-2"))


def test_no_variable_gives_a_shell_another_account(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = account_of(project)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ada")
    assert account_of(project) == before != reader_of(project, "ada")

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert account_of(project).startswith("reader-")


def test_an_opinion_without_an_account_of_a_pseudonym_is_refused(project: Project) -> None:
    with pytest.raises(BadInputError, match="given_by 'Dr Mallory' is not of letters"):
        give(Ledger(project), [said("ada", 0, given_by="Dr Mallory")])
    assert not Opinions(Ledger(project)).records
