"""Cut a table of events into windows."""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from hearth.data.event_files import digest_events
from hearth.data.events import ALTERNATIVES
from hearth.data.indexed_windows import WindowSettings
from hearth.data.windows import WINDOW_KINDS, Window, starts_window

_DAY = 24 * 60 * 60
_CLOCK_TEXTS = [
    f"{hour:02d}:{minute:02d}:{second:02d}" for hour in range(24) for minute in range(60) for second in range(60)
]


class CutWindows:
    """A sequence of the windows of an event table, which builds each window on access.

    All windows at once would take ten times the memory of the event table.
    """

    def __init__(self, events: pd.DataFrame, dataset: str, spans: np.ndarray):
        """`spans` has one row per window: (first event, last event + 1, index of the window in its session)."""
        self._dataset, self._spans = dataset, spans
        seconds = events["time"].to_numpy().astype("datetime64[s]").astype(np.int64) % _DAY
        self._seconds = seconds.astype(np.int32)
        self._texts = {name: _encode(events[name]) for name in ("session", "description", "activity")}
        self._residents = events["residents"].to_numpy()
        self._accepted = events[ALTERNATIVES].to_numpy() if ALTERNATIVES in events else None

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[Window]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, position: int) -> Window:
        if not -len(self) <= position < len(self):
            raise IndexError(position)
        start, end, index = self._spans[position].tolist()

        def texts(name: str) -> list[str]:
            codes, values = self._texts[name]
            return [values[code] for code in codes[start:end].tolist()]

        session = texts("session")[0]
        clock_and_text = zip(self._seconds[start:end].tolist(), texts("description"), strict=True)
        window: Window = {
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


def _encode(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return a pair: the code of each row, and the list of distinct values; a value's position is its code."""
    codes, values = pd.factorize(column)
    return codes.astype(np.int32), list(values)


def cut_windows(
    events: pd.DataFrame, dataset: str, size: int, keep_short: bool, by: str = "count", seconds: float | None = None
) -> CutWindows:
    """Cut each session's events into windows of at most `size` events.

    `by` is one of `WINDOW_KINDS`. "count": a window has `size` events; a session's last window, when shorter, is
    dropped unless `keep_short`. "time": a window has events within `seconds` of its first event. "gap": a new window
    starts after every pause longer than `seconds`. "time" and "gap" require `keep_short`. Raises ValueError for
    settings that contradict each other.
    """
    _check_settings(size, keep_short, by, seconds)
    # Compare whole milliseconds, the resolution of events: rounding must not make a pause of `seconds` longer.
    times = events["time"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    codes, _ = _encode(events["session"])
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    parts = []
    for first, last in itertools.pairwise([*starts.tolist(), len(codes)]):
        spans = _session_spans(times[first:last], size, by, 1000 * (seconds or 0))
        spans = np.column_stack([first + spans, np.arange(len(spans))])
        parts.append(spans if keep_short else spans[spans[:, 1] - spans[:, 0] == size])
    return CutWindows(events, dataset, np.concatenate(parts or [np.zeros((0, 3), dtype=np.int64)]))


def window_settings(
    events: pd.DataFrame, size: int, keep_short: bool, by: str = "count", seconds: float | None = None
) -> WindowSettings:
    """Return what decides the windows that `cut_windows` makes of `events` with the same settings."""
    settings: WindowSettings = {
        "window_size": size,
        "keep_short": keep_short,
        "dataset_digest": digest_events(events),
    }
    if by != "count":
        settings |= {"window_by": by, "window_seconds": seconds}
    return settings


def _check_settings(size: int, keep_short: bool, by: str, seconds: float | None) -> None:
    if size < 1:
        raise ValueError(f"window size is {size}; it must be at least 1")
    if by not in WINDOW_KINDS:
        raise ValueError(f"windows by {by!r}; the kind must be one of {', '.join(WINDOW_KINDS)}")
    if by == "count":
        return
    if seconds is None or not 0 < seconds < float("inf"):
        raise ValueError(f"windows by {by} within {seconds} seconds; the seconds must be a number above 0")
    if not keep_short:
        raise ValueError(f"windows by {by} may end before they are full; keep short windows, or cut by count")


def _session_spans(times: np.ndarray, size: int, by: str, limit: float) -> np.ndarray:
    """Return an array with one row per window of a session: (first event, last event + 1).

    `times` are the times of the session's events. `limit` is the longest duration (by "time") or pause (by "gap") of a
    window. Both are in milliseconds.
    """
    if by == "count":
        starts = list(range(0, len(times), size))
    else:
        starts = [0]
        for index in range(1, len(times)):
            since_first, since_previous = times[index] - times[starts[-1]], times[index] - times[index - 1]
            if index - starts[-1] == size or starts_window(by, since_first, since_previous, limit):
                starts.append(index)
    return np.column_stack([starts, [*starts[1:], len(times)]])
