"""Text for the terminal at any width: nothing is cut, and no text is taken for markup.

- In a terminal, a table that is too wide wraps between words. If that is not enough, its rows are
  printed one below the other, one line per column.
- Elsewhere, as in a pipe or a file, nothing is wrapped: one line per row, and paths stay whole.
  The variable COLUMNS sets a width there, too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json import dumps, loads
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

_UNBOUNDED = 100_000  # columns where no terminal wraps lines
_LEAST = 16  # columns below which wrapped text is hard to read
_LEAST_VALUE = 24  # columns below which a value goes under its name


class Terminal(Console):
    """A console that prints text as it is: paths and names may hold `[red]` or `:smile:`."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines; without a terminal, and without COLUMNS, lines have no limit."""
        found = super().size
        columns = self._environ.get("COLUMNS", "")
        if self.is_terminal or self._width is not None or columns.isdigit():
            return found
        return ConsoleDimensions(_UNBOUNDED, found.height)

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        self._width, self._height = size

    def print_json(self, json: str | None = None, *, data: Any = None, **options: Any) -> None:
        """Print JSON, in colours in a terminal alone: thousands of records take seconds so."""
        if self.is_terminal:
            super().print_json(json, data=data, **options)
        else:
            found = data if json is None else loads(json)
            self.file.write(dumps(found, indent=2, ensure_ascii=False) + "\n")

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as Console does, but leave paths and other long words whole.

        A terminal wraps those itself, so that they can be copied.
        """
        if len(objects) == 1 and isinstance(objects[0], str | Text):
            objects = (Prose(objects[0]),)
        super().print(*objects, **{"crop": False} | options)


class Prose:
    """Text that wraps between words; a word that is longer than a line is not broken."""

    def __init__(self, text: str | Text, style: str = "") -> None:
        self._text = _text(text).copy()
        self._text.stylize_before(style)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, as rich asks for them."""
        width = _UNBOUNDED if options.no_wrap else options.max_width
        yield from map(_unwrapped, _lines(self._text, width))


class FitTable(Table):
    """A table without borders that shows every cell whole at any width.

    Its arguments are those of rich's Table. A column with `no_wrap` is never wrapped, for figures
    and paths. Where the columns do not fit beside each other, each row is a heading, made of the
    first column, and a line per further column.
    """

    def __init__(self, *headers: Column | str, **options: Any) -> None:
        super().__init__(*headers, **{"box": None, "pad_edge": False} | options)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; text in it is shown as it is, never taken for markup."""
        plain = [Text(cell) if isinstance(cell, str) else cell for cell in cells]
        super().add_row(*plain, **options)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title:
            yield Prose(_text(self.title), "table.title")
        widths = self._fitting(console, options)
        yield from self._stacked() if widths is None else self._beside(widths, console, options)
        if self.caption:
            yield Prose(_text(self.caption), "table.caption")

    def _fitting(self, console: Console, options: ConsoleOptions) -> list[int] | None:
        """Width of each column without padding; None: they do not fit beside each other."""
        wide = options.update_width(_UNBOUNDED)
        measured = [_measure(console, wide, column, self.show_header) for column in self.columns]
        natural = [each.maximum for each in measured]
        whole = Measurement.get(console, wide, self).maximum
        room = options.max_width - (whole - sum(natural))
        if sum(natural) <= room:
            return natural
        least = [
            each.maximum if column.no_wrap else max(each.minimum, min(each.maximum, _LEAST))
            for each, column in zip(measured, self.columns, strict=True)
        ]
        return _shared_out(room, least, natural) if sum(least) <= room else None

    def _beside(
        self, widths: Sequence[int], console: Console, options: ConsoleOptions
    ) -> RenderResult:
        kept = [column.width for column in self.columns], self.title, self.caption
        try:
            self.title = self.caption = None
            for column, width in zip(self.columns, widths, strict=True):
                column.width = width
            yield from list(super().__rich_console__(console, options))
        finally:
            before, self.title, self.caption = kept
            for column, old in zip(self.columns, before, strict=True):
                column.width = old

    def _stacked(self) -> Iterator[RenderableType]:
        headers = [_text(column.header) for column in self.columns]
        first = next((at for at, header in enumerate(headers) if header.plain), 0)
        for row in zip(*(column.cells for column in self.columns), strict=True):
            cells = [_text(cell) for cell in row]
            marks = [part for cell in cells[:first] for part in (cell, " ")]
            heading = Text.assemble((headers[first].plain, "dim"), " ", cells[first])
            yield _unwrapped(Text.assemble(*marks, heading))
            rest = zip(self.columns[first + 1 :], cells[first + 1 :], strict=True)
            yield Facts([(_text(c.header).plain, _kept(c, cell)) for c, cell in rest if cell.plain],
                        indent=2)  # fmt: skip


class Facts:
    """Names and values, one below the other; a word that is longer than a line is not broken."""

    def __init__(
        self,
        facts: Mapping[str, Any] | Iterable[tuple[str, Any]],
        title: str = "",
        indent: int = 0,
    ) -> None:
        self._rows = list(facts.items() if isinstance(facts, Mapping) else facts)
        self._title, self._indent = title, indent

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, as rich asks for them."""
        if self._title:
            yield Prose(self._title, "table.title")
        longest = max((cell_len(name) for name, _ in self._rows), default=0)
        for name, value in self._rows:
            yield from _fact(self._indent, longest, name, _text(value), options.max_width)


