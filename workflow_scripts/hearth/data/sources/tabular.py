"""Tables of events in files of any size: blocks of cells as text, every record under its own line number.

CSV and TSV files are read by pandas where every line of a block is a plain record, and record by record (rows.py)
where quotes, missing cells or the like stand in it: both read the same from lines that both can read. JSON lines are
read by `json`, Parquet by pyarrow; what is not text there becomes text as JSON writes it.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hearth.common.schemas import nearest
from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError, cells_of, records

BLOCK = 2**24  # bytes read at a time
BATCH = 200_000  # records of JSON or Parquet at a time
# Between several values of one cell, where the file has a list.
LIST = "\x1f"
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Block:
    """Records of a file: their cells (columns of text), the line of each (1-based), and the lines that are none."""

    cells: pd.DataFrame
    lines: np.ndarray
    faults: list[tuple[int, str]] = field(default_factory=list)


def read_blocks(path: Path, columns: Sequence[str], delimiter: str, encoding: str, header: Sequence[str]):
    """The records of a file, by its suffix, with the cells of `columns` (and maybe others).

    `header` names the columns of a CSV file that does not begin with their names. An empty file gives none.
    Raises ValueError naming a file that as a whole is not what its suffix says, or lacks columns.
    """
    if path.suffix == ".parquet":
        return _parquet(path, columns)
    if path.suffix in (".jsonl", ".ndjson"):
        return _json_lines(path, columns)
    return _delimited(path, columns, "\t" if path.suffix == ".tsv" else delimiter, encoding, header)


def column_names(path: Path, delimiter: str) -> list[str]:
    """The columns of a file, by its suffix. Raises ValueError naming a file that is not what its suffix says."""
    if path.suffix == ".parquet":
        try:
            return pq.read_schema(path).names
        except pa.ArrowException as error:
            raise ValueError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None
    line = next(line_blocks(path), b"").removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    if path.suffix in (".jsonl", ".ndjson"):
        try:
            return list(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            raise ValueError(f"{path}:1: not a JSON object") from None
    return _header(path, line, "\t" if path.suffix == ".tsv" else delimiter, "utf-8")


def line_blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes in blocks of whole lines; of a line far longer than a record the rest is left out."""
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


def decoded(line: bytes, encoding: str) -> str:
    """A line as text; RowError when it is not in that encoding."""
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        raise RowError(
            f"not {encoding} (byte 0x{line[error.start]:02x}); convert the file, or name its encoding"
        ) from None


def _delimited(path: Path, columns, delimiter: str, encoding: str, header: Sequence[str]) -> Iterator[Block]:
    first = 1
    names = list(header)
    for block in line_blocks(path):
        if first == 1:
            block = block.removeprefix(b"\xef\xbb\xbf")
            if not names and block.strip():
                line, _, block = block.partition(b"\n")
                first = 2
                names = _header(path, line, delimiter, encoding)
            _check_columns(path, columns, names)
        yield delimited_block(block, names, first, delimiter, encoding)
        first += block.count(b"\n")


def header_of(line: bytes, columns: Sequence[str], delimiter: str, encoding: str, name: str) -> list[str]:
    """The names of the columns that a first line has, `columns` among them; a ValueError names what it is of."""
    names = _header(Path(name), line, delimiter, encoding)
    _check_columns(Path(name), columns, names)
    return names


def delimited_block(block: bytes, names: list[str], first: int, delimiter: str, encoding: str) -> Block:
    """The records of whole lines of CSV, the first of which is line `first`."""
    return _plain(block, names, first, delimiter, encoding) or _ragged(block, names, first, delimiter, encoding)


def _header(path: Path, line: bytes, delimiter: str, encoding: str) -> list[str]:
    if b"\0" in line:
        raise ValueError(f"{path}:1: not text; say which files are read with `recording.files`")
    try:
        return cells_of(decoded(line, encoding), None, delimiter)
    except RowError as fault:
        raise ValueError(f"{path}:1: the names of the columns are unreadable: {fault}") from None


def _check_columns(path: Path, columns: Sequence[str], names: Sequence[str]) -> None:
    for name in columns:
        if names.count(name) != 1:
            found = nearest(name, names) if name not in names else "; it is there more than once"
            raise ValueError(
                f"{path}:1: no column {name!r}{found[:300]}; mend `recording` (columns, delimiter, header; files: "
                "which are read)"
            )


