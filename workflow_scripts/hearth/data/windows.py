"""Windows: the records of windows.jsonl, their reader and check, and cutting events into windows.

A window holds at most so many consecutive events of one session. Windows do not overlap and do not cross sessions.
windows.jsonl has one window a line, ordered by session and index.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, NoReturn, NotRequired, TypedDict, TypeVar, cast, get_args

import numpy as np
import pandas as pd

from hearth.common import files
from hearth.data import events as event_table

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

# What starts a new window before the current one is full: nothing, the time since its first event, or a pause.
WINDOW_KINDS = ("count", "time", "gap")


class WindowEvent(TypedDict):
    """One event as a prompt shows it."""

    id: int  # 1..n in the window
    time: str  # HH:MM:SS on the home's clock
    description: str  # <room> <sensor> <state> in words


class WindowInput(TypedDict):
    """The part of a window that a model sees; all that a stream of unlabelled events has."""

    window_id: str  # <dataset>/<session>/<index>
    events: list[WindowEvent]


class LabelledWindow(WindowInput):
    """A window of a recorded session, not yet assigned to a split."""

    dataset: str
    session: str
    index: int  # 0-based in the session
    gold: list[str]  # the gold label of each event
    residents: list[list[str]]  # the residents behind each event; a list may be empty
    # All accepted labels of each event, the gold label first. Only where events may have several (see `gold_labels`).
    gold_any: NotRequired[list[list[str]]]


class Window(LabelledWindow):
    """A row of windows.jsonl."""

    split: Split


_KEYS = Window.__required_keys__
_EVENT_KEYS = WindowEvent.__required_keys__
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_DAY = 24 * 60 * 60
_CLOCK_TEXTS = [
    f"{hour:02d}:{minute:02d}:{second:02d}" for hour in range(24) for minute in range(60) for second in range(60)
]


def read_windows(path: Path, split: Split | None = None) -> list[Window]:
    """Return the windows of a windows.jsonl in file order, or only those of one split.

    Raises ValueError naming file and row for a window that breaks the contract, for a session with windows in both
    splits, and where no window is left.
    """
    windows = []
    split_of: dict[str, Split] = {}
    for number, row in enumerate(files.read_json_lines(path), start=1):
        try:
            window = check_window(row)
        except ValueError as error:
            raise ValueError(f"{path}: row {number}: {error}") from None
        if split_of.setdefault(window["session"], window["split"]) != window["split"]:
            raise ValueError(
                f"{path}: session {window['session']!r} has windows in both splits, so test windows were trained on;"
                " split by session: cut the windows again"
            )
        if split is None or window["split"] == split:
            windows.append(window)
    if not windows:
        raise ValueError(f"{path}: no window" + (f" of split {split!r}" if split else ""))
    return windows


def check_window(window: object) -> Window:
    """Return the window unchanged. Raises ValueError, naming window and key, if it breaks the contract."""
    name = window.get("window_id") if isinstance(window, Mapping) else window

    def fail(key: str, what: str) -> NoReturn:
        raise ValueError(f"window {name!r}, {key}: {what}")

    if not isinstance(window, Mapping) or set(window) - {"gold_any"} != _KEYS:
        raise ValueError(f"window {name!r}: expected the keys {', '.join(sorted(_KEYS))}")
    for key in ("dataset", "session"):
        if not isinstance(window[key], str) or not window[key]:
            fail(key, f"{window[key]!r} is not a name")
    index, events, gold, residents = (window[key] for key in ("index", "events", "gold", "residents"))
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        fail("index", f"{index!r} is not a number from 0")
    if name != f"{window['dataset']}/{window['session']}/{index}":
        fail("window_id", "is not <dataset>/<session>/<index>")
    if window["split"] not in SPLITS:
        fail("split", f"{window['split']!r} is neither train nor test")
    if not isinstance(events, list) or not events:
        fail("events", "is not a list of events")
    for number, event in enumerate(events, start=1):
        if not isinstance(event, dict) or event.keys() != _EVENT_KEYS or event["id"] != number:
            fail("events", f"event {number} must have id {number}, time and description, and nothing else")
        if not isinstance(event["time"], str) or not _CLOCK.fullmatch(event["time"]):
            fail("events", f"event {number}: time {event['time']!r} is not HH:MM:SS")
        if not isinstance(event["description"], str) or not event["description"]:
            fail("events", f"event {number}: no description")
    if not _is_texts(gold) or len(gold) != len(events):
        fail("gold", f"must be {len(events)} labels, one an event")
    if not isinstance(residents, list) or len(residents) != len(events) or not all(map(_is_texts, residents)):
        fail("residents", f"must be {len(events)} lists of names, one an event")
    if "gold_any" in window:
        accepted = window["gold_any"]
        is_lists = isinstance(accepted, list) and len(accepted) == len(gold) and all(map(_is_texts, accepted))
        if not is_lists or any(labels[:1] != [label] for labels, label in zip(accepted, gold, strict=True)):
            fail("gold_any", f"must be {len(events)} lists of labels, one an event, each beginning with the gold label")
    return cast(Window, window)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and set(map(type, value)) <= {str}


class CutWindows:
    """A sequence of the windows of an event table, each built on access: all together take ten times its memory."""

    def __init__(self, events: pd.DataFrame, dataset: str, spans: np.ndarray):
        """`spans` (windows, 3) has a row (first event, last event + 1, index in the session) for each window."""
        self._dataset, self._spans = dataset, spans
        seconds = events["time"].to_numpy().astype("datetime64[s]").astype(np.int64) % _DAY
        self._seconds = seconds.astype(np.int32)
        self._texts = {name: _encode(events[name]) for name in ("session", "description", "activity")}
        self._residents = events["residents"].to_numpy()
        self._accepted = events[event_table.ALTERNATIVES].to_numpy() if event_table.ALTERNATIVES in events else None

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[LabelledWindow]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, position: int) -> LabelledWindow:
        if not -len(self) <= position < len(self):
            raise IndexError(position)
        start, end, index = self._spans[position].tolist()

        def texts(name: str) -> list[str]:
            codes, values = self._texts[name]
            return [values[code] for code in codes[start:end].tolist()]

        session = texts("session")[0]
        clock_and_text = zip(self._seconds[start:end].tolist(), texts("description"), strict=True)
        window: LabelledWindow = {
            "window_id": f"{self._dataset}/{session}/{index}",
            "dataset": self._dataset,
            "session": session,
            "index": index,
            "events": [
                {"id": number, "time": _CLOCK_TEXTS[second], "description": description}
                for number, (second, description) in enumerate(clock_and_text, start=1)
            ],
            "gold": texts("activity"),
            "residents": [list(names) for names in self._residents[start:end]],
        }
        if self._accepted is not None:
            window["gold_any"] = [list(labels) for labels in self._accepted[start:end]]
        return window

    def sessions(self) -> tuple[np.ndarray, list[str]]:
        """(position of each window's session in the list, list of session names)."""
        codes, names = self._texts["session"]
        return codes[self._spans[:, 0]], names

    def count_events(self, mask: np.ndarray) -> np.ndarray:
        """Count the events of each window that `mask`, a bool for each event of the table, selects."""
        before = np.concatenate([[0], np.cumsum(mask)])
        return before[self._spans[:, 1]] - before[self._spans[:, 0]]


def _encode(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """(code of each row, distinct values by code)."""
    codes, values = pd.factorize(column)
    return codes.astype(np.int32), list(values)


def cut_windows(
    events: pd.DataFrame, dataset: str, size: int, keep_short: bool, by: str = "count", seconds: float | None = None
) -> CutWindows:
    """Cut each session's events into windows of at most `size` events.

    `by` is one of `WINDOW_KINDS`. "count": windows of `size` events; a session's last window, when shorter, is
    dropped unless `keep_short`. "time": events within `seconds` of the window's first event. "gap": a new window after
    every pause longer than `seconds`. The latter two keep all windows. Raises ValueError for settings that contradict
    each other.
    """
    _check_settings(size, keep_short, by, seconds)
    # Whole milliseconds, the resolution of events: rounding must not make a pause of exactly `seconds` longer.
    times = events["time"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    codes, _ = _encode(events["session"])
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    parts = []
    for first, last in itertools.pairwise([*starts.tolist(), len(codes)]):
        spans = _session_spans(times[first:last], size, by, 1000 * (seconds or 0))
        spans = np.column_stack([first + spans, np.arange(len(spans))])
        parts.append(spans if keep_short else spans[spans[:, 1] - spans[:, 0] == size])
    return CutWindows(events, dataset, np.concatenate(parts or [np.zeros((0, 3), dtype=np.int64)]))


def _check_settings(size: int, keep_short: bool, by: str, seconds: float | None) -> None:
    if size < 1:
        raise ValueError(f"window size is {size}; it must be at least 1")
    if by not in WINDOW_KINDS:
        raise ValueError(f"windows by {by!r}; it must be one of {', '.join(WINDOW_KINDS)}")
    if by == "count":
        return
    if seconds is None or not 0 < seconds < float("inf"):
        raise ValueError(f"windows by {by} within {seconds} seconds; it must be a number above 0")
    if not keep_short:
        raise ValueError(f"windows by {by} may end before they are full; keep short windows, or cut by count")


def _session_spans(times: np.ndarray, size: int, by: str, limit: float) -> np.ndarray:
    """Return (first event, last event + 1) of each window of one session, from its events' times in milliseconds."""
    if by == "count":
        starts = list(range(0, len(times), size))
    else:
        starts = [0]
        for index in range(1, len(times)):
            since_first, since_previous = times[index] - times[starts[-1]], times[index] - times[index - 1]
            if index - starts[-1] == size or starts_window(by, since_first, since_previous, limit):
                starts.append(index)
    return np.column_stack([starts, [*starts[1:], len(times)]])


Duration = TypeVar("Duration", float, timedelta)


def starts_window(kind: str, since_first: Duration, since_previous: Duration, limit: Duration) -> bool:
    """Whether an event starts a new window although the current window of this kind is not full.

    `since_first` and `since_previous` are the times since the current window's first and last event.
    """
    if kind == "time":
        return since_first > limit
    return kind == "gap" and since_previous > limit


def shard_names(count: int, size: int) -> list[str]:
    """Return the names of the shards of one split's `count` windows: first and last position, e.g. 00000-00063."""
    if size < 1:
        raise ValueError(f"shard size is {size}; it must be at least 1")
    return [f"{first:05d}-{min(first + size, count) - 1:05d}" for first in range(0, count, size)]
