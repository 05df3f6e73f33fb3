"""A table for terminals of any width: where it does not fit, each row becomes a block of lines."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from fashion_compare.transliterate import transliterated

Row = Sequence[str]
# Between a block's labels and their values.
_GAP = "  "


def wrapped(text: str, width: int, style: str = "") -> Text:
    """Return text with line breaks between words alone: one that is longer than a line stays whole."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in re.findall(r"\s*\S+", paragraph):
            if line and cell_len(line + word) > width:
                lines.append(line)
                line = word.lstrip()
            else:
                line += word
        lines.append(line)
    return Text("\n".join(lines), style=style, no_wrap=True, overflow="ignore")


@dataclass(frozen=True)
class ConsoleTable:
    """Rows of a name, numbers, and words; no name and no number is ever cut, and only the words wrap.

    Attributes:
        title: printed above, empty for none.
        headings: of the columns; the first is the names', the last one's cells are words.
        sections: the rows, a line between the groups.
        caption: printed below, empty for none.
    """

    title: str
    headings: Row
    sections: Sequence[Sequence[Row]]
    caption: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield title, table or blocks, and caption."""
        encoding = options.encoding

        def spelled(row: Row) -> list[str]:
            return [transliterated(cell, encoding) for cell in row]

        headings, sections = spelled(self.headings), [[spelled(row) for row in rows] for rows in self.sections]
        if self.title:
            yield wrapped(transliterated(self.title, encoding), options.max_width, "table.title")
        table = _table(headings, sections, options.max_width)
        yield from [table] if table is not None else _blocks(headings, sections, options.max_width)
        if self.caption:
            yield wrapped(transliterated(self.caption, encoding), options.max_width, "table.caption")


def _table(headings: Row, sections: Sequence[Sequence[Row]], width: int) -> Table | None:
    """Return the table, its last column as narrow as need be; None where even that is too wide."""
    cells = [[heading, *(row[i] for rows in sections for row in rows)] for i, heading in enumerate(headings)]
    widths = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in cells]
    # A space on both sides, one behind each cell, and one between any two.
    left = width - 2 - sum(widths[:-1]) - len(widths) - (len(widths) - 1)
    longest_word = max(cell_len(word) for cell in cells[-1] for word in cell.split() or [""])
    if left < longest_word:
        return None
    widths[-1] = min(widths[-1], left)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, heading in enumerate(headings):
        inner = 0 < i < len(headings) - 1
        table.add_column(Text(heading), justify="right" if inner else "left", width=widths[i])
    for rows in sections:
        table.add_section()
        for row in rows:
            table.add_row(*map(Text, row))
    return table


def _blocks(headings: Row, sections: Sequence[Sequence[Row]], width: int) -> Iterator[Text]:
    """Yield for each row its name, and below it a line or more for each cell that is not empty."""
    indent = max(map(cell_len, headings[1:])) + 2 * len(_GAP)
    for name, *cells in (row for rows in sections for row in rows):
        yield wrapped(f"\n{name}", width, "bold")
        for heading, cell in zip(headings[1:], cells, strict=True):
            value = " ".join(cell.split())
            if any(indent + cell_len(word) > width for word in value.split()):
                yield wrapped(f"{_GAP}{heading}{_GAP}{value}", width)
                continue
            lines = wrapped(value, width - indent).plain.split("\n") if value else []
            for i, line in enumerate(lines):
                label = "" if i else f"{_GAP}{heading}"
                yield Text(f"{label}{' ' * (indent - cell_len(label))}{line}", no_wrap=True, overflow="ignore")
    yield Text()
