"""CSV files row by row: every record comes back, as cells or as a fault, under its own line number."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hearth.homes.home import Home

LARGEST_FILE = 256 * 2**20  # bytes; event files of a home are a thousand times smaller
LONGEST_RECORD = 10_000  # characters


class RowError(ValueError):
    """A row cannot become an event; the message says why."""


@dataclass(frozen=True)
class Row:
    """One record: its first line (1-based), its cells by column, stripped; or `fault`, why it has none."""

    line: int
    cells: dict[str, str] = field(default_factory=dict)
    fault: str = ""


def read_table(path: Path, columns: Iterable[str]) -> list[Row]:
    """The records of a UTF-8 CSV file with a header that names at least `columns`; blank lines are none.

    A byte order mark, LF or CRLF line ends, quoted cells with line ends in them, further columns and
    any order of columns are fine. A file that is unreadable as a whole gives one faulty row for
    every line after the first, and one at least. An empty file gives no rows.
    """
    if path.stat().st_size > LARGEST_FILE:
        return [Row(1, fault=f"the file is larger than {LARGEST_FILE // 2**20} MiB")]
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = data.count(b"\n", 0, error.start) + 1
        fault = f"the file is not UTF-8 (byte 0x{data[error.start]:02x} on line {at}); convert it to UTF-8"
        return _all_broken(data.split(b"\n"), fault)
    lines = text.split("\n")
    if not text.strip():
        return []
    try:
        header = cells_of(lines[0], None)
    except RowError as fault:
        return _all_broken(lines, f"the header on line 1 is unreadable: {fault}")
    missing = [column for column in columns if header.count(column) != 1]
    if missing:
        return _all_broken(lines, f"the header on line 1 must name {', '.join(map(repr, missing))} once")
    return list(records(lines, header, at=1))


def _all_broken(lines: list, fault: str) -> list[Row]:
    return [Row(n, fault=fault) for n, line in enumerate(lines[1:], start=2) if line.strip()] or [Row(1, fault=fault)]


def records(lines: list[str], header: list[str], at: int = 0, delimiter: str = ",") -> Iterator[Row]:
    """The records of lines[at:], blank lines left out; a record's `line` counts from lines[0] as 1."""
    while at < len(lines):
        used = 1
        if lines[at].strip() or delimiter in lines[at]:
            row, used = _record(lines, at, header, delimiter)
            yield row
        at += used


def _record(lines: list[str], at: int, header: list[str], delimiter: str) -> tuple[Row, int]:
    """The record that starts at lines[at], and how many lines it takes.

    A quoted cell may run over line ends. A quote that is never closed must not swallow good rows, so
    the record ends where a line is a whole row by itself, and then only its first line is broken.
    """
    text = lines[at]
    first_fault = None
    for used in range(1, len(lines) - at + 1):
        try:
            cells = cells_of(text, len(header), delimiter)
            return Row(at + 1, dict(zip(header, cells, strict=True))), used
        except RowError as fault:
            first_fault = first_fault or str(fault)
            ahead = lines[at + used] if at + used < len(lines) else ""
            if text.count('"') % 2 == 0 or len(text) > LONGEST_RECORD or _is_row(ahead, len(header), delimiter):
                break
            text += "\n" + ahead
    return Row(at + 1, fault=first_fault), 1


def _is_row(line: str, width: int, delimiter: str) -> bool:
    try:
        return bool(cells_of(line, width, delimiter))
    except RowError:
        return False


def cells_of(text: str, width: int | None, delimiter: str = ",") -> list[str]:
    """The cells of one record, stripped; RowError when it is no CSV or has not `width` cells (None: any number)."""
    if len(text) > LONGEST_RECORD:
        raise RowError(f"longer than {LONGEST_RECORD} characters")
    if "\0" in text:
        raise RowError("holds a NUL byte")
    try:
        cells = next(csv.reader([text], strict=True, delimiter=delimiter), [])
    except csv.Error as error:
        raise RowError(f"not CSV: {error}") from None
    if width is not None and len(cells) != width:
        raise RowError(f"{len(cells)} cells, but the header has {width}")
    return [cell.strip() for cell in cells]


def in_words(home: Home, sensor: str, state: str) -> dict[str, str]:
    """The columns room, sensor, state and description of an event; RowError when the home has no such thing."""
    try:
        room, words, description = home.describe(sensor, state)
    except KeyError as error:
        raise RowError(error.args[0]) from None
    return {"room": room, "sensor": sensor, "state": words, "description": description}


def out_of_order(times: Iterable[int]) -> int:
    """How many times lie before one that is ahead of them in the list."""
    count = 0
    latest = None
    for time in times:
        count += latest is not None and time < latest
        latest = time if latest is None else max(latest, time)
    return count
