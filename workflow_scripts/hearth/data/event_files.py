"""Write and read the event table as a Parquet file, and compute the digest of its content."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hearth.common import files
from hearth.data.events import (
    ALTERNATIVES,
    TEXT_COLUMNS,
    check_event_form,
    event_schema,
    group_columns,
)

_CHUNK = 100_000  # events decoded or encoded at a time


def write_events(path: Path, events: pd.DataFrame) -> None:
    """Write `events` as Parquet, atomically; equal events give equal bytes (for one version of pyarrow)."""
    check_event_form(events)
    schema = event_schema(list(events.columns))
    columns = [_arrow_column(events[field.name], field.type) for field in schema]
    with files.replacing(path) as temporary:
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), temporary)


def _arrow_column(column: pd.Series, kind: pa.DataType) -> pa.Array:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pa.DictionaryArray.from_arrays(column.cat.codes, column.cat.categories.astype(object)).cast(kind)
    if pa.types.is_list(kind):
        # Many events have equal lists, so convert only the distinct lists.
        codes, distinct = _encode_lists(column)
        return pa.array(distinct, type=kind).take(pa.array(codes))
    return pa.array(column.to_numpy() if column.dtype.kind in "iM" else column.tolist(), type=kind)


def _encode_lists(column: pd.Series) -> tuple[np.ndarray, list[list[str]]]:
    """Return a pair: the code of each row of a column of lists, and the distinct lists, in the order of their codes."""
    codes_of: dict[tuple[str, ...], int] = {}
    codes = np.fromiter((codes_of.setdefault(tuple(names), len(codes_of)) for names in column), np.int64, len(column))
    return codes, [list(names) for names in codes_of]


def read_events(path: Path) -> pd.DataFrame:
    """Return the event table of an events file, with text columns as categories.

    Raises ValueError, naming the file, if it is missing, is not an events file, or fails `check_event_form`.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such events file; load_dataset.py writes it")
    try:
        names = pq.read_schema(path).names
        table = pq.read_table(path, read_dictionary=[*TEXT_COLUMNS, *group_columns(names)])
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a Parquet file: {error}") from None
    if not _without_dictionaries(table.schema).equals(event_schema(names)):
        raise ValueError(f"{path}: not an events file: its columns are {', '.join(table.schema.names)}")
    lists = [name for name in ("residents", ALTERNATIVES) if name in table.schema.names]
    events = table.drop(lists).to_pandas()
    for name in lists:
        events[name] = decode_lists(*_encode_arrow_lists(table[name]))
    events = events[table.schema.names]
    try:
        check_event_form(events)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return events


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the value type in place of each dictionary type."""
    return pa.schema(
        [
            pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
            for field in schema
        ]
    )


def _encode_arrow_lists(column: pa.ChunkedArray) -> tuple[np.ndarray, list[list[str]]]:
    """Return what `_encode_lists` returns, for an Arrow column, with one chunk of rows in memory at a time."""
    codes_of: dict[tuple[str, ...], int] = {}
    codes = [
        codes_of.setdefault(tuple(names), len(codes_of))
        for start in range(0, len(column), _CHUNK)
        for names in column.slice(start, _CHUNK).to_pylist()
    ]
    return np.array(codes, dtype=np.int64), [list(names) for names in codes_of]


def decode_lists(codes: np.ndarray, distinct: Sequence[list[str]]) -> np.ndarray:
    """Return an object array with `distinct[code]` for each of `codes`; rows with equal codes share one list object."""
    values: np.ndarray = np.empty(len(distinct), dtype=object)
    values[:] = distinct
    return values[codes]


def digest_events(events: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of column names and rows.

    It does not depend on file format, library version, categories or index. It equals `files.digest([columns, rows])`,
    but only the JSON of one chunk of rows is in memory at a time.
    """
    columns = list(events.columns)
    hasher = hashlib.sha256(f"[{_json(columns)},[".encode())
    for start in range(0, len(events), _CHUNK):
        part = events.iloc[start : start + _CHUNK]
        rows = zip(*(_json_values(part[name]) for name in columns), strict=True)
        hasher.update(("," if start else "").encode() + _json(list(rows))[1:-1].encode())
    hasher.update(b"]]")
    return hasher.hexdigest()


def _json_values(column: pd.Series) -> list[Any]:
    return column.astype("int64").tolist() if column.dtype.kind == "M" else column.tolist()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
