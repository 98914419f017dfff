"""Read delimited text (CSV, TSV, runs of blanks or tabs) in blocks of records.

Lines that are records by themselves are parsed by pandas. Any other line, such as one with a quote in a cell or with
missing cells, is parsed by itself (`csv_rows.py`), and so is a whole block if a quoted cell has line ends. Both parsers
agree on the lines that both can parse.

Lines of empty cells, which spreadsheets write below a table, are no records, as blank lines are none.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.data.sources.blocks import Block, Fault, block_of, check_columns
from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError, parse_records, split_cells
from hearth.data.sources.text_lines import decode_line, read_line_blocks
from hearth.homes.raw_format import FileForm

_RUNS = ("blanks", "tabs")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_NUMBER_OR_DATE = re.compile(r"[\d\s:.,/+-]*\d[\d\s:.,/+TZ-]*")
_INFLUX = ("#group", "#datatype", "#default")
# Delimiters that a header is tried with, as the yaml writes them.
_LIKELY = {'","': ",", '";"': ";", r'"\t"': "\t", '"|"': "|", "blanks": "blanks"}
_WIDTHS = re.compile(r"(\d+) cells, but the header has (\d+)")
_NO_ROW = ("#", "--", "==", "//", "%")  # beginnings of lines that are seldom rows
_PREAMBLE = 200  # lines in which the names of columns are looked for
_NEWLINE, _RETURN, _QUOTE, _TAB, _BLANK = b'\n\r"\t '


def read_delimited(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    """Yield the blocks of a file; an empty file gives none.

    Raises ValueError, naming file and line, if the header is unreadable or lacks one of `columns`.
    """
    table = DelimitedTable(str(path), columns, form)
    for block in read_line_blocks(path, form.encoding):
        yield table.read(block)
    table.check_end()


def read_delimited_names(path: Path, form: FileForm) -> list[str]:
    """Return the names of a file's columns; none for an empty file. Raises ValueError if its header is unreadable."""
    table = DelimitedTable(str(path), [], form)
    for block in read_line_blocks(path, form.encoding):
        table.read_head(block)
        if table.names:
            break
    return [name for name in table.names if name]


