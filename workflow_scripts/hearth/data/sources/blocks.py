"""Blocks of records, which the readers of all formats return."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.common.schemas import nearest
from hearth.data.load_report import PLACES_SHOWN, LoadReport

# Separates the values of a list in one cell.
LIST_SEPARATOR = "\x1f"
Fault = tuple[int, str]


@dataclass(frozen=True)
class Block:
    """Consecutive records of a file: a table of their cells as text, and the line number (1-based) of each record.

    `faults` has a pair for each unreadable record: its line number, and why it is unreadable. `comments` has the line
    numbers of the lines that `FileForm.comments` and `preamble` leave out. In a JSON document and in Parquet, lines are
    records.
    """

    cells: pd.DataFrame
    lines: np.ndarray
    faults: list[Fault] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)


def block_of(
    rows: Sequence[Mapping[str, str]], lines: Sequence[int], faults: list[Fault], names: Sequence[str]
) -> Block:
    """Return a block of `rows`, each a dict from at least the columns `names` to a cell."""
    table = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=str) for name in names})
    return Block(table, np.array(lines, dtype=np.int64), sorted(faults))


def count_comments(block: Block, name: str, report: LoadReport) -> None:
    """Count the block's comments as skipped rows of the file `name`."""
    if block.comments:
        report.rows += len(block.comments)
        report.skip("comment", [f"{name}:{line}" for line in block.comments[:PLACES_SHOWN]], len(block.comments))


def cell_text(value: object) -> str:
    """Return a JSON value as a cell; null becomes an empty cell."""
    if isinstance(value, list):
        return LIST_SEPARATOR.join(map(cell_text, value))
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return json.dumps(value)


def check_columns(place: Path | str, columns: Sequence[str], names: Sequence[str], hint: str = "") -> None:
    """Raise ValueError, naming `place`, unless `names` has each of `columns` once; `hint` is the likely remedy."""
    for name in columns:
        if names.count(name) != 1:
            found = nearest(name, names) if name not in names else "; the header names it more than once"
            remedy = hint or (
                "correct `recording` (columns, delimiter or header), or name the files to read in `recording.files` "
                "if this is none of events"
            )
            raise ValueError(f"{place}: no column {name!r}{found[:300]}; {remedy}")


def joined_cells(cells: pd.DataFrame, names: Sequence[str], separator: str) -> pd.Series:
    """Return one column: in each row, the stripped cells of the columns `names`, joined with `separator`."""
    joined = cells[names[0]].str.strip()
    for name in names[1:]:
        joined = joined + separator + cells[name].str.strip()
    return joined
