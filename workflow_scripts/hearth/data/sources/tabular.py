"""Read tables of events from files of any size and format, in blocks of records; cells are text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hearth.data.sources.blocks import Block, cell_text, check_columns
from hearth.data.sources.delimited import read_delimited, read_delimited_names
from hearth.data.sources.influx_tables import read_influx, read_influx_names
from hearth.data.sources.json_records import read_json, read_json_lines, read_json_names
from hearth.data.sources.line_groups import read_line_group_names, read_line_groups
from hearth.data.sources.text_lines import unpacked
from hearth.homes.raw_format import FileForm

BATCH = 200_000  # Parquet records read at a time
# Formats of files by suffix, in any letter case, for `recording.format: auto`.
FORMAT_OF_SUFFIX = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "json-lines",
    ".ndjson": "json-lines",
    ".json": "json",
    ".parquet": "parquet",
}
# Suffixes of the files that are read by default. With `auto`, JSON documents are read only where there are no tables:
# beside tables they often describe them.
SUFFIXES_OF_FORMAT: dict[str, list[tuple[str, ...]]] = {
    "auto": [(".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"), (".json",)],
    "csv": [(".csv",)],
    "tsv": [(".tsv",)],
    "json-lines": [(".jsonl", ".ndjson", ".json")],
    "parquet": [(".parquet",)],
    "home-assistant": [(".json",)],
    "openhab": [(".json",)],
    "influxdb": [(".csv",)],
}


def read_blocks(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    """Return an iterator over the blocks of a file, whose cells have the columns `columns`, each once.

    An empty file gives no records. Raises ValueError, naming the file, if it is not in its format, or if it lacks one
    of `columns`.
    """
    return _FORMATS[format_of(path, form)].read(path, list(dict.fromkeys(columns)), form)


def read_column_names(path: Path, form: FileForm) -> list[str]:
    """Return the names of a file's columns. Raises ValueError if the file is not in its format."""
    return _FORMATS[format_of(path, form)].names(path, form)


def format_of(path: Path, form: FileForm) -> str:
    """Return the format of a file; one with an unknown suffix is CSV."""
    if form.line_groups:
        return "line-groups"
    return FORMAT_OF_SUFFIX.get(unpacked(path).suffix.lower(), "csv") if form.format == "auto" else form.format


@dataclass(frozen=True)
class _Format:
    """Functions that read the blocks of a file, and the names of its columns."""

    read: Callable[[Path, Sequence[str], FileForm], Iterator[Block]]
    names: Callable[[Path, FileForm], list[str]]


def _read_tsv(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    return read_delimited(path, columns, _tabs(form))


def _tabs(form: FileForm) -> FileForm:
    return form if form.delimiter == "tabs" else replace(form, delimiter="\t")


def _read_parquet(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    try:
        with pq.ParquetFile(path) as file:
            check_columns(path, columns, file.schema_arrow.names)
            first = 1
            for batch in file.iter_batches(batch_size=BATCH, columns=list(columns)):
                table = pd.DataFrame({name: _arrow_text(batch[name]) for name in columns})
                yield Block(table, np.arange(first, first + len(table)))
                first += len(table)
    except pa.ArrowException as error:
        raise ValueError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def _read_parquet_names(path: Path, form: FileForm) -> list[str]:
    try:
        return pq.read_schema(path).names
    except pa.ArrowException as error:
        raise ValueError(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None


def _arrow_text(column: pa.Array) -> pd.Series:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return pd.Series([cell_text(value) for value in column.to_pylist()], dtype=str)
    return pc.fill_null(column.cast(pa.string()), "").to_pandas().astype(str)


# The formats of `recording.format`; `json`, a document whose form its content shows; and that of `line_groups`.
_FORMATS = {
    "csv": _Format(read_delimited, read_delimited_names),
    "tsv": _Format(_read_tsv, lambda path, form: read_delimited_names(path, _tabs(form))),
    "line-groups": _Format(read_line_groups, read_line_group_names),
    "json-lines": _Format(read_json_lines, read_json_names),
    "json": _Format(read_json, read_json_names),
    "home-assistant": _Format(read_json, read_json_names),
    "openhab": _Format(read_json, read_json_names),
    "influxdb": _Format(read_influx, read_influx_names),
    "parquet": _Format(_read_parquet, _read_parquet_names),
}