class DelimitedTable:
    """A table that is read from its first line on, in blocks of whole lines."""

    def __init__(self, name: str, columns: Sequence[str], form: FileForm, line: int = 1):
        """`name` stands for the file in errors; `columns` are read; `line` is the number of the first line.

        Raises ValueError if the names that `form` gives lack one of `columns`.
        """
        self._name, self._columns = name, list(dict.fromkeys(columns))
        self._form = form
        self._runs = form.delimiter in _RUNS
        self._delimiter = "\t" if self._runs else form.delimiter
        self._comments = tuple(text.encode() for text in form.comments)
        self.names = list(form.header)
        if self.names:
            check_columns(name, columns, self.names)
        self._is_settled = False  # whether the first row was seen
        self._faults: list[Fault] = []  # of lines before the first row
        self._next = line  # number of the next line

    def read(self, block: bytes) -> Block:
        """Return the records in the next whole lines of the table; one that goes on in the next block is faulty."""
        block, comments = self.read_head(block)
        first = self._next
        self._next += block.count(b"\n") + (not block.endswith(b"\n") and bool(block))
        numbers = np.arange(first, self._next)
        if self._comments and block:
            lines = block.removesuffix(b"\n").split(b"\n")
            is_row = np.array([not line.startswith(self._comments) for line in lines])
            comments += numbers[~is_row].tolist()
            if not is_row.all():
                block, numbers = b"".join(lines[at] + b"\n" for at in np.flatnonzero(is_row)), numbers[is_row]
        records = self._parse(self._unite_runs(block), numbers)
        faults, self._faults = [*self._faults, *records.faults], []
        return replace(records, faults=faults, comments=comments)

    def check_end(self) -> None:
        """Raise ValueError if the table has lines, but no more than `FileForm.preamble` leaves out."""
        if 1 < self._next <= self._form.preamble + 1:
            raise ValueError(
                f"{self._name}: no table below its preamble: it has {self._next - 1} lines, and "
                f"`{self._form.key}.preamble` leaves out {self._form.preamble}"
            )

    def read_head(self, block: bytes) -> tuple[bytes, list[int]]:
        """Read the lines before the first row; return the rest of the block and the numbers of comments before it."""
        comments: list[int] = []
        while block and not self._is_settled:
            line, _, rest = block.partition(b"\n")
            if self._next <= self._form.preamble or (self._comments and line.startswith(self._comments)):
                comments.append(self._next)
            elif self._next == 1 and (mark := _SEPARATOR_LINE.fullmatch(_text(line).strip(" \r"))):
                self._delimiter, self._runs = mark[1], False
            elif not line.strip() or (self._is_empty(_text(line)) and not (self.names and self._form.empty_rows)):
                pass
            elif not self.names:
                self.names = self._read_header(line, rest)
            elif not self._settle(line):
                return block, comments
            block = rest
            self._next += 1
        return block, comments

    def _is_empty(self, line: str) -> bool:
        """Return whether a line holds only delimiters and blanks."""
        return not line.strip(f" \t\r{self._delimiter}")

    def _read_header(self, line: bytes, rest: bytes) -> list[str]:
        """Return the names of the columns in `line`, below which the block has the lines `rest`."""
        place = f"{self._name}:{self._next}"
        if b"\0" in line:
            raise ValueError(
                f"{place}: not text, or in UTF-16 without a byte order mark: name its encoding in `recording` "
                "(utf-16-le or utf-16-be), or the files to read in `recording.files`"
            )
        if b"\r" in line.rstrip(b"\r"):
            raise ValueError(f"{place}: lines end with carriage returns alone, as of old Macintoshes; convert them")
        try:
            text = decode_line(line, self._form.encoding)
            names = split_cells(decode_line(self._unite_runs(line), self._form.encoding), None, self._delimiter)
        except RowError as fault:
            raise ValueError(f"{place}: the names of the columns are unreadable: {fault}") from None
        if len(names) > 1 and not names[-1]:
            names.pop()
        hint = _header_hint(text, names, self._columns, self._form.key) or self._preamble_hint(rest)
        check_columns(place, self._columns, names, hint)
        return names

    def _preamble_hint(self, rest: bytes) -> str:
        """Return a remedy if one of the next lines has the names of all columns; '' if none has them."""
        for at, line in enumerate(rest.split(b"\n", _PREAMBLE)[:_PREAMBLE]):
            try:
                names = split_cells(_text(self._unite_runs(line)), None, self._delimiter)
            except RowError:
                continue
            if self._columns and set(self._columns) <= set(names):
                number = self._next + at
                return f"line {number + 1} has the names of the columns: set `{self._form.key}.preamble: {number}`"
        return ""

    def _settle(self, line: bytes) -> bool:
        """Decide by the first row how rows end. Return whether it is none, since it repeats `FileForm.header`.

        Empty cells after the last column get a nameless column each.
        """
        self._is_settled = True
        try:
            cells = split_cells(_text(self._unite_runs(line)), None, self._delimiter)
        except RowError:
            return False
        if self._form.header and cells == self.names:
            self._faults = [(self._next, f"a line with the names of the columns; remove `{self._form.key}.header`")]
            return True
        surplus = cells[len(self.names) :]
        if not any(surplus):
            self.names += surplus
        return False

    def _unite_runs(self, block: bytes) -> bytes:
        return unite_runs(block, self._form.delimiter) if self._runs else block

    def _parse(self, block: bytes, numbers: np.ndarray) -> Block:
        data = np.frombuffer(block if block.endswith(b"\n") or not block else block + b"\n", dtype=np.uint8)
        ends = np.flatnonzero(data == _NEWLINE)
        quotes = np.flatnonzero(data == _QUOTE)
        if (np.searchsorted(quotes, ends) % 2).any():
            return self._parse_records(block.removesuffix(b"\n").split(b"\n"), numbers)
        is_plain = self._plain_lines(data, ends, quotes)
        lengths = np.diff(np.r_[-1, ends])
        if not _is_utf8(block):
            is_plain &= [_is_utf8(line) for line in block.removesuffix(b"\n").split(b"\n")]
        plain = Block(self._parse_plain(data, is_plain, lengths), numbers[is_plain])
        if is_plain.all():
            return plain
        odd = [data[ends[at] + 1 - lengths[at] : ends[at]].tobytes() for at in np.flatnonzero(~is_plain)]
        return _merge(plain, self._parse_records(odd, numbers[~is_plain], alone=True))

    def _plain_lines(self, data: np.ndarray, ends: np.ndarray, quotes: np.ndarray) -> np.ndarray:
        """Return the mask of the lines that pandas parses as the record parser does; no quoted cell has line ends."""
        mark = self._delimiter.encode()
        if len(mark) != 1 or len(self.names) < 2:
            return np.zeros(len(ends), dtype=bool)
        marks = np.flatnonzero(data == mark[0])
        marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
        cells = np.diff(np.r_[0, np.searchsorted(marks, ends)]) + 1
        lengths = np.diff(np.r_[-1, ends])
        is_plain = (cells == len(self.names)) & (lengths <= LONGEST_RECORD)
        if self._form.short_rows == "fill":
            is_plain |= (cells > 1) & (cells < len(self.names)) & (lengths <= LONGEST_RECORD)
        returns = np.flatnonzero(data == _RETURN)
        odd = np.r_[np.flatnonzero(data == 0), returns[data[returns + 1] != _NEWLINE]]
        # Quotes that neither enclose a cell nor stand for a quote within one.
        before, after = data[quotes[::2] - 1], data[quotes[1::2] + 1]
        before = np.where(quotes[::2] == 0, _NEWLINE, before)
        odd = np.r_[odd, quotes[::2][~np.isin(before, [mark[0], _NEWLINE, _QUOTE])]]
        odd = np.r_[odd, quotes[1::2][~np.isin(after, [mark[0], _NEWLINE, _RETURN, _QUOTE])]]
        is_plain[np.searchsorted(ends, odd.astype(np.int64))] = False
        is_filled = ~np.isin(data, np.frombuffer(b'\n\r\t "' + mark, dtype=np.uint8), kind="table")
        return is_plain & np.logical_or.reduceat(is_filled, ends + 1 - lengths)

    def _parse_plain(self, data: np.ndarray, is_plain: np.ndarray, lengths: np.ndarray) -> pd.DataFrame:
        if not is_plain.any():
            return pd.DataFrame({name: pd.Series([], dtype=str) for name in self._columns})
        text = data if is_plain.all() else data[np.repeat(is_plain, lengths)]
        positions = [self.names.index(name) for name in self._columns]
        # pandas refuses a text of which no row has all columns.
        full_row = self._delimiter.encode() * (len(self.names) - 1) + b"\n"
        table = pd.read_csv(
            io.BytesIO(full_row + text.tobytes()),
            header=None,
            names=range(len(self.names)),
            usecols=positions,
            dtype=str,
            sep=self._delimiter,
            quoting=csv.QUOTE_MINIMAL,
            na_filter=False,
            skip_blank_lines=False,
            engine="c",
        )
        return table[positions].iloc[1:].set_axis(self._columns, axis=1).reset_index(drop=True)

    def _parse_records(self, lines: Sequence[bytes], numbers: np.ndarray, alone: bool = False) -> Block:
        """Parse lines record by record; with `alone`, no record has several lines."""
        faults, texts = [], []
        for number, line in zip(numbers.tolist(), lines, strict=True):
            try:
                texts.append(decode_line(line, self._form.encoding))
            except RowError as fault:
                faults.append((number, str(fault)))
                texts.append("")
        rows, places = [], []
        for start, part in enumerate([text] for text in texts) if alone else [(0, texts)]:
            for row in parse_records(part, self.names, 0, self._delimiter, self._form.short_rows == "fill"):
                place, text = int(numbers[start + row.line - 1]), part[row.line - 1]
                is_empty = self._is_empty(text) if row.fault else not any(row.cells.values())
                if is_empty and not self._form.empty_rows:
                    continue
                if row.fault:
                    faults.append((place, row.fault + self._width_hint(row.fault, text)))
                else:
                    rows.append(row.cells)
                    places.append(place)
        return block_of(rows, places, faults, self._columns)

    def _width_hint(self, fault: str, line: str) -> str:
        """Return the likely remedy of a record with more or fewer cells than the header; '' for other faults."""
        if not (counts := _WIDTHS.match(fault)):
            return ""
        key, hints = self._form.key, []
        if line.startswith(_NO_ROW):
            hints.append(f"if the line is no row, name its beginning in `{key}.comments`")
        for runs, mark in {"tabs": "\t", "blanks": " "}.items():
            doubled = 2 * mark in line.strip() or "" in self.names[1:]
            if self._delimiter == mark and doubled and not self._runs:
                hints.append(f"if runs of {runs} separate the cells, set `{key}.delimiter: {runs}`")
        if not hints and int(counts[1]) < int(counts[2]):
            hints.append(f"if the last cells may be missing, set `{key}.short_rows: fill`")
        return "".join(f"; {hint}" for hint in hints)


