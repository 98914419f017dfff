"""Render tables as Markdown, CSV and LaTeX.

Names and texts are untrusted: for each format, its special characters are escaped.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

Note = tuple[str, list[str]]  # (heading, statements)

# Leave an interval such as [0.49, 0.65] unescaped, which is easier to read in the source, unless the next character
# would make it a link.
_MARKDOWN = re.compile(r"(?P<kept>\[[-+]?[0-9.]+, [-+]?[0-9.]+\](?![\[(:]))|[\\`*\[\]<>|&#~$]|(?<![^\W_])_|_(?![^\W_])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
CSV_DECIMALS = 6


@dataclass(frozen=True)
class Column:
    """The format of a column: its heading, the format of its values, and its alignment (numbers to the right).

    `width` is the share of a line's width that a long text takes in LaTeX; 0 fits the column to its text.
    """

    heading: str
    show: Callable[[Any], str] = str
    number: bool = True
    width: float = 0


@dataclass(frozen=True)
class Table:
    """A table: `columns` and text `cells` for people, `records` of values with equal keys for programs, and notes.

    `below` is a smaller table under this one; only its title, columns, cells and records are used.
    """

    title: str
    caption: str
    columns: list[Column]
    cells: list[list[str]]
    records: list[dict[str, Any]]
    notes: list[Note]
    below: "Table | None" = None


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


def render_markdown(table: Table) -> str:
    """Return the table as a Markdown page: title, caption, pipe table, the table below it, notes as a list."""
    lines = [f"# {escape_markdown(table.title)}", ""]
    if table.caption:
        lines += [escape_markdown(table.caption), ""]
    lines += [_grid(table, "pipe", escape_markdown), ""]
    if table.below:
        lines += [f"## {escape_markdown(table.below.title)}", "", _grid(table.below, "pipe", escape_markdown), ""]
    for heading, statements in table.notes:
        if len(statements) == 1:
            lines.append(f"- {escape_markdown(heading)}: {escape_markdown(statements[0])}")
        else:
            lines.append(f"- {escape_markdown(heading)}:")
            lines += [f"  - {escape_markdown(statement)}" for statement in statements]
    return "\n".join(lines) + "\n"


def render_latex(table: Table, label: str) -> str:
    """Return the table as a LaTeX table environment (package booktabs), with the notes in small type below it."""
    caption = ". ".join(text.rstrip(".") for text in (table.title, table.caption) if text)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(caption)}.}}",
        rf"\label{{tab:{re.sub('[^A-Za-z0-9-]', '-', label)}}}",
        _latex_grid(table),
        *_latex_below(table.below),
        r"\par\medskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
    ]
    for heading, statements in table.notes:
        lines.append(rf"\textbf{{{escape_latex(heading)}:}} {escape_latex('; '.join(statements))}\par")
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}"]) + "\n"


def render_csv(table: Table) -> str:
    """Return all records as CSV with floats to 6 decimals, then the table below (as CSV) and the notes behind "# ".

    `pandas.read_csv(path, comment="#")` reads the records. Texts are quoted, so a "#" in a text starts no comment.
    """
    lines = [_csv(table.records)]
    if table.below:
        lines += [f"# {line}\n" for line in (table.below.title, *_csv(table.below.records).splitlines())]
    for heading, statements in table.notes:
        lines += [f"# {_one_line(heading)}: {_one_line(statement)}\n" for statement in statements]
    return "".join(lines)


def escape_markdown(text: str) -> str:
    """Escape a text for Markdown, table cells included, and put it on one line."""
    return _MARKDOWN.sub(lambda mark: mark["kept"] or "\\" + mark[0], _one_line(text))


def escape_latex(text: str) -> str:
    """Escape a text for LaTeX and put it on one line."""
    return "".join(_LATEX.get(mark, mark) for mark in _one_line(text))


def _grid(table: Table, table_format: str, escape: Callable[[str], str]) -> str:
    return tabulate(
        [[escape(cell) for cell in row] for row in table.cells],
        headers=[escape(column.heading) for column in table.columns],
        tablefmt=table_format,
        disable_numparse=True,
        colalign=["right" if column.number else "left" for column in table.columns],
    )


def _latex_grid(table: Table) -> str:
    """Return the grid; replace the alignments in its first line, because tabulate has no paragraph columns."""
    plain = ["r" if column.number else "l" for column in table.columns]
    alignments = [
        rf"p{{{column.width}\linewidth}}" if column.width else alignment
        for column, alignment in zip(table.columns, plain, strict=True)
    ]
    grid = _grid(table, "latex_booktabs", _one_line)
    return grid.replace(f"{{{''.join(plain)}}}", f"{{{''.join(alignments)}}}", 1)


def _latex_below(table: Table | None) -> list[str]:
    return [rf"\par\medskip \textbf{{{escape_latex(table.title)}}}\par", _latex_grid(table)] if table else []


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _csv_value(value) for key, value in record.items()} for record in records)
    return text.getvalue()


def _csv_value(value: object) -> object:
    if isinstance(value, float):
        return round(value, CSV_DECIMALS) + 0.0
    return _one_line(value) if isinstance(value, str) else value


def _one_line(text: str) -> str:
    return " ".join(text.split())
