"""Token ids of training examples in flat arrays: in files that the ranks of a node share, or in memory.

A million traces of 1,500 tokens take 6 GB as arrays, and 50 GB as Python lists. Of arrays in files, only the pages that
are read are in memory, once for all processes of a node.
"""

import hashlib
import math
import tempfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, overload

import numpy as np

from hearth.common import files

_TOKEN, _WEIGHT = np.dtype(np.int32), np.dtype(np.float32)
_SOFT_DTYPES = (np.dtype(np.int32), np.dtype(np.float16))  # of the arrays of `SoftTargets`
_TOKENS, _ENDS, _IDS, _PREFIXES = "tokens.npy", "ends.npy", "window_ids.npy", "prefixes.npy"
_WINDOWS, _WEIGHTS = "windows.npy", "weights.npy"
_SHARES, _TOP_IDS, _LOG_PROBABILITIES = "soft_shares.npy", "top_ids.npy", "log_probabilities.npy"
_SOFT = (_SHARES, _TOP_IDS, _LOG_PROBABILITIES)


class SoftTargets(NamedTuple):
    """The teacher's k likeliest tokens in the place of each token of a completion.

    `top_ids` (int32) and `log_probabilities` (float16) have the shape (tokens, k). `share` is the share of the loss
    that is the divergence from them; the rest is cross-entropy.
    """

    share: float
    top_ids: np.ndarray
    log_probabilities: np.ndarray


def no_soft_targets(tokens: int, top_tokens: int) -> SoftTargets:
    """Return soft targets that do not count, for tokens beside others that have some."""
    shape = (tokens, top_tokens)
    return SoftTargets(0.0, np.zeros(shape, np.int32), np.zeros(shape, np.float16))


@dataclass(frozen=True)
class Example:
    """Token ids of one example: `suffix_ids` is the prompt of its window after the static prefix.

    `prefix` is the number of this prefix. `weights` are those of the completion's tokens in the loss; None for 1 each.
    `soft` has the teacher's likeliest tokens in their places; None if the student learns the tokens alone.
    """

    window_id: str
    suffix_ids: list[int]
    completion_ids: list[int]
    prefix: int = 0
    weights: list[float] | None = None
    soft: SoftTargets | None = None


class SoftArrays:
    """The soft targets of examples, one after the other; an example with the share 0 has none."""

    def __init__(self, shares: np.ndarray, ends: np.ndarray, top_ids: np.ndarray, log_probabilities: np.ndarray):
        """Hold arrays: the share of each example (float32), and the teacher's tokens of all, as in `SoftTargets`.

        `ends` is that of `ExampleArrays`: an example has soft targets for all of its completion, or for none of it.
        """
        self._shares, self._top_ids, self._log_probabilities = shares, top_ids, log_probabilities
        self._ends = np.cumsum(np.where(shares > 0, ends[:, 1] - ends[:, 0], 0))

    def __getitem__(self, position: int) -> SoftTargets | None:
        if not self._shares[position]:
            return None
        part = slice(int(self._ends[position - 1]) if position else 0, int(self._ends[position]))
        return SoftTargets(float(self._shares[position]), self._top_ids[part], self._log_probabilities[part])

    def add_to(self, hasher: "hashlib._Hash") -> None:
        """Add everything that decides a training to a digest."""
        for values in (self._shares, self._top_ids, self._log_probabilities):
            hasher.update(np.ascontiguousarray(values).data)

    @classmethod
    def open(cls, folder: Path, ends: np.ndarray) -> "SoftArrays | None":
        """Return what `TokenScratch.save` wrote; None if no example has soft targets."""
        if not (folder / _SHARES).exists():
            return None
        shares, top_ids, values = (np.load(folder / name, mmap_mode="r") for name in _SOFT)
        return cls(shares, ends, top_ids, values)


