"""Store rows of raw files as integer codes into lists of distinct values.

Ten million rows then fit in memory, and each distinct value is processed once.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from hearth.data.sources.blocks import LIST_SEPARATOR

Value = TypeVar("Value", bound=Hashable)
Columns = dict[str, np.ndarray]  # from a column's name to an array with one entry per row


class Codes(Generic[Value]):
    """Distinct values with their codes: 0, 1, 2, ... in order of first use."""

    def __init__(self) -> None:
        self._codes: dict[Value, int] = {}

    @property
    def values(self) -> list[Value]:
        """The list of distinct values; a value's position is its code."""
        return list(self._codes)

    def code(self, value: Value) -> int:
        """Return the code of one value; a new value gets the next code."""
        return self._codes.setdefault(value, len(self._codes))

    def encode(self, values: Sequence[Value], positions: np.ndarray) -> np.ndarray:
        """Return an int32 array with the code of `values[position]` for each of `positions`."""
        return np.array([self.code(value) for value in values], dtype=np.int32)[positions]


def encode_texts(codes: Codes[str], texts: pd.Series) -> np.ndarray:
    """Return the code of each text of a column; texts are stripped first."""
    positions, distinct = pd.factorize(texts)
    return codes.encode([text.strip() for text in distinct], positions)


def encode_pairs(
    codes: Codes[tuple[str, str]], first: np.ndarray, second: np.ndarray, values: tuple[list[str], list[str]]
) -> np.ndarray:
    """Return the code of each row's pair of values.

    `first` and `second` have each row's codes into the first and second list of `values`.
    """
    packed = first.astype(np.int64) << 32 | second
    positions, distinct = pd.factorize(packed)
    pairs = [(values[0][int(pair) >> 32], values[1][int(pair) & 0xFFFFFFFF]) for pair in distinct]
    return codes.encode(pairs, positions)


def split_cell(cell: str, separator: str) -> tuple[str, ...]:
    """Return the distinct values in a cell that may hold several, separated by `separator` unless it is ''."""
    parts = cell.split(LIST_SEPARATOR)
    if separator:
        parts = [part for each in parts for part in each.split(separator)]
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


@dataclass(frozen=True)
class Annotation:
    """Residents and activities of an event as the file spells them; the first activity has precedence.

    `is_lost` means that the file gives the activity in a row that is broken.
    """

    residents: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    is_lost: bool = False


COLUMNS = ("file", "line", "time", "utc", "lasted", "sensor", "state", "annotation", "session", "group")


@dataclass
class EncodedRows:
    """Rows with a readable time, in arrays by the columns of `COLUMNS`.

    The columns `file`, `sensor`, `state`, `annotation`, `session` and `group` hold codes of `files`, `sensors` and so
    on. `time` is in milliseconds since 1970, in UTC where `utc` is true, else on the home's clock. `lasted` has the
    length of a time span in milliseconds for its end, and minus that for its begin; 0 for other rows. At equal times,
    ends of spans that began earlier come before other rows. `session` is used only if a column names sessions. A group
    is a tuple with one value for each key of `recording.groups`.
    """

    files: Codes[str] = field(default_factory=Codes)
    sensors: Codes[str] = field(default_factory=Codes)
    states: Codes[str] = field(default_factory=Codes)
    annotations: Codes[Annotation] = field(default_factory=Codes)
    sessions: Codes[str] = field(default_factory=Codes)
    groups: Codes[tuple[str, ...]] = field(default_factory=Codes)
    parts: list[Columns] = field(default_factory=list)

    def add(self, **columns: np.ndarray) -> None:
        """Add rows; every column of `COLUMNS` is required."""
        self.parts.append(columns)

    def take(self) -> Columns:
        """Return a dict from each column to the array of all rows; remove the arrays from `parts` to save memory."""
        return {
            name: np.concatenate([part.pop(name) for part in self.parts] or [np.zeros(0, np.int64)]) for name in COLUMNS
        }