def unite_runs(block: bytes, kind: str) -> bytes:
    """Return the block with one tab for each run outside quotes, and no blanks or tabs at line ends.

    `kind` is `tabs` for runs of tabs, or `blanks` for runs of blanks and tabs; these are left out at beginnings of
    lines, too.
    """
    if b'"' in block:
        run = rb"\t+" if kind == "tabs" else rb"[ \t]+"
        block = re.sub(rb'"[^"\n]*"|' + run, lambda found: found[0] if found[0][:1] == b'"' else b"\t", block)
        return re.sub(rb"(?m)[ \t]+(?=\r?$)" + (rb"" if kind == "tabs" else rb"|^\t"), b"", block)
    data = np.frombuffer(block + b"\n\n", dtype=np.uint8).copy()
    is_blank = (data == _TAB) | (data == _BLANK)
    starts = np.flatnonzero(is_blank & ~np.r_[False, is_blank[:-1]])
    ends = np.flatnonzero(~is_blank & np.r_[False, is_blank[:-1]])
    is_outer = (data[ends] == _NEWLINE) | ((data[ends] == _RETURN) & (data[ends + 1] == _NEWLINE))
    if kind == "blanks":
        is_outer |= (starts == 0) | (data[starts - 1] == _NEWLINE)
        data[is_blank] = _TAB
    steps: np.ndarray = np.zeros(len(data), dtype=np.int8)
    steps[starts[is_outer]], steps[ends[is_outer]] = 1, -1
    is_tab = data == _TAB
    is_left_out = (np.cumsum(steps, dtype=np.int8) > 0) | (is_tab & np.r_[False, is_tab[:-1]])
    return data[~is_left_out].tobytes()[:-2]


