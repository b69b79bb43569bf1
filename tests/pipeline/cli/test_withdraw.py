"""What `medloom audit withdraw --purge` prints."""

from dataclasses import replace

import pytest

from pipeline.cli.withdraw import _print_purged
from pipeline.data.revise.purging import Purge

PURGE = Purge(
    images=("i",), objects=("a", "b", "c"), runs=("k",), showing=("k",), artifacts=(),
    folders=("cache/[red]x",),
    pages=(), beside=(), lost=(), committed=(), left=3,
)  # fmt: skip


def said(purged: Purge, capsys: pytest.CaptureFixture[str], *, dry_run: bool = False) -> str:
    _print_purged(purged, dry_run=dry_run)
    return capsys.readouterr().out


def test_removed_objects_are_not_said_to_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(PURGE, capsys)
    assert "3 object(s) of the DVC remote and cache removed\n" in text
    assert "still" not in text
    assert "removed: cache/[red]x" in text
    assert "3 object(s) of the DVC remote and cache would be" in said(PURGE, capsys, dry_run=True)


def test_objects_that_an_earlier_call_removed_are_counted_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(replace(PURGE, left=1), capsys)
    assert "1 object(s) of the DVC remote and cache removed; 2 more are gone already" in text
