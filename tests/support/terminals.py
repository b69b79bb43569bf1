"""What a person sees in a terminal, and what a pipe gets."""

from typing import Any

from rich.cells import cell_len

from pipeline.base.terminal import Terminal


def shown(renderable: Any, width: int = 80) -> str:
    """A renderable as a terminal of that width shows it."""
    console = Terminal(width=width)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def shown_at_80(renderable: Any, *names: str) -> str:
    """The same, checked: no line is wider than 80 columns, and nothing is cut.

    Args:
        renderable: a table.
        names: words that must be there unbroken.
    """
    said = shown(renderable)
    assert "…" not in said, said
    wide = [line for line in said.splitlines() if cell_len(line) > 80]
    assert not wide, wide
    missing = [name for name in names if name not in said]
    assert not missing, (missing, said)
    return said
