"""Tables as data, and their text as Markdown and CSV; `latex` renders LaTeX.

Names and texts are untrusted: for each format, its special characters are escaped.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tabulate import tabulate

from hearth.evaluation.paper_form import PaperCell, PaperForm

Layout = Literal["wide", "paper"]
Note = tuple[str, list[str]]  # (heading, statements)

# Leave an interval such as [0.49, 0.65] unescaped, which is easier to read in the source, unless the next character
# would make it a link.
_MARKDOWN = re.compile(r"(?P<kept>\[[-+]?[0-9.]+, [-+]?[0-9.]+\](?![\[(:]))|[\\`*\[\]<>|&#~$]|(?<![^\W_])_|_(?![^\W_])")
CSV_DECIMALS = 6


@dataclass(frozen=True)
class Column:
    """The format of a column: its heading, the format of its values, and its alignment (numbers to the right)."""

    heading: str
    show: Callable[[Any], str] = str
    number: bool = True


@dataclass(frozen=True)
class Table:
    """A table: `columns` and text `cells` for people, `records` of values with equal keys for programs, and notes.

    `below` is a smaller table under this one; only its title, columns, cells and records are used. `grounds` are the
    notes on all that the numbers depend on; they have a file of their own. `paper` is the table in the form that papers
    print, in which LaTeX always shows it; Markdown and the report do if `layout` is "paper".
    """

    title: str
    caption: str
    columns: list[Column]
    cells: list[list[str]]
    records: list[dict[str, Any]]
    notes: list[Note]
    below: "Table | None" = None
    grounds: list[Note] = field(default_factory=list)
    paper: PaperForm | None = None
    layout: Layout = "wide"


def cell_text(column: Column, value: object) -> str:
    """Format a value as its cell, which is empty for None and ""."""
    return "" if value is None or value == "" else column.show(value)


def decimals(places: int, sign: str = "") -> Callable[[float], str]:
    """Return a function that formats a number with `places` decimals.

    It writes minus zero as zero. With `sign` "+" it also writes plus signs.
    """
    return lambda value: f"{round(value, places) + 0.0:{sign}.{places}f}"


def with_interval(text: str, interval: Sequence[float] | None, show: Callable[[float], str]) -> str:
    """Append its interval, if any, to the text of a number: 0.574 [0.49, 0.65]."""
    return text if interval is None else f"{text} [{show(interval[0])}, {show(interval[1])}]"


def magnitude(value: int) -> str:
    """Format a number of parameters, 596049920 as 596.0M."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.1f}{unit}"
    return str(value)


def render_markdown(table: Table, grounds: str = "") -> str:
    """Return the table as a Markdown page: title, caption, pipe table, the table below it, notes as a list.

    `grounds` is the path, relative to the page, of the file that `render_grounds` writes.
    """
    lines = [f"# {escape_markdown(table.title)}", ""]
    if table.caption:
        lines += [escape_markdown(table.caption), ""]
    if table.paper and table.layout == "paper":
        lines += [_paper_grid(table.paper), "", *(f"- {escape_markdown(note)}" for note in table.paper.footnotes)]
    else:
        lines += [_grid(table), ""]
    if table.below:
        lines += ["", f"## {escape_markdown(table.below.title)}", "", _grid(table.below), ""]
    lines += _note_list(table.notes)
    if grounds:
        lines.append(f"- [All that these numbers depend on]({grounds})")
    return "\n".join(lines) + "\n"


def render_grounds(table: Table) -> str:
    """Return a Markdown page with everything that the numbers of a table depend on."""
    return "\n".join([f"# Grounds of: {escape_markdown(table.title)}", "", *_note_list(all_notes(table))]) + "\n"


def all_notes(table: Table) -> list[Note]:
    """Return the notes of a table and its grounds, a heading that both have only once."""
    grounds = dict(table.grounds)
    return [note for note in table.notes if note[0] not in grounds] + table.grounds


def _note_list(notes: Sequence[Note]) -> list[str]:
    lines = []
    for heading, statements in notes:
        if len(statements) == 1:
            lines.append(f"- {escape_markdown(heading)}: {escape_markdown(statements[0])}")
        else:
            lines.append(f"- {escape_markdown(heading)}:")
            lines += [f"  - {escape_markdown(statement)}" for statement in statements]
    return lines


def render_csv(table: Table) -> str:
    """Return all records as CSV with floats to 6 decimals, then the table below (as CSV) and the notes behind "# ".

    `pandas.read_csv(path, comment="#")` reads the records. Texts are quoted, so a "#" in a text starts no comment.
    """
    lines = [_csv(table.records)]
    if table.below:
        lines += [f"# {line}\n" for line in (table.below.title, *_csv(table.below.records).splitlines())]
    for heading, statements in all_notes(table):
        lines += [f"# {one_line(heading)}: {one_line(statement)}\n" for statement in statements]
    return "".join(lines)


def escape_markdown(text: str) -> str:
    """Escape a text for Markdown, table cells included, and put it on one line."""
    return _MARKDOWN.sub(lambda mark: mark["kept"] or "\\" + mark[0], one_line(text))


def _grid(table: Table) -> str:
    return tabulate(
        [[escape_markdown(cell) for cell in row] for row in table.cells],
        headers=[escape_markdown(column.heading) for column in table.columns],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["right" if column.number else "left" for column in table.columns],
    )


def _paper_grid(form: PaperForm) -> str:
    headings = [" ".join(filter(None, (column.dataset, column.metric))) for column in form.columns]
    rows = [[escape_markdown(name), *map(_paper_cell, cells)] for name, cells in form.rows]
    return tabulate(
        rows,
        headers=[form.heading, *map(escape_markdown, headings)],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["left", *("right" for _ in headings)],
    )


def _paper_cell(cell: PaperCell | None) -> str:
    if cell is None:
        return ""
    text = escape_markdown(cell.text)
    return text.replace(cell.value, f"**{cell.value}**", 1) if cell.best else text


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _csv_value(value) for key, value in record.items()} for record in records)
    return text.getvalue()


def _csv_value(value: object) -> object:
    if isinstance(value, float):
        return round(value, CSV_DECIMALS) + 0.0
    return one_line(value) if isinstance(value, str) else value


def one_line(text: str) -> str:
    """Return a text with every run of white space replaced by one space."""
    return " ".join(text.split())
