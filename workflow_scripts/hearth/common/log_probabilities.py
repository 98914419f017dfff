"""Top-k log-probabilities of finished text: one safetensors file with its metadata, and one reader that checks it.

The file holds, of every token of every completion, its id and the `top_tokens` likeliest tokens with their
log-probabilities under the scoring model: raw, at temperature 1, before any warping. A token takes
`bytes_per_token(top_tokens)` bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hearth.common import files
from hearth.common.records import check_record
from hearth.common.scored_text import ScoredText

_METADATA = "hearth"  # safetensors metadata are texts: one key has the head as JSON
# Of the ids and the log-probabilities of the likeliest tokens.
_ID, _LOG_PROBABILITY = np.dtype(np.int32), np.dtype(np.float16)
_DTYPES = {
    "tokens": _ID,
    "top_ids": _ID,
    "log_probabilities": _LOG_PROBABILITY,
    "ends": np.dtype(np.int64),
    "window_ids": np.dtype(np.uint8),
}
TEMPERATURE = 1.0
REMEDY = "delete it, and run the same command again, which makes it anew"


class Head(TypedDict):
    """The metadata of a file.

    `teacher` is the digest of the weights that scored the text, `vocabulary` their number of logits, `tokenizer` the
    digest of their tokenizer's vocabulary (`hearth.models.tokens.vocabulary_digest`), `dtype` the number format of the
    pass. `traces` is the SHA-256 of the file of predictions whose text is scored, `tensors` that of all tensors.
    """

    teacher: str
    top_tokens: int
    vocabulary: int
    tokenizer: str
    dtype: str
    temperature: float
    traces: str
    tensors: str


def bytes_per_token(top_tokens: int) -> int:
    """Return the bytes that a token of scored text takes in a file."""
    return _ID.itemsize + top_tokens * (_ID.itemsize + _LOG_PROBABILITY.itemsize)


def to_float16(log_probabilities: np.ndarray) -> np.ndarray:
    """Return log-probabilities as they are stored: float16, with -inf as its smallest number."""
    limit = float(np.finfo(_LOG_PROBABILITY).max)
    stored: np.ndarray = np.clip(log_probabilities, -limit, 0).astype(_LOG_PROBABILITY)
    return stored


def write_log_probabilities(path: Path, head: Head, texts: Sequence[ScoredText]) -> None:
    """Write scored texts atomically; the value of `tensors` in `head` is computed here."""
    top_tokens = head["top_tokens"]
    for text in texts:
        if text.top_ids.shape != (len(text.tokens), top_tokens) or text.log_probabilities.shape != text.top_ids.shape:
            raise ValueError(f"{path}: {text.window_id} does not have {top_tokens} log-probabilities for each token")
    ends = np.cumsum([len(text.tokens) for text in texts], dtype=np.int64)
    tensors = {
        "tokens": np.concatenate([np.empty(0, _ID), *(text.tokens for text in texts)], dtype=_ID),
        "top_ids": np.concatenate([np.empty((0, top_tokens), _ID), *(text.top_ids for text in texts)], dtype=_ID),
        "log_probabilities": np.concatenate(
            [np.empty((0, top_tokens), _LOG_PROBABILITY), *(text.log_probabilities for text in texts)],
            dtype=_LOG_PROBABILITY,
        ),
        "ends": ends,
        "window_ids": np.frombuffer("\n".join(text.window_id for text in texts).encode("utf-8"), np.uint8),
    }
    head = {**head, "tensors": _digest(tensors)}
    with files.replacing(path) as temporary:
        save_file(tensors, temporary, {_METADATA: json.dumps(head, sort_keys=True)})


class LogProbabilities:
    """An open file of log-probabilities, whose checksum is right; a window's tensors are read when it is reached."""

    def __init__(self, path: Path):
        """Open and check a file. Raises ValueError, which names it, if it is damaged or of another temperature."""
        self.path = path
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
            self._tensors = _map_tensors(path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path}: damaged, or no safetensors file ({error}); {REMEDY}") from None
        if {name: tensor.dtype for name, tensor in self._tensors.items()} != _DTYPES or _METADATA not in metadata:
            raise ValueError(f"{path}: no log-probabilities of this project; {REMEDY}")
        try:
            head = json.loads(metadata[_METADATA])
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: metadata are damaged ({error}); {REMEDY}") from None
        self.head: Head = check_record(head, Head, f"{path}: metadata")
        if self.head["tensors"] != _digest(self._tensors):
            raise ValueError(f"{path}: damaged: its checksum is not that of its tensors; {REMEDY}")
        if self.head["temperature"] != TEMPERATURE:
            raise ValueError(
                f"{path}: log-probabilities of temperature {self.head['temperature']:g}, but students learn from those "
                f"of temperature {TEMPERATURE:g}; {REMEDY}"
            )
        self.window_ids = [name for name in self._tensors["window_ids"].tobytes().decode("utf-8").split("\n") if name]

    def __iter__(self) -> Iterator[ScoredText]:
        """Yield the scored text of every window, in order."""
        start = 0
        for window_id, end in zip(self.window_ids, self._tensors["ends"].tolist(), strict=True):
            rows = (self._tensors[name][start:end] for name in ("tokens", "top_ids", "log_probabilities"))
            yield ScoredText(window_id, *rows)
            start = end

    def check(self, *, top_tokens: int | None = None, tokenizer: str = "", traces: str = "") -> None:
        """Raise ValueError unless the file has `top_tokens` a token, and is of a tokenizer and of traces; "": any."""
        if top_tokens is not None and self.head["top_tokens"] != top_tokens:
            raise ValueError(
                f"{self.path}: {self.head['top_tokens']} log-probabilities a token, but teacher_top_tokens is "
                f"{top_tokens}; {REMEDY}"
            )
        if tokenizer and self.head["tokenizer"] != tokenizer:
            raise ValueError(
                f"{self.path}: the teacher's tokenizer has other tokens than the student's, so its log-probabilities "
                "are of no use to the student; choose a teacher of the same family, or a recipe that learns from text"
            )
        if traces and self.head["traces"] != traces:
            raise ValueError(f"{self.path}: log-probabilities of other traces than those that are learned; {REMEDY}")

    def check_ids(self, text: ScoredText, vocabulary: int) -> None:
        """Raise ValueError if a token or a likeliest token of a window is none of a student's `vocabulary` logits.

        A teacher's vocabulary may be padded beyond that of its student: only ids that occur are an error.
        """
        largest = max((int(ids.max()) for ids in (text.tokens, text.top_ids) if ids.size), default=0)
        if largest >= vocabulary:
            raise ValueError(
                f"{self.path}: {text.window_id} has token {largest}, but the student's vocabulary has {vocabulary} "
                f"tokens and the teacher's {self.head['vocabulary']}; choose a teacher of the same family"
            )


