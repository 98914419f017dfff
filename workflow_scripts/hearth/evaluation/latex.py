"""Render tables as LaTeX floats (packages booktabs and array) that fit a column or a page.

A table in paper form takes one column of a two-column page, or the whole page if it has many columns. Every other table
takes the page: its columns share the line by the length of their texts, and columns or rows that find no place follow
in another block or float. Names and texts are untrusted: special characters are escaped, and long words may break.
"""

import math
import re
from collections.abc import Sequence
from itertools import groupby, takewhile
from typing import NamedTuple

from hearth.evaluation.notes import ASSUMED
from hearth.evaluation.paper_form import PaperCell, PaperColumn, PaperForm, PaperRow
from hearth.evaluation.rendering import Column, Note, Table, one_line

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    **{"±": r"\(\pm\)", "×": r"\(\times\)", "≤": r"\(\le\)", "≥": r"\(\ge\)", "−": r"\(-\)", "→": r"\(\to\)"},
    "`": r"\textasciigrave{}",  # alone it would open a quotation
    "†": r"\(\dagger\)",
    "\N{NO-BREAK SPACE}": "~",
}
_INTERVAL = re.compile(r"(\[[-+]?[0-9.]+), ([-+]?[0-9.]+\])")
_LONG_WORD = 12  # characters; longer words may break
_BREAKS = "-_./:,;|+=~"  # a long word may break after each of these
_UNBROKEN = 14  # characters of the longest text that must fit a line: an interval of two signed numbers

# Widths in points. A column of the usual two-column page is 3.3 inches wide, the page 7 inches.
_COLUMN_WIDTH, _PAGE_WIDTH = 238, 504
_NUMBER_WIDTH, _DEVIATION_WIDTH = 46, 62  # number columns of a paper form, without and with a standard deviation
_NAME_WIDTH = 76  # smallest width for the names of the rows
_SEPARATION = 4  # \tabcolsep, on both sides of a column
_CHARACTER = 4.2  # of \scriptsize, generously
_SMALL_CHARACTER = 3.7  # of digits and brackets in \scriptsize
_LINE = 9  # height of a line
_HEADING = 3 * _LINE  # of a table, with its rules
_FLOAT_HEIGHT = 520  # of a page, without caption and notes


class _Float(NamedTuple):
    """A float: its environment, its lines without caption, and the room in points that a page has left below them."""

    environment: str
    body: list[str]
    room: float


class _Cells(NamedTuple):
    """Columns of a wide table that stand side by side: headings, whether they hold numbers, and cells row by row."""

    columns: list[Column]
    rows: list[list[str]]


def render_latex(table: Table, label: str) -> str:
    """Return the table as LaTeX floats, with its notes in small type below the last one."""
    caption = ". ".join(text.rstrip(".") for text in (table.title, table.caption) if text)
    if table.paper:
        notes: list[Note] = [("", table.paper.footnotes), *(note for note in table.notes if note[0] in _KEPT_NOTES)]
        floats = _paper_floats(table.paper)
    else:
        notes, floats = table.notes, _wide_floats(table)
    if table.below:
        below = _wide_floats(table.below)
        below[0].body.insert(1, rf"\textbf{{{escape_latex(table.below.title)}}}\par\smallskip")
        floats += below
    last = floats[-1]
    if _notes_height(notes, _COLUMN_WIDTH if last.environment == "table" else _PAGE_WIDTH) > last.room:
        floats.append(_Float("table*", [], 0))
    floats[-1].body.extend(_notes(notes))
    lines = []
    for number, (environment, body, _) in enumerate(floats):
        lines += [rf"\begin{{{environment}}}", r"\centering"]
        lines.append(rf"\caption{{{breakable_latex(f'{caption} (continued)' if number else caption)}.}}\smallskip")
        if not number:
            lines.append(rf"\label{{tab:{re.sub('[^A-Za-z0-9-]', '-', label)}}}")
        lines += [rf"\setlength{{\tabcolsep}}{{{_SEPARATION}pt}}", *body, rf"\end{{{environment}}}"]
    return "\n".join(lines) + "\n"


# Notes of a table that its paper form keeps beside its own footnotes.
_KEPT_NOTES = (
    *("Simulated data", "Tiny models", "Metrics", "Left out", "Baselines", "Never answered", "Truncated traces"),
    *("p values", "Lenient", "Tested", ASSUMED),
)


def escape_latex(text: str) -> str:
    """Escape a text for LaTeX and put it on one line."""
    return _escape(one_line(text))


def _escape(text: str) -> str:
    return "".join(_LATEX.get(mark, mark) for mark in text)


def breakable_latex(text: str) -> str:
    """Escape a text for LaTeX as `escape_latex` does, and let its long words break: names often have no spaces."""
    return " ".join(map(_breakable_word, _words(text)))


def _words(text: str) -> list[str]:
    """Return the words of a text; an interval is one word, because a break would make it hard to read."""
    return _INTERVAL.sub("\\1,\N{NO-BREAK SPACE}\\2", one_line(text)).split(" ")


