"""Which runs went on from which, by their starts alone and by their branches."""

from pipeline.base.project import Project
from pipeline.base.start import FRESH, Start
from pipeline.ledger.descent import ancestors, run_heads, starts_of, with_descendants
from pipeline.ledger.ledger import CODE, DATA
from pipeline.ledger.run import Run
from tests.support.runs import HandMade

STARTS = {"a": FRESH, "b": Start(1, "a"), "c": Start(2, "b"), "d": FRESH, "e": Start(9, "gone")}


def test_ancestors_are_named_nearest_first() -> None:
    assert ancestors("c", STARTS) == ("b", "a")
    assert ancestors("a", STARTS) == ()
    assert ancestors("e", STARTS) == ("gone",)
    assert ancestors("unknown", STARTS) == ()


def test_a_line_that_leads_back_to_itself_ends() -> None:
    assert ancestors("x", {"x": Start(1, "y"), "y": Start(2, "x")}) == ("y", "x")


def test_descendants_of_descendants_are_found() -> None:
    assert with_descendants({"a"}, STARTS) == {"a", "b", "c"}
    assert with_descendants({"gone"}, STARTS) == {"gone", "e"}
    assert with_descendants({"d"}, STARTS) == {"d"}


def test_a_run_says_what_it_began_from_and_is_keyed_by_it(project: Project) -> None:
    made = HandMade(project)
    made.code()
    made.data(range(3))
    first = made.learn(b"networks")
    start = made.networks_of(first, b"networks")
    second = made.learn(b"more", start)
    ledger = made.ledger
    assert first.run_key != second.run_key
    code, data = str(ledger.head(CODE)), str(ledger.head(DATA))
    assert ledger.run_key(code, data, start).key == second.run_key
    assert ledger.run_key(code, data).start == ""
    heads = run_heads(ledger)
    assert heads.keys() == {first.run_key, second.run_key}
    assert starts_of(ledger.mirror, heads) == {first.run_key: FRESH, second.run_key: start}
    run = Run.get(ledger, second.run_key)
    assert run.start == start
    said = ledger.mirror.run("log", "-1", "--format=%b", run.opened)
    assert f"start the networks of version 1 (run {first.run_key})" in said