def gather_log_probabilities(path: Path, shards: Sequence[Path], window_ids: Sequence[str], traces: str) -> int:
    """Join the files of the shards of a split into one; return its number of tokens.

    `window_ids` are those of the split, in order, and `traces` is the SHA-256 of all its predictions. Raises ValueError
    if the shards leave out or repeat windows, or were not scored alike.
    """
    parts = [LogProbabilities(shard) for shard in shards]
    for part in parts[1:]:
        for key in ("teacher", "top_tokens", "vocabulary", "tokenizer", "dtype"):
            if part.head[key] != parts[0].head[key]:
                raise ValueError(f"{part.path}: {key} is not that of {parts[0].path}; {REMEDY}")
    if [name for part in parts for name in part.window_ids] != list(window_ids):
        raise ValueError(f"{parts[0].path.parent}: the shards are not those of the windows of the split; {REMEDY}")
    texts = [text for part in parts for text in part]
    write_log_probabilities(path, {**parts[0].head, "traces": traces}, texts)
    return sum(len(text.tokens) for text in texts)


def _map_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a safetensors file; their pages are read when they are needed."""
    content = np.memmap(path, mode="r")
    start = 8 + int(content[:8].view(np.uint64)[0])
    header = json.loads(content[8:start].tobytes())
    dtypes = {"I32": np.int32, "F16": np.float16, "I64": np.int64, "U8": np.uint8}
    return {
        name: np.ndarray(one["shape"], dtypes[one["dtype"]], content.data, start + one["data_offsets"][0])
        for name, one in header.items()
        if name != "__metadata__" and one["dtype"] in dtypes
    }


def _digest(tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 (hex) over name, dtype, shape and content of every tensor."""
    hasher = hashlib.sha256()
    for name, dtype in _DTYPES.items():
        hasher.update(f"{name} {dtype.str} {list(tensors[name].shape)}\n".encode())
        hasher.update(np.ascontiguousarray(tensors[name]).data)
    return hasher.hexdigest()