def _breakable_word(word: str) -> str:
    """Allow breaks after `_BREAKS` and, with a hyphen, inside of long runs of letters; not in short words."""
    if len(word) <= _LONG_WORD or "\N{NO-BREAK SPACE}" in word:
        return _escape(word)
    parts = []
    for run in re.findall(r"[^\W_]+|[\W_]", word):
        pieces = [run[at : at + 6] for at in range(0, len(run), 6)] if len(run) > _LONG_WORD else [run]
        # A hyphen in a number would look like a minus sign.
        parts.append((r"\-" if run.isalpha() else r"\allowbreak{}").join(map(_escape, pieces)))
        if run in _BREAKS:
            parts.append(r"\allowbreak{}")
    return "".join(parts)


def _notes(notes: Sequence[Note]) -> list[str]:
    lines = [r"\par\smallskip", r"\begin{minipage}{\linewidth}\scriptsize\raggedright"]
    for heading, statements in notes:
        if statements:
            bold = rf"\textbf{{{escape_latex(heading)}:}} " if heading else ""
            lines.append(rf"{bold}{breakable_latex('; '.join(statements))}\par")
    return [*lines, r"\end{minipage}"]


def _notes_height(notes: Sequence[Note], width: float) -> float:
    return sum(_LINE * _lines(f"{heading}: {'; '.join(statements)}", width) for heading, statements in notes)


