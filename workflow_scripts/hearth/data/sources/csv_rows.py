"""Read CSV files record by record; every record is returned with its line number, as cells or as a fault."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LARGEST_FILE = 256 * 2**20  # bytes; event files of a home are a thousand times smaller
LONGEST_RECORD = 10_000  # characters
REPLACEMENT = "\ufffd"  # stands for bytes that are not UTF-8
NOT_UTF8 = "the file is not UTF-8; convert it"


class RowError(ValueError):
    """A row cannot become an event; the message says why."""


@dataclass(frozen=True)
class Row:
    """One record: the number of its first line (1-based), and a dict from columns to stripped cells.

    An unreadable record has no cells; its `fault` says why it is unreadable.
    """

    line: int
    cells: dict[str, str] = field(default_factory=dict)
    fault: str = ""


def read_csv(path: Path, columns: Iterable[str]) -> list[Row]:
    """Return the records of a UTF-8 CSV file whose header has at least `columns`; blank lines are no records.

    A byte order mark, LF or CRLF line ends, quoted cells with line ends, further columns and any order of columns are
    accepted. Bytes that are not UTF-8 make a row faulty only in `columns`; nothing reads the other cells. A file that
    is unreadable as a whole gives one faulty row for each line after the first, at least one. An empty file gives no
    rows.
    """
    if path.stat().st_size > LARGEST_FILE:
        return [Row(1, fault=f"the file is larger than {LARGEST_FILE // 2**20} MiB")]
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    lines = text.split("\n")
    if not text.strip():
        return []
    hint = f"; {NOT_UTF8}" if REPLACEMENT in text else ""
    try:
        header = split_cells(lines[0], None)
    except RowError as error:
        return _faulty_rows(lines, f"the header on line 1 is unreadable: {error}{hint}")
    columns = tuple(columns)
    missing = [column for column in columns if header.count(column) != 1]
    if missing:
        return _faulty_rows(lines, f"the header on line 1 must name {', '.join(map(repr, missing))} once{hint}")
    return [_check_text(row, columns) for row in parse_records(lines, header, start=1)]


def _check_text(row: Row, columns: Sequence[str]) -> Row:
    """Return the row, or a faulty one if a cell in `columns` holds bytes that are not UTF-8."""
    for column in columns:
        if REPLACEMENT in row.cells.get(column, ""):
            return Row(row.line, fault=f"column {column}: {row.cells[column]!r}: {NOT_UTF8}")
    return row


def _faulty_rows(lines: Sequence[str], fault: str) -> list[Row]:
    return [Row(n, fault=fault) for n, line in enumerate(lines[1:], start=2) if line.strip()] or [Row(1, fault=fault)]


def parse_records(
    lines: list[str], header: list[str], start: int = 0, delimiter: str = ",", fill: bool = False
) -> Iterator[Row]:
    """Yield the records of lines[start:] without blank lines; a record's `line` counts from lines[0] as 1.

    With `fill`, missing last cells are empty; else they make the record faulty.
    """
    at = start
    while at < len(lines):
        used = 1
        if lines[at].strip() or delimiter in lines[at]:
            row, used = _parse_record(lines, at, header, delimiter, fill)
            yield row
        at += used


def _parse_record(lines: list[str], at: int, header: list[str], delimiter: str, fill: bool) -> tuple[Row, int]:
    """Return the record that starts at lines[at], and the number of its lines.

    A quoted cell may contain line ends. An unclosed quote must not consume good rows: the record ends before a line
    that is a whole row by itself, and then only its first line is faulty.
    """
    text = lines[at]
    first_fault = ""
    for used in range(1, len(lines) - at + 1):
        try:
            cells = split_cells(text, len(header), delimiter, fill)
            return Row(at + 1, dict(zip(header, cells, strict=True))), used
        except RowError as fault:
            first_fault = first_fault or str(fault)
            following = lines[at + used] if at + used < len(lines) else ""
            if text.count('"') % 2 == 0 or len(text) > LONGEST_RECORD or _is_row(following, len(header), delimiter):
                break
            text += "\n" + following
    return Row(at + 1, fault=first_fault), 1


def _is_row(line: str, width: int, delimiter: str) -> bool:
    try:
        return bool(split_cells(line, width, delimiter))
    except RowError:
        return False


def split_cells(text: str, width: int | None, delimiter: str = ",", fill: bool = False) -> list[str]:
    """Return the stripped cells of one record; with `fill`, missing last cells are empty.

    Raises RowError if the text is not CSV or does not have `width` cells (None: any number).
    """
    if len(text) > LONGEST_RECORD:
        raise RowError(f"longer than {LONGEST_RECORD} characters")
    if "\0" in text:
        raise RowError("holds a NUL byte")
    try:
        cells = next(csv.reader([text], strict=True, delimiter=delimiter), [])
    except csv.Error as error:
        raise RowError(f"not CSV: {error}") from None
    if fill and width:
        cells += [""] * (width - len(cells))
    if width is not None and len(cells) != width:
        raise RowError(f"{len(cells)} cells, but the header has {width}")
    return [cell.strip() for cell in cells]
