"""A table as Markdown, CSV and LaTeX. Names and texts are untrusted: each form escapes what it gives a meaning to."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from tabulate import tabulate

# An interval is kept as it is, for those who read the source: nothing behind it makes a link of it.
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
    """How a value is shown to people: heading, text of a value that is there, and whether it is a number.

    `width` is for LaTeX, where a long text must be told: the share of a line's width; 0 is as wide as its text.
    """

    heading: str
    show: Callable[[object], str] = str
    number: bool = True
    width: float = 0


@dataclass(frozen=True)
class Table:
    """What people read (`columns`, `cells` of text) and what programs read (`records` of values), and the notes.

    `notes` are (heading, statements). The records all have the same keys. `below` is a smaller table under this one,
    of which only title, columns, cells and records are used.
    """

    title: str
    caption: str
    columns: list[Column]
    cells: list[list[str]]
    records: list[dict]
    notes: list[tuple[str, list[str]]]
    below: "Table | None" = None


def shown(column: Column, value: object) -> str:
    """A value as its cell: empty for what is not there."""
    return "" if value is None or value == "" else column.show(value)


def decimals(places: int, sign: str = "") -> Callable[[float], str]:
    """A format of that many decimal places, in which minus zero is zero; `sign` "+" shows a plus too."""
    return lambda value: f"{round(value, places) + 0.0:{sign}.{places}f}"


def bracketed(text: str, interval: tuple[float, float] | None, show: Callable[[float], str]) -> str:
    """A number's text with its interval behind it, where it has one: 0.574 [0.49, 0.65]."""
    return text if interval is None else f"{text} [{show(interval[0])}, {show(interval[1])}]"


def magnitude(value: int) -> str:
    """596049920 as 596.0M; three magnitudes are enough for language models."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.1f}{unit}"
    return str(value)


def markdown(table: Table) -> str:
    """The table as a Markdown page: title, caption, pipe table, the one below it, notes as a list."""
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


def latex(table: Table, label: str) -> str:
    """The table as a LaTeX table environment (package booktabs), its notes in small type below it."""
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


def csv_text(table: Table) -> str:
    """All records as CSV, floats to 6 decimals; the table below, a CSV too, and the notes follow behind "# ".

    Read it with `pandas.read_csv(path, comment="#")`. Texts are quoted, so a "#" inside one is no comment.
    """
    lines = [_csv(table.records)]
    if table.below:
        lines += [f"# {line}\n" for line in (table.below.title, *_csv(table.below.records).splitlines())]
    for heading, statements in table.notes:
        lines += [f"# {_one_line(heading)}: {_one_line(statement)}\n" for statement in statements]
    return "".join(lines)


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, on one line, in a table's cell as well."""
    return _MARKDOWN.sub(lambda mark: mark["kept"] or "\\" + mark[0], _one_line(text))


def escape_latex(text: str) -> str:
    """Text that LaTeX shows as it is, on one line."""
    return "".join(_LATEX.get(mark, mark) for mark in _one_line(text))


def _grid(table: Table, form: str, escape: Callable[[str], str]) -> str:
    return tabulate(
        [[escape(cell) for cell in row] for row in table.cells],
        headers=[escape(column.heading) for column in table.columns],
        tablefmt=form,
        disable_numparse=True,
        colalign=["right" if column.number else "left" for column in table.columns],
    )


def _latex_grid(table: Table) -> str:
    """tabulate knows no paragraph columns, so they are put into the line that begins its table."""
    plain = ["r" if column.number else "l" for column in table.columns]
    wide = [
        rf"p{{{column.width}\linewidth}}" if column.width else kind
        for column, kind in zip(table.columns, plain, strict=True)
    ]
    grid = _grid(table, "latex_booktabs", _one_line)
    return grid.replace(f"{{{''.join(plain)}}}", f"{{{''.join(wide)}}}", 1)


def _latex_below(table: Table | None) -> list[str]:
    return [rf"\par\medskip \textbf{{{escape_latex(table.title)}}}\par", _latex_grid(table)] if table else []


def _csv(records: list[dict]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _for_csv(value) for key, value in record.items()} for record in records)
    return text.getvalue()


def _for_csv(value: object) -> object:
    if isinstance(value, float):
        return round(value, CSV_DECIMALS) + 0.0
    return _one_line(value) if isinstance(value, str) else value


def _one_line(text: str) -> str:
    return " ".join(text.split())
