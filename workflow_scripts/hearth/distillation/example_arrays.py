"""Token ids of training examples in flat arrays: in files that the ranks of a node share, or in memory.

A million traces of 1,500 tokens take 6 GB as arrays, and 50 GB as Python lists. Of arrays in files, only the pages that
are read are in memory, once for all processes of a node.
"""

import hashlib
import tempfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from hearth.common import files

_TOKEN = np.dtype(np.int32)
_TOKENS, _ENDS, _IDS = "tokens.npy", "ends.npy", "window_ids.npy"


@dataclass(frozen=True)
class Example:
    """Token ids of one window's example: `suffix_ids` is the prompt after the static prefix."""

    window_id: str
    suffix_ids: list[int]
    completion_ids: list[int]


class ExampleArrays(Sequence[Example]):
    """A sequence of examples that builds each example on access."""

    def __init__(self, tokens: np.ndarray, ends: np.ndarray, window_ids: np.ndarray):
        """Hold arrays: all token ids (int32), one example after the other; where each ends in `tokens` (int64).

        `ends` has shape (examples, 2): the end of the suffix, and of the completion. `window_ids` has UTF-8 bytes.
        """
        self._tokens, self._ends, self._window_ids = tokens, ends, window_ids

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        start = int(self._ends[position - 1, 1]) if position else 0
        middle, end = map(int, self._ends[position])
        window_id = bytes(self._window_ids[position]).decode("utf-8")
        return Example(window_id, self._tokens[start:middle].tolist(), self._tokens[middle:end].tolist())

    def lengths(self) -> np.ndarray:
        """Return the number of tokens of every example after the static prefix (int64)."""
        return np.diff(self._ends[:, 1], prepend=0)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all token ids in order, with the bounds of suffix and completion."""
        parts = hashlib.sha256(np.ascontiguousarray(self._ends).data)
        parts.update(np.ascontiguousarray(self._tokens).data)
        return parts.hexdigest()

    @classmethod
    def open(cls, folder: Path) -> "ExampleArrays":
        """Return the examples that `TokenScratch.save` wrote; their arrays are read when they are needed."""
        return cls(*(np.load(folder / name, mmap_mode="r") for name in (_TOKENS, _ENDS, _IDS)))


def to_arrays(examples: Sequence[Example]) -> ExampleArrays:
    """Return a few examples as arrays in memory."""
    tokens = [token for example in examples for token in (*example.suffix_ids, *example.completion_ids)]
    parts = [[len(example.suffix_ids), len(example.completion_ids)] for example in examples]
    ends = np.cumsum(np.array(parts, dtype=np.int64).reshape(-1)).reshape(-1, 2)
    window_ids = np.array([example.window_id.encode("utf-8") for example in examples], dtype=np.bytes_)
    return ExampleArrays(np.array(tokens, dtype=_TOKEN), ends, window_ids)


class TokenScratch:
    """A temporary file of examples, of which some are kept."""

    def __init__(self, folder: Path):
        """Create the file in `folder`; it has no name, so nothing is left of it when the process ends."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the object
        # Three integers for each example: its start in the file, in tokens, and the ends of suffix and completion.
        self._bounds = array("q")

    def append(self, example: Example) -> int:
        """Write an example, and return its number."""
        start = self._file.tell() // _TOKEN.itemsize
        middle = start + len(example.suffix_ids)
        self._bounds.extend((start, middle, middle + len(example.completion_ids)))
        self._file.write(np.array(example.suffix_ids + example.completion_ids, dtype=_TOKEN).data)
        return len(self._bounds) // 3 - 1

    def save(self, folder: Path, kept: Sequence[int], window_ids: Sequence[str]) -> None:
        """Write examples into `folder`: `kept` has their numbers in the order of `append`."""
        self._file.flush()
        starts, middles, ends = np.frombuffer(self._bounds, dtype=np.int64).reshape(-1, 3)[list(kept)].T
        shifts = np.cumsum(ends - starts) - ends
        with files.replacing(folder / _TOKENS) as temporary, open(temporary, "wb") as tokens:
            header = {"descr": np.lib.format.dtype_to_descr(_TOKEN), "fortran_order": False}
            np.lib.format.write_array_header_1_0(tokens, {**header, "shape": (int((ends - starts).sum()),)})
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                self._file.seek(start * _TOKEN.itemsize)
                tokens.write(self._file.read((end - start) * _TOKEN.itemsize))
        names = np.array([name.encode("utf-8") for name in window_ids], dtype=np.bytes_)
        for name, values in ((_ENDS, np.stack([middles, ends], axis=1) + shifts[:, None]), (_IDS, names)):
            with files.replacing(folder / name) as temporary, open(temporary, "wb") as file:
                np.save(file, values)