def _merge(first: Block, second: Block) -> Block:
    """Return one block with the records of both, in order of their lines."""
    lines = np.r_[first.lines, second.lines]
    order = np.argsort(lines, kind="stable")
    cells = pd.concat([first.cells, second.cells], ignore_index=True).iloc[order].reset_index(drop=True)
    return Block(cells, lines[order], sorted(first.faults + second.faults))


def _header_hint(text: str, names: Sequence[str], columns: Sequence[str], key: str) -> str:
    """Return the likely remedy for a header that lacks columns; '' if it is unknown. `key` is that of `FileForm`."""
    if text.startswith(_INFLUX):
        return f"this is annotated CSV of InfluxDB: set `{key}.format: influxdb`"
    if text.startswith("#"):
        return f"if the line is no header, name its beginning in `{key}.comments`"
    missing = [name for name in columns if name not in names]
    for written, delimiter in _LIKELY.items():
        others = text.split() if delimiter == "blanks" else [cell.strip(' "') for cell in text.split(delimiter)]
        if missing and set(columns) <= set(others):
            return f"its cells are separated otherwise: set `{key}.delimiter: {written}`"
    if len(missing) == len(columns) and any(_NUMBER_OR_DATE.fullmatch(name) for name in names):
        return f"the first line looks like a row, not like names: name the columns in `{key}.header`"
    return ""


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
