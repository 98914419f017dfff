"""Read annotated CSV of InfluxDB: one or more tables in a file, each with annotations (`#default`, ...) and a header.

A table begins at its annotations, or after a blank line. An empty cell gets its column's default. Tables may have
different columns; a column that a table lacks is empty in its records.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from hearth.data.sources.blocks import Block, check_columns
from hearth.data.sources.csv_rows import RowError, split_cells
from hearth.data.sources.delimited import DelimitedTable
from hearth.data.sources.text_lines import decode_line, read_line_blocks
from hearth.homes.raw_format import FileForm

# Columns that each table has, and that say nothing of its rows.
FRAME = ("", "result", "table", "_start", "_stop")
# An annotation or a blank line; both are between tables.
_BETWEEN = re.compile(rb"(?m)^(?:#.*|[ \t\r]*)$")


def read_influx(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    """Yield the blocks of all tables of a file; an empty file gives none.

    Raises ValueError, naming file and line, if a table is an error of InfluxDB, if its header is unreadable, or if no
    table has one of `columns`.
    """
    tables = _Tables(path, columns, form)
    for block in read_line_blocks(path, form.encoding):
        yield from tables.read(block)
    if tables.names:
        check_columns(path, columns, list(tables.names))


def read_influx_names(path: Path, form: FileForm) -> list[str]:
    """Return the names of the columns of all tables of a file, in order of first use."""
    tables = _Tables(path, (), form)
    for block in read_line_blocks(path, form.encoding):
        for _ in tables.read(block):
            pass
    return list(tables.names)


class _Tables:
    """The tables of a file, read in blocks of whole lines. `names` are the columns of all tables so far."""

    def __init__(self, path: Path, columns: Sequence[str], form: FileForm):
        self.names: dict[str, None] = {}
        self._path, self._columns, self._form = path, columns, form
        self._next = 1  # number of the next line
        self._header: list[str] = []
        self._defaults: list[str] = []

    def read(self, block: bytes) -> Iterator[Block]:
        """Yield the records in the next whole lines of the file."""
        start = 0
        for between in _BETWEEN.finditer(block):
            yield from self._read_rows(block[start : between.start()])
            if between.start() < len(block):
                self._read_between(between[0])
                self._next += 1
            start = between.end() + 1
        yield from self._read_rows(block[start:])

    def _read_between(self, line: bytes) -> None:
        if self._header:
            self._header, self._defaults = [], []
        if line.startswith(b"#default"):
            self._defaults = self._split(line)

    def _read_rows(self, rows: bytes) -> Iterator[Block]:
        if rows and not self._header:
            line, _, rows = rows.partition(b"\n")
            self._header = self._split(line)
            self.names |= dict.fromkeys(name for name in self._header if name)
            self._next += 1
        if [name for name in self._header if name][:2] == ["error", "reference"]:
            raise ValueError(f"{self._path}:{self._next}: an error of InfluxDB, not its data: {rows[:200]!r}")
        if rows and self._columns:
            # Rows of a table without any of the columns are counted by its last column.
            known = [name for name in self._columns if name in self._header] or self._header[-1:]
            form = replace(self._form, header=tuple(self._header), comments=())
            table = DelimitedTable(str(self._path), known, form, self._next).read(rows)
            yield replace(table, cells=self._complete(table.cells))
        self._next += rows.count(b"\n") + (bool(rows) and not rows.endswith(b"\n"))

    def _complete(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Return the cells with the defaults in empty cells, and with empty cells in columns that the table lacks."""
        defaults = dict(zip(self._header, self._defaults, strict=False))
        cells = cells.reindex(columns=list(self._columns), fill_value="").astype(str)
        for name, default in defaults.items():
            if default and name in cells:
                cells[name] = cells[name].mask(cells[name] == "", default)
        return cells

    def _split(self, line: bytes) -> list[str]:
        try:
            return split_cells(decode_line(line, self._form.encoding), None, self._form.delimiter)
        except RowError as fault:
            raise ValueError(f"{self._path}:{self._next}: the names of the columns are unreadable: {fault}") from None