def _fact(indent: int, longest: int, name: str, value: Text, width: int) -> Iterator[Text]:
    """The lines of one name and value; the value is under its name if there is no room beside it.

    That is where little room is left, or where a word, such as a hash, needs the whole line.
    """
    start, word = indent + longest + 2, _longest_word(value)
    under = width - start < _LEAST_VALUE or (width - start < word <= width - indent - 2)
    label = Text(" " * indent + name, "dim")
    if under:
        yield _unwrapped(label)
        start, label = indent + 2, Text()
    for line in _lines(value, max(width - start, _LEAST_VALUE)):
        label.pad_right(start - label.cell_len)
        yield _unwrapped(Text.assemble(label, line))
        label = Text()


def _longest_word(text: Text) -> int:
    return max(map(cell_len, text.plain.split()), default=0)


def whole(path: Any) -> Text:
    """A path, or another text, that is not wrapped at its spaces either, so it can be copied."""
    return Text(str(path), no_wrap=True)


def _measure(
    console: Console, options: ConsoleOptions, column: Column, show_header: bool
) -> Measurement:
    """Least width without breaking a word, and width without wrapping."""
    texts = [_text(column.header if show_header else ""), *map(_text, column.cells)]
    found = [Measurement.get(console, options, text) for text in texts]
    return Measurement(max(each.minimum for each in found), max(each.maximum for each in found))


def _shared_out(room: int, least: Sequence[int], natural: Sequence[int]) -> list[int]:
    """Give the room beyond the least widths to the narrowest columns that can use it."""
    widths = list(least)
    for _ in range(room - sum(least)):
        growing = [at for at, width in enumerate(widths) if width < natural[at]]
        if growing:
            widths[min(growing, key=widths.__getitem__)] += 1
    return widths


def _kept(column: Column, cell: Text) -> Text:
    """The cell, not wrapped if its column is not."""
    found = cell.copy()
    found.no_wrap = cell.no_wrap or column.no_wrap
    return found


def _text(value: Any) -> Text:
    return value if isinstance(value, Text) else Text(str(value))


def _lines(text: Text, width: int) -> Iterator[Text]:
    """Wrap between words; rich would break, or cut, a word that is longer than a line."""
    width = _UNBOUNDED if text.no_wrap else width
    for paragraph in text.split("\n", allow_blank=True):
        breaks, column = [], 0
        for word in re.finditer(r"\S+\s*", paragraph.plain):
            if column and column + cell_len(word[0].rstrip()) > width:
                breaks.append(word.start())
                column = 0
            column += cell_len(word[0])
        for line in paragraph.divide(breaks):
            line.rstrip()
            yield line


def _unwrapped(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ignore"
    return text