def _paper_floats(form: PaperForm) -> list[_Float]:
    count = len(form.columns)
    least = max(_DEVIATION_WIDTH if form.has_deviations else _NUMBER_WIDTH, _longest_word(form))
    one_column = count * (least + 2 * _SEPARATION) + _NAME_WIDTH <= _COLUMN_WIDTH
    environment, room = ("table", _COLUMN_WIDTH) if one_column else ("table*", _PAGE_WIDTH)
    names = min(room / 2, _CHARACTER * max(len(name) for name, _ in form.rows))
    per_block = min(count, max(1, (_PAGE_WIDTH - _NAME_WIDTH) // (least + 2 * _SEPARATION)))
    if form.metrics <= per_block:
        per_block -= per_block % form.metrics  # the metrics of a dataset stay side by side
    width = int(max(least, min(2 * least, (room - names) / per_block - 2 * _SEPARATION)))
    blocks = math.ceil(count / per_block)
    name_width = room - per_block * (width + 2 * _SEPARATION)
    floats = []
    rows: list[PaperRow] = []
    heading = blocks * (_HEADING + _LINE * max(_lines(column.dataset, width) for column in form.columns))
    height: float = heading
    for row in form.rows:
        below = max((_lines(cell.interval, width + 2 * _SEPARATION) for cell in row[1] if cell), default=0)
        lines = max(_lines(row[0], name_width), 1 + below)
        row_height = blocks * (lines + 0.5) * _LINE
        if rows and height + row_height > _FLOAT_HEIGHT:
            floats.append(_Float(environment, _paper_blocks(form, rows, per_block, width), 0))
            rows, height = [], heading
        rows.append(row)
        height += row_height
    return [*floats, _Float(environment, _paper_blocks(form, rows, per_block, width), _FLOAT_HEIGHT - height)]


def _longest_word(form: PaperForm) -> int:
    """Return the width of the longest word in small type below the values of a paper form, in points."""
    words = (word for _, cells in form.rows for cell in cells if cell for word in _words(cell.interval))
    return math.ceil(_SMALL_CHARACTER * max((min(len(word), _UNBROKEN + 2) for word in words), default=0))


def _paper_blocks(form: PaperForm, rows: Sequence[PaperRow], per_block: int, width: int) -> list[str]:
    body = [r"\footnotesize"]
    for first in range(0, len(form.columns), per_block):
        block = slice(first, first + per_block)
        body += _paper_grid(form.heading, form.columns[block], [(name, cells[block]) for name, cells in rows], width)
    return body


def _paper_grid(heading: str, columns: Sequence[PaperColumn], rows: Sequence[PaperRow], width: int) -> list[str]:
    taken = width + 2 * _SEPARATION
    name = rf"\dimexpr\linewidth-{len(columns) * taken}pt\relax"
    numbers = rf"*{{{len(columns)}}}{{>{{\centering\arraybackslash}}p{{{width}pt}}}}"
    lines = [
        rf"\begin{{tabular}}{{@{{}}>{{\raggedright\arraybackslash}}p{{{name}}}{numbers}@{{}}}}",
        r"\toprule",
    ]
    if any(column.metric for column in columns):
        groups = [(dataset, len(list(group))) for dataset, group in groupby(columns, key=lambda one: one.dataset)]
        first, rules = 2, []
        for position, (dataset, number) in enumerate(groups, start=1):
            end = "@{}" if position == len(groups) else ""
            span = rf">{{\centering\arraybackslash}}p{{{number * taken - 2 * _SEPARATION}pt}}{end}"
            lines.append(rf"& \multicolumn{{{number}}}{{{span}}}{{{breakable_latex(dataset)}}}")
            rules.append(rf"\cmidrule(lr){{{first}-{first + number - 1}}}")
            first += number
        lines += [r"\\", *rules, heading + "".join(f" & {breakable_latex(one.metric)}" for one in columns) + r" \\"]
    else:
        lines.append(heading + "".join(f" & {breakable_latex(one.dataset)}" for one in columns) + r" \\")
    lines.append(r"\midrule")
    for position, (name, cells) in enumerate(rows):
        lines += [r"\addlinespace[2pt]"] if position else []
        lines.append(rf"{breakable_latex(name)}{''.join(f' & {_paper_cell(cell)}' for cell in cells)} \\")
    return [*lines, r"\bottomrule", r"\end{tabular}\par\smallskip"]


def _paper_cell(cell: PaperCell | None) -> str:
    if cell is None:
        return "--"
    value = rf"\textbf{{{cell.value}}}" if cell.best else cell.value
    deviation = rf"\,{{\scriptsize\(\pm\){cell.deviation}}}" if cell.deviation else ""
    mark = r"\rlap{\(^{\dagger}\)}" if cell.marked else ""
    interval = rf"\newline{{\scriptsize{{}}{breakable_latex(cell.interval)}}}" if cell.interval else ""
    return f"{value}{deviation}{mark}{interval}"


def _wide_floats(table: Table) -> list[_Float]:
    """Return the floats of a table that is not in paper form; all of them are full but the last."""
    bodies: list[list[str]] = [[r"\scriptsize"]]
    room: float = _FLOAT_HEIGHT
    for block in _blocks(table):
        shares = _shares(block)
        fitting: list[list[str]] = []
        room -= _HEADING
        for row in block.rows:
            height = _LINE * max(_lines(cell, share * _PAGE_WIDTH) for cell, share in zip(row, shares, strict=True))
            if height > room and (fitting or len(bodies[-1]) > 1):
                bodies[-1] += _wide_grid(block.columns, fitting, shares) if fitting else []
                bodies.append([r"\scriptsize"])
                fitting, room = [], _FLOAT_HEIGHT - _HEADING
            fitting.append(row)
            room -= height
        bodies[-1] += _wide_grid(block.columns, fitting, shares)
    return [*(_Float("table*", body, 0) for body in bodies[:-1]), _Float("table*", bodies[-1], room)]


def _lines(text: str, width: float) -> int:
    return math.ceil(len(text) * _CHARACTER / (width - 2 * _SEPARATION))


def _blocks(table: Table) -> list[_Cells]:
    """Divide the columns of a table into blocks that fit the page; each begins with the names of the rows."""
    widths = _least_widths(table.columns, table.cells)
    names = len(list(takewhile(lambda column: not column.number, table.columns)))
    if sum(widths) <= _PAGE_WIDTH or sum(widths[:names]) > _PAGE_WIDTH / 2:
        return [_Cells(table.columns, table.cells)]
    blocks: list[list[int]] = []
    room = 0.0
    for position in range(names, len(widths)):
        if widths[position] > room:
            blocks.append(list(range(names)))
            room = _PAGE_WIDTH - sum(widths[:names])
        blocks[-1].append(position)
        room -= widths[position]
    return [
        _Cells([table.columns[position] for position in block], [[row[one] for one in block] for row in table.cells])
        for block in blocks
    ]


def _least_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[float]:
    """Return the width in points that each column needs for its longest word."""
    texts = [[column.heading, *(row[position] for row in rows)] for position, column in enumerate(columns)]
    words = [max(min(len(word), _UNBROKEN) for text in column for word in _words(text)) for column in texts]
    return [(length + 1) * _CHARACTER + 2 * _SEPARATION for length in words]


def _shares(block: _Cells) -> list[float]:
    """Return the share of the line that each column of a block takes: its longest word, then by length of its text."""
    least = _least_widths(block.columns, block.rows)
    longest = [
        max(len(text) for text in (column.heading, *(row[position] for row in block.rows)))
        for position, column in enumerate(block.columns)
    ]
    wanted = [
        max(0.0, length * _CHARACTER + 2 * _SEPARATION - width) for length, width in zip(longest, least, strict=True)
    ]
    room = max(0.0, _PAGE_WIDTH - sum(least))
    given = min(1.0, room / sum(wanted)) if any(wanted) else 0.0
    widths = [width + given * more for width, more in zip(least, wanted, strict=True)]
    return [width / max(_PAGE_WIDTH, sum(widths)) for width in widths]


def _wide_grid(columns: Sequence[Column], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> list[str]:
    alignment = "".join(
        rf">{{\{'raggedleft' if column.number else 'raggedright'}\arraybackslash}}"
        rf"p{{\dimexpr{share:.4f}\linewidth-{2 * _SEPARATION}pt\relax}}"
        for column, share in zip(columns, shares, strict=True)
    )
    heading = " & ".join(breakable_latex(column.heading) for column in columns)
    return [
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        rf"{heading} \\",
        r"\midrule",
        *(rf"{' & '.join(_wide_cell(cell) for cell in row)} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}\par\smallskip",
    ]


def _wide_cell(text: str) -> str:
    # A group keeps a "[" at the beginning of a row from being read as the optional argument of the row before.
    return f"{{}}{breakable_latex(text)}" if text.startswith("[") else breakable_latex(text)