class ExampleArrays(Sequence[Example]):
    """A sequence of examples that builds each example on access."""

    def __init__(
        self,
        tokens: np.ndarray,
        ends: np.ndarray,
        window_ids: np.ndarray,
        prefixes: np.ndarray,
        windows: np.ndarray,
        weights: np.ndarray | None = None,
        soft: SoftArrays | None = None,
    ):
        """Hold arrays: all token ids (int32), one example after the other; where each ends in `tokens` (int64).

        `ends` has shape (examples, 2): the end of the suffix, and of the completion. `window_ids` has UTF-8 bytes,
        `prefixes` the number of the prefix of each example (int32), `weights` a weight for each of `tokens` (float32).
        The examples of a window lie together; `windows` has the number of the first of each window (int64).
        """
        self._tokens, self._ends, self._window_ids = tokens, ends, window_ids
        self.prefixes, self.windows, self._weights, self._soft = prefixes, windows, weights, soft

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
        return Example(
            bytes(self._window_ids[position]).decode("utf-8"),
            self._tokens[start:middle].tolist(),
            self._tokens[middle:end].tolist(),
            int(self.prefixes[position]),
            None if self._weights is None else self._weights[middle:end].tolist(),
            None if self._soft is None else self._soft[position],
        )

    def lengths(self) -> np.ndarray:
        """Return the number of tokens of every example after the static prefix (int64)."""
        return np.diff(self._ends[:, 1], prepend=0)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all arrays: token ids in order, their bounds, weights and soft targets."""
        parts = hashlib.sha256(np.ascontiguousarray(self._ends).data)
        parts.update(np.ascontiguousarray(self._tokens).data)
        if self._weights is not None:
            parts.update(np.ascontiguousarray(self._weights).data)
        if self._soft is not None:
            self._soft.add_to(parts)
        return parts.hexdigest()

    @classmethod
    def open(cls, folder: Path) -> "ExampleArrays":
        """Return the examples that `TokenScratch.save` wrote; their arrays are read when they are needed."""
        names = [_TOKENS, _ENDS, _IDS, _PREFIXES, _WINDOWS, *([_WEIGHTS] if (folder / _WEIGHTS).exists() else [])]
        tokens, ends, *others = (np.load(folder / name, mmap_mode="r") for name in names)
        arrays = cls(tokens, ends, *others)
        arrays._soft = SoftArrays.open(folder, ends)
        return arrays


def to_arrays(examples: Sequence[Example]) -> ExampleArrays:
    """Return a few examples as arrays in memory; those of a window follow each other."""
    tokens = [token for example in examples for token in (*example.suffix_ids, *example.completion_ids)]
    parts = [[len(example.suffix_ids), len(example.completion_ids)] for example in examples]
    ends = np.cumsum(np.array(parts, dtype=np.int64).reshape(-1)).reshape(-1, 2)
    window_ids = np.array([example.window_id.encode("utf-8") for example in examples], dtype=np.bytes_)
    prefixes = np.array([example.prefix for example in examples], dtype=np.int32)
    weights = None
    if any(example.weights is not None for example in examples):
        weights = np.concatenate([_all_weights(example) for example in examples])
    changes = window_ids[1:] != window_ids[:-1]
    windows: np.ndarray = np.flatnonzero(np.concatenate([[True] * bool(examples), changes])).astype(np.int64)
    soft = [example.soft for example in examples if example.soft]
    soft_arrays = None
    if soft:
        shares = np.array([example.soft.share if example.soft else 0 for example in examples], dtype=np.float32)
        rows = (np.concatenate([each[place] for each in soft]) for place in (1, 2))
        soft_arrays = SoftArrays(shares, ends, *rows)
    return ExampleArrays(np.array(tokens, dtype=_TOKEN), ends, window_ids, prefixes, windows, weights, soft_arrays)


def _all_weights(example: Example) -> np.ndarray:
    """Return the weight of each token of an example after the static prefix (float32)."""
    own = [1.0] * len(example.completion_ids) if example.weights is None else example.weights
    return np.array([1.0] * len(example.suffix_ids) + own, dtype=_WEIGHT)


class TokenScratch:
    """Temporary files of examples, of which some are kept."""

    def __init__(self, folder: Path, weighs: bool = False, top_tokens: int = 0):
        """Create the files in `folder`; they have no names, so nothing is left of them when the process ends.

        `weighs`: whether weights are saved too. `top_tokens`: tokens in the place of each of those that have soft
        targets; 0 if none has.
        """
        self._tokens = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the object
        self._weights = tempfile.TemporaryFile(dir=folder) if weighs else None  # noqa: SIM115
        self.top_tokens = top_tokens
        # For the arrays of `SoftTargets`, apart: their rows of all completions with soft targets.
        self._soft = [tempfile.TemporaryFile(dir=folder) for _ in range(2)] if top_tokens else []  # noqa: SIM115
        self._soft_bounds, self._soft_rows = list[tuple[float, int, int]](), 0  # share, first row, row after the last
        # Four integers for each example: start in the file, in tokens, ends of suffix and completion, number of prefix.
        self._bounds = array("q")

    def append(self, example: Example) -> int:
        """Write an example, and return its number."""
        first = self._tokens.tell() // _TOKEN.itemsize
        middle = first + len(example.suffix_ids)
        self._bounds.extend((first, middle, middle + len(example.completion_ids), example.prefix))
        self._tokens.write(np.array(example.suffix_ids + example.completion_ids, dtype=_TOKEN).data)
        if self._weights:
            self._weights.write(_all_weights(example).data)
        if self._soft:
            self._append_soft(example)
        return len(self._bounds) // 4 - 1

    def _append_soft(self, example: Example) -> None:
        """Write the soft targets of an example, if it has some, and where they lie."""
        share, start = 0.0, self._soft_rows
        if example.soft:
            share, *arrays = example.soft
            self._soft_rows += len(example.completion_ids)
            for file, dtype, values in zip(self._soft, _SOFT_DTYPES, arrays, strict=True):
                file.write(np.ascontiguousarray(values, dtype).data)
        self._soft_bounds.append((share, start, self._soft_rows))

    def save(self, folder: Path, windows: Sequence[tuple[str, Sequence[int]]]) -> None:
        """Write the examples of windows into `folder`: `windows` has ids and the numbers that `append` returned."""
        kept = [number for _, numbers in windows for number in numbers]
        counts = [len(numbers) for _, numbers in windows]
        starts, middles, ends, prefixes = np.frombuffer(self._bounds, dtype=np.int64).reshape(-1, 4)[kept].T
        shifts = np.cumsum(ends - starts) - ends
        bounds = list(zip(starts.tolist(), ends.tolist(), strict=True))
        _save_parts(folder / _TOKENS, self._tokens, _TOKEN, bounds)
        if self._weights:
            _save_parts(folder / _WEIGHTS, self._weights, _WEIGHT, bounds)
        soft = [self._soft_bounds[number] for number in kept] if self._soft else []
        for name, of_soft, dtype in zip(_SOFT[1:], self._soft, _SOFT_DTYPES, strict=False):
            rows = [(begin, end) for _, begin, end in soft]
            _save_parts(folder / name, of_soft, dtype, rows, (self.top_tokens,))
        arrays = {
            **({_SHARES: np.array([share for share, _, _ in soft], dtype=np.float32)} if self._soft else {}),
            _ENDS: np.stack([middles, ends], axis=1) + shifts[:, None],
            _IDS: np.repeat(np.array([name.encode("utf-8") for name, _ in windows], dtype=np.bytes_), counts),
            _PREFIXES: prefixes.astype(np.int32),
            _WINDOWS: np.cumsum(counts) - counts,
        }
        for name, values in arrays.items():
            with files.replacing(folder / name) as temporary, open(temporary, "wb") as file:
                np.save(file, values)


def _save_parts(
    path: Path, source: IO[bytes], dtype: np.dtype[Any], bounds: Sequence[tuple[int, int]], row: tuple[int, ...] = ()
) -> None:
    """Write parts of a file of rows, given by their bounds, as one array of NumPy; `row` is the shape of a row."""
    size = dtype.itemsize * math.prod(row)
    source.flush()
    with files.replacing(path) as temporary, open(temporary, "wb") as saved:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(
            saved, {**header, "shape": (sum(end - start for start, end in bounds), *row)}
        )
        for start, end in bounds:
            source.seek(start * size)
            saved.write(source.read((end - start) * size))