def _plain(block: bytes, names: list[str], first: int, delimiter: str, encoding: str) -> Block | None:
    """The records of a block in which every line is one, without quotes; None for any other."""
    mark = delimiter.encode()
    odd = (b'"' in block, b"\0" in block, len(mark) != 1, block.count(b"\r") != block.count(b"\r\n"))
    if any(odd) or len(names) < 2 or not block:
        return None
    data = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    cells = np.searchsorted(np.flatnonzero(data == mark[0]), ends)
    lengths = np.diff(np.r_[-1, ends])
    if (np.diff(np.r_[0, cells]) != len(names) - 1).any() or lengths.max() > LONGEST_RECORD:
        return None
    try:
        table = pd.read_csv(
            io.BytesIO(block),
            header=None,
            names=range(len(names)),
            dtype=str,
            sep=delimiter,
            quoting=3,
            na_filter=False,
            skip_blank_lines=False,
            encoding=encoding,
            engine="c",
        )
    except UnicodeDecodeError:
        return None
    return Block(table.set_axis(names, axis=1), np.arange(first, first + len(table)))


def _ragged(block: bytes, names: list[str], first: int, delimiter: str, encoding: str) -> Block:
    """The records of any block, one by one."""
    faults, lines = [], []
    for number, line in enumerate(block.split(b"\n"), start=first):
        try:
            lines.append(decoded(line, encoding))
        except RowError as fault:
            faults.append((number, str(fault)))
            lines.append("")
    rows = []
    for row in records(lines, names, delimiter=delimiter):
        if row.fault:
            faults.append((first + row.line - 1, row.fault))
        else:
            rows.append(row)
    return _block([row.cells for row in rows], [first + row.line - 1 for row in rows], faults, names)


def _block(rows: list[dict], lines: list[int], faults: list, names: Sequence[str]) -> Block:
    table = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=str) for name in names})
    return Block(table, np.array(lines, dtype=np.int64), sorted(faults))


def _json_lines(path: Path, columns: Sequence[str]) -> Iterator[Block]:
    first = 1
    for block in line_blocks(path):
        yield json_block(block, columns, first)
        first += block.count(b"\n")


def json_block(block: bytes, columns: Sequence[str], first: int) -> Block:
    """The records of whole lines of JSON, the first of which is line `first`."""
    rows, lines, faults = [], [], []
    for number, line in enumerate(block.split(b"\n"), start=first):
        try:
            if line.strip():
                rows.append(_object(line, columns))
                lines.append(number)
        except RowError as fault:
            faults.append((number, str(fault)))
    return _block(rows, lines, faults, columns)


def _object(line: bytes, columns: Sequence[str]) -> dict[str, str]:
    if len(line) > 8 * LONGEST_RECORD:
        raise RowError(f"longer than {8 * LONGEST_RECORD} bytes")
    try:
        value = json.loads(decoded(line.removeprefix(b"\xef\xbb\xbf"), "utf-8"))
    except RowError:
        raise
    except (ValueError, RecursionError) as error:
        raise RowError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RowError(f"a JSON {type(value).__name__}, not an object")
    return {name: _text(value.get(name)) for name in columns}


def _text(value: object) -> str:
    """A value of JSON as a cell; null is an empty one."""
    if isinstance(value, list):
        return LIST.join(map(_text, value))
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return json.dumps(value)


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Block]:
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, columns, file.schema_arrow.names)
            first = 1
            for batch in file.iter_batches(batch_size=BATCH, columns=list(columns)):
                table = pd.DataFrame({name: _arrow_text(batch[name]) for name in columns})
                yield Block(table, np.arange(first, first + len(table)))
                first += len(table)
    except pa.ArrowException as error:
        raise ValueError(f"{path}: not a Parquet file that can be read: {str(error).splitlines()[0]}") from None


def _arrow_text(column: pa.Array) -> pd.Series:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return pd.Series([_text(value) for value in column.to_pylist()], dtype=str)
    return pc.fill_null(column.cast(pa.string()), "").to_pandas().astype(str)
