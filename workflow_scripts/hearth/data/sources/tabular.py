"""Read tables of events from files of any size, in blocks of records; cells are text, and records have line numbers.

A block of CSV or TSV in which every line is a plain record is parsed by pandas; any other block, such as one with
quotes or missing cells, is parsed record by record (`csv_rows.py`). Both parsers agree on lines that both can parse.
JSON lines are parsed by `json`, Parquet by pyarrow. Their values that are not text are converted to JSON text.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hearth.common.schemas import nearest
from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError, parse_records, split_cells
from hearth.homes.raw_format import FileForm

BLOCK = 2**24  # bytes read at a time
BATCH = 200_000  # Parquet records read at a time
# Separates the values of a list in one cell.
LIST_SEPARATOR = "\x1f"
JSON_SUFFIXES = (".jsonl", ".ndjson")
SUFFIXES = (".csv", ".tsv", *JSON_SUFFIXES, ".parquet")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Consecutive records of a file: a table of their cells as text, and the line number (1-based) of each record.

    `faults` has a pair for each unreadable record: its line number, and why it is unreadable.
    """

    cells: pd.DataFrame
    lines: np.ndarray
    faults: list[tuple[int, str]] = field(default_factory=list)


def read_blocks(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    """Return an iterator over the blocks of a file, which have at least `columns`; the suffix decides the format.

    An empty file gives no blocks. Raises ValueError,
    naming the file, if it is not in the format of its suffix, or if it lacks one of `columns`.
    """
    if path.suffix == ".parquet":
        return _read_parquet(path, columns)
    if path.suffix in JSON_SUFFIXES:
        return _read_json_lines(path, columns)
    return _read_delimited(path, columns, _form_of_suffix(path, form))


def read_column_names(path: Path, form: FileForm) -> list[str]:
    """Return the names of a file's columns. Raises ValueError if the file is not in the format of its suffix."""
    if path.suffix == ".parquet":
        try:
            return pq.read_schema(path).names
        except pa.ArrowException as error:
            raise ValueError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None
    line = next(read_line_blocks(path), b"").removeprefix(BYTE_ORDER_MARK).partition(b"\n")[0]
    if path.suffix in JSON_SUFFIXES:
        try:
            return list(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            raise ValueError(f"{path}:1: not a JSON object") from None
    return _parse_header(path, line, _form_of_suffix(path, form))


def _form_of_suffix(path: Path, form: FileForm) -> FileForm:
    return replace(form, delimiter="\t") if path.suffix == ".tsv" else form


def read_line_blocks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in blocks of whole lines; a line of more than `BLOCK` bytes is cut short."""
    rest = b""
    with open(path, "rb") as handle:
        while chunk := handle.read(BLOCK):
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            if end:
                yield whole + end
            elif len(rest) > BLOCK:
                rest = rest[: 8 * LONGEST_RECORD]
    if rest:
        yield rest


def decode_line(line: bytes, encoding: str) -> str:
    """Return a line as text. Raises RowError if its bytes are not valid in the encoding `encoding`."""
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise RowError(
            f"not {encoding} (byte 0x{line[error.start]:02x}); convert the file, or name its encoding in `recording`"
        ) from None


def _read_delimited(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    first = 1
    names = list(form.header)
    for block in read_line_blocks(path):
        if first == 1:
            block = block.removeprefix(BYTE_ORDER_MARK)
            if not names and block.strip():
                line, _, block = block.partition(b"\n")
                first = 2
                names = _parse_header(path, line, form)
            _check_columns(path, columns, names)
        yield parse_csv_block(block, names, first, form)
        first += block.count(b"\n")


def parse_header(line: bytes, columns: Sequence[str], form: FileForm, name: str) -> list[str]:
    """Return the column names in a header line.

    Raises ValueError if one of `columns` is missing; its message begins with `name`, the name of the file.
    """
    names = _parse_header(Path(name), line, form)
    _check_columns(Path(name), columns, names)
    return names


def parse_csv_block(block: bytes, names: list[str], first: int, form: FileForm) -> Block:
    """Return the records in `block`, which holds whole CSV lines.

    `names` are the columns, and `first` is the number of the block's first line in its file.
    """
    plain = _parse_plain(block, names, first, form)
    return plain or _parse_record_by_record(block, names, first, form)


def _parse_header(path: Path, line: bytes, form: FileForm) -> list[str]:
    if b"\0" in line:
        raise ValueError(f"{path}:1: not text; name the files to read in `recording.files`")
    try:
        return split_cells(decode_line(line, form.encoding), None, form.delimiter)
    except RowError as fault:
        raise ValueError(f"{path}:1: the names of the columns are unreadable: {fault}") from None


def _check_columns(path: Path, columns: Sequence[str], names: Sequence[str]) -> None:
    for name in columns:
        if names.count(name) != 1:
            hint = nearest(name, names) if name not in names else "; the header names it more than once"
            raise ValueError(
                f"{path}:1: no column {name!r}{hint[:300]}; correct `recording` (columns, delimiter or header; or "
                "files, to read others)"
            )


def _parse_plain(block: bytes, names: list[str], first: int, form: FileForm) -> Block | None:
    """Parse a block in which every line is a record without quotes; return None for any other block."""
    mark = form.delimiter.encode()
    is_ragged = b'"' in block or b"\0" in block or len(mark) != 1 or block.count(b"\r") != block.count(b"\r\n")
    if is_ragged or len(names) < 2 or not block:
        return None
    data = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    delimiters_before = np.searchsorted(np.flatnonzero(data == mark[0]), ends)
    lengths = np.diff(np.r_[-1, ends])
    if (np.diff(np.r_[0, delimiters_before]) != len(names) - 1).any() or lengths.max() > LONGEST_RECORD:
        return None
    try:
        table = pd.read_csv(
            io.BytesIO(block),
            header=None,
            names=range(len(names)),
            dtype=str,
            sep=form.delimiter,
            quoting=3,
            na_filter=False,
            skip_blank_lines=False,
            encoding=form.encoding,
            engine="c",
        )
    except UnicodeDecodeError:
        return None
    return Block(table.set_axis(names, axis=1), np.arange(first, first + len(table)))


def _parse_record_by_record(block: bytes, names: list[str], first: int, form: FileForm) -> Block:
    faults, lines = [], []
    for number, line in enumerate(block.split(b"\n"), start=first):
        try:
            lines.append(decode_line(line, form.encoding))
        except RowError as fault:
            faults.append((number, str(fault)))
            lines.append("")
    rows = []
    for row in parse_records(lines, names, delimiter=form.delimiter):
        if row.fault:
            faults.append((first + row.line - 1, row.fault))
        else:
            rows.append(row)
    return _block([row.cells for row in rows], [first + row.line - 1 for row in rows], faults, names)


def _block(rows: list[dict[str, str]], lines: list[int], faults: list[tuple[int, str]], names: Sequence[str]) -> Block:
    table = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=str) for name in names})
    return Block(table, np.array(lines, dtype=np.int64), sorted(faults))


def _read_json_lines(path: Path, columns: Sequence[str]) -> Iterator[Block]:
    first = 1
    for block in read_line_blocks(path):
        yield parse_json_block(block, columns, first)
        first += block.count(b"\n")


def parse_json_block(block: bytes, columns: Sequence[str], first: int) -> Block:
    """Return the records in `block`, which holds whole lines of JSON, each with one object.

    `first` is the number of the block's first line in its file.
    """
    rows, lines, faults = [], [], []
    for number, line in enumerate(block.split(b"\n"), start=first):
        try:
            if line.strip():
                rows.append(_parse_object(line, columns))
                lines.append(number)
        except RowError as fault:
            faults.append((number, str(fault)))
    return _block(rows, lines, faults, columns)


def _parse_object(line: bytes, columns: Sequence[str]) -> dict[str, str]:
    if len(line) > 8 * LONGEST_RECORD:
        raise RowError(f"longer than {8 * LONGEST_RECORD} bytes")
    text = decode_line(line.removeprefix(BYTE_ORDER_MARK), "utf-8")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(f"not JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise RowError(f"a JSON {type(value).__name__}, not an object")
    return {name: _cell_text(value.get(name)) for name in columns}


def _cell_text(value: object) -> str:
    """Return a JSON value as a cell; null becomes an empty cell."""
    if isinstance(value, list):
        return LIST_SEPARATOR.join(map(_cell_text, value))
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return json.dumps(value)


def _read_parquet(path: Path, columns: Sequence[str]) -> Iterator[Block]:
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, columns, file.schema_arrow.names)
            first = 1
            for batch in file.iter_batches(batch_size=BATCH, columns=list(columns)):
                table = pd.DataFrame({name: _arrow_text(batch[name]) for name in columns})
                yield Block(table, np.arange(first, first + len(table)))
                first += len(table)
    except pa.ArrowException as error:
        raise ValueError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def _arrow_text(column: pa.Array) -> pd.Series:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return pd.Series([_cell_text(value) for value in column.to_pylist()], dtype=str)
    return pc.fill_null(column.cast(pa.string()), "").to_pandas().astype(str)
