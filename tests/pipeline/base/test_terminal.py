"""Text for the terminal: nothing is cut at any width, and nothing is taken for markup."""

import io
import json
from pathlib import Path

import pytest
from rich.table import Column
from rich.text import Text

from pipeline.base.terminal import Facts, FitTable, Terminal
from tests.support.terminals import shown

LONG = f"/data/{'x' * 90}/[red]a [/]b.png"
ROWS = (
    ("frechet_distance_infinity", "12.34  [11.1, 13.4]", "a sentence that is long enough to wrap"),
    ("kernel_distance", "0.1", "short"),
)


def figures() -> FitTable:
    table = FitTable("metric", Column("value", no_wrap=True), "meaning", title="figures")
    for row in ROWS:
        table.add_row(*row)
    return table


def test_a_table_that_fits_has_one_line_per_row() -> None:
    lines = shown(figures(), 120).splitlines()
    assert [line.split()[0] for line in lines] == ["figures", "metric", *(row[0] for row in ROWS)]
    assert all(part in line for row, line in zip(ROWS, lines[2:], strict=True) for part in row)


def test_a_narrow_table_wraps_between_words_and_keeps_its_figures() -> None:
    said = shown(figures(), 72)
    for name in ("frechet_distance_infinity", "12.34  [11.1, 13.4]", "kernel_distance"):
        assert name in said
    assert "a sentence that is long enough to wrap" not in said
    assert " ".join(said.split()).count("long enough") == 1
    assert all(len(line) <= 72 for line in said.splitlines())


def test_a_table_that_cannot_wrap_stacks_its_rows() -> None:
    said = shown(figures(), 40)
    assert said.splitlines()[:3] == [
        "figures",
        "metric frechet_distance_infinity",
        "  value    12.34  [11.1, 13.4]",
    ]
    assert "  meaning  a sentence that is long" in said


def test_a_mark_without_a_header_stays_with_its_row() -> None:
    table = FitTable("", "what", "found")
    table.add_row(Text("!", "yellow"), "services", "z" * 90)
    assert shown(table).splitlines() == ["! what services", f"  found  {'z' * 90}"]


def test_columns_with_equal_names_are_all_stacked() -> None:
    table = FitTable("name", "is", "is")
    table.add_row("a", "b" * 50, "c" * 50)
    assert shown(table).count("  is  ") == 2


def test_a_path_longer_than_a_line_is_not_broken() -> None:
    long = LONG.split(" ", maxsplit=1)[0]
    for renderable in (Facts({"state": long}), f"the report is {long}", Text(long)):
        assert long in shown(renderable)
    assert LONG in shown(Facts({"file": Text(LONG, no_wrap=True)})), "not at its spaces either"
    assert "words that wrap" in shown(Facts({"why": "words that wrap " * 9}))


def test_a_name_wider_than_the_rest_goes_above_its_value() -> None:
    said = shown(Facts({"n" * 60: "the value of it is some words"}, indent=2)).splitlines()
    assert said == [f"  {'n' * 60}", "    the value of it is some words"]


@pytest.mark.parametrize("columns", [None, "200"])
def test_a_pipe_gets_whole_lines(monkeypatch: pytest.MonkeyPatch, columns: str | None) -> None:
    """Without COLUMNS nothing wraps; with it, its width counts."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    console, out = Terminal(), io.StringIO()
    console.file = out
    table = FitTable(Column("file", no_wrap=True), "reason")
    table.add_row(LONG, "word " * 40)
    console.print(table)
    lines = out.getvalue().splitlines()
    assert any(LONG in line for line in lines)
    assert (len(lines) == 2) is (columns is None)


def test_text_of_users_is_no_markup() -> None:
    table = FitTable("[b]head", "x", title="[red]title", caption="[/]")
    table.add_row("[red]a", "[/]")
    facts = Facts({"[red]name": "[/] :smile:"}, "[bold]t")
    said = "".join(map(shown, (table, facts, "[/] in :smile: [red]x", Text("[/]"))))
    for text in ("[b]head", "[red]title", "[/]", "[red]a", "[red]name", ":smile:", "[bold]t"):
        assert text in said


def test_json_stays_json(tmp_path: Path) -> None:
    console, out = Terminal(), io.StringIO()
    console.file = out
    told = {"path": LONG, "folder": str(tmp_path), "place": "Zürich", "none": None}
    console.print_json(data=told)
    assert json.loads(out.getvalue()) == told
    assert LONG in out.getvalue()
    assert out.getvalue().endswith("}\n")
    console.print_json(json.dumps(told))
    assert out.getvalue() == 2 * out.getvalue()[: len(out.getvalue()) // 2]
