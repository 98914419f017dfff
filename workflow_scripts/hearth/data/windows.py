"""The window contract: at most so many consecutive events of one session, cut without overlap, split by session.

Where a window ends is decided by count (as in the paper), by time or by gap, see `KINDS`.

`windows.jsonl` has one window a line, in order of sessions and index:
`window_id` ("<dataset>/<session>/<index>"), `dataset`, `session`, `index` (0-based in the session), `split` ("train"
or "test"), `events` ([{"id": 1..n, "time": "HH:MM:SS", "description"}]), `gold` (the label of each event) and
`residents` (the names behind each event). Where any of an event's activities is right, `gold_any` has all of them for
each event, gold first; `gold_labels.map_to_gold` is how labels are compared with them.
"""

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hearth.common import files
from hearth.data import events as event_table

SPLITS = ("train", "test")
KEYS = ("window_id", "dataset", "session", "index", "split", "events", "gold", "residents")
EVENT_KEYS = {"id", "time", "description"}
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
DAY = 24 * 60 * 60
CLOCK_TEXTS = [
    f"{hour:02d}:{minute:02d}:{second:02d}" for hour in range(24) for minute in range(60) for second in range(60)
]


# Whether event `index` is too late for the window that begins with event `start`: times and limit in milliseconds.
KINDS = {
    "count": lambda times, start, index, limit: False,
    "time": lambda times, start, index, limit: times[index] - times[start] > limit,
    "gap": lambda times, start, index, limit: times[index] - times[index - 1] > limit,
}


class Windows(Sequence):
    """The windows of a table of events, each made when it is looked at: all take ten times its memory."""

    def __init__(
        self, events: pd.DataFrame, dataset: str, spans: np.ndarray, split_of: Mapping[str, str] | None = None
    ):
        """`spans` has a row (first event, last + 1, index in the session) for every window, in order."""
        self._events, self._dataset, self._spans, self._split_of = events, dataset, spans, split_of
        seconds = events["time"].to_numpy().astype("datetime64[s]").astype(np.int64) % DAY
        self._seconds = seconds.astype(np.int32)
        self._texts = {name: _coded(events[name]) for name in ("session", "description", "activity")}
        lists = {"residents": "residents", event_table.ALTERNATIVES: "gold_any"}
        self._lists = {key: events[name].to_numpy() for name, key in lists.items() if name in events}

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, position: int) -> dict:
        if not -len(self) <= position < len(self):
            raise IndexError(position)
        start, end, index = self._spans[position].tolist()

        def texts(name: str) -> list[str]:
            codes, values = self._texts[name]
            return [values[code] for code in codes[start:end].tolist()]

        session = texts("session")[0]
        listed = zip(self._seconds[start:end].tolist(), texts("description"), strict=True)
        return {
            "window_id": f"{self._dataset}/{session}/{index}",
            "dataset": self._dataset,
            "session": session,
            "index": index,
            **({"split": self._split_of[session]} if self._split_of else {}),
            "events": [
                {"id": number, "time": CLOCK_TEXTS[second], "description": description}
                for number, (second, description) in enumerate(listed, start=1)
            ],
            "gold": texts("activity"),
            **{key: [list(names) for names in values[start:end]] for key, values in self._lists.items()},
        }

    def split(self, sessions: Mapping[str, Sequence[str]]) -> "Windows":
        """The windows with `split` set from the sessions of each split."""
        split_of = {session: split for split, names in sessions.items() for session in names}
        return Windows(self._events, self._dataset, self._spans, split_of)

    def counts(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """How many `chosen` events (a truth value each) the windows have, by split."""
        codes, values = self._texts["session"]
        tested = np.array([self._split_of[value] == SPLITS[1] for value in values])[codes[self._spans[:, 0]]]
        before = np.concatenate([[0], np.cumsum(chosen)])
        counts = before[self._spans[:, 1]] - before[self._spans[:, 0]]
        return {SPLITS[0]: counts[~tested], SPLITS[1]: counts[tested]}


def _coded(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    codes, values = pd.factorize(column)
    return codes.astype(np.int32), list(values)


def cut(
    events: pd.DataFrame, dataset: str, size: int, keep_short: bool, by: str = "count", seconds: float | None = None
) -> Windows:
    """Cut each session's events into windows of at most `size`, without `split` yet (see `Windows.split`).

    `by` "count": windows of `size` events; the last of a session, when it is shorter, is left out unless `keep_short`.
    "time": events within `seconds` of the window's first. "gap": a new window after every pause of more than
    `seconds`. These two keep all windows. Raises ValueError for settings that do not go together.
    """
    _check_settings(size, keep_short, by, seconds)
    # Whole milliseconds, as events have them: a pause of exactly `seconds` must not be longer by rounding.
    times = events["time"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    codes, _ = _coded(events["session"])
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    spans = []
    for first, last in itertools.pairwise([*starts.tolist(), len(codes)]):
        found = _spans(times[first:last], size, by, 1000 * (seconds or 0))
        found = np.column_stack([first + found, np.arange(len(found))])
        spans.append(found if keep_short else found[found[:, 1] - found[:, 0] == size])
    return Windows(events, dataset, np.concatenate(spans or [np.zeros((0, 3), dtype=np.int64)]))


def _check_settings(size: int, keep_short: bool, by: str, seconds: float | None) -> None:
    if size < 1:
        raise ValueError(f"window size is {size}; it must be at least 1")
    if by not in KINDS:
        raise ValueError(f"windows by {by!r}; it must be one of {', '.join(KINDS)}")
    if by == "count":
        return
    if seconds is None or not 0 < seconds < float("inf"):
        raise ValueError(f"windows by {by} within {seconds} seconds; it must be a number above 0")
    if not keep_short:
        raise ValueError(f"windows by {by} end before they are full; keep the short ones, or cut by count")


def _spans(times: np.ndarray, size: int, by: str, limit: float) -> np.ndarray:
    """(first, last + 1) positions of the windows of one session, from the times of its events."""
    if by == "count":
        starts = list(range(0, len(times), size))
    else:
        starts = [0]
        for index in range(1, len(times)):
            if index - starts[-1] == size or KINDS[by](times, starts[-1], index, limit):
                starts.append(index)
    return np.column_stack([starts, [*starts[1:], len(times)]])


def split_sessions(sessions: Sequence[str], test_fraction: float, seed: int) -> dict[str, list[str]]:
    """Sessions of each split, in the order given; who goes where does not depend on that order.

    Sessions are ordered by the SHA-256 of "<seed>/<session>"; the first round(test_fraction * n) of
    them, but at least one and at most n - 1, are the test split.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test fraction is {test_fraction}; it must lie between 0 and 1")
    if len(sessions) < 2:
        raise ValueError(f"{len(sessions)} session(s): a split by session needs at least 2")
    if len(set(sessions)) < len(sessions):
        raise ValueError("a session is named twice")
    count = min(max(round(test_fraction * len(sessions)), 1), len(sessions) - 1)
    test = sorted(sessions, key=lambda session: hashlib.sha256(f"{seed}/{session}".encode()).hexdigest())[:count]
    tested = set(test)
    return {
        "train": [session for session in sessions if session not in tested],
        "test": [session for session in sessions if session in tested],
    }


def make(
    events: pd.DataFrame,
    dataset: str,
    *,
    size: int,
    keep_short: bool,
    test_fraction: float,
    seed: int,
    by: str = "count",
    seconds: float | None = None,
) -> tuple[Windows, dict]:
    """Windows and the content of splits.json: its rule and numbers, what each split holds, digests.

    Sessions are split before they are cut, so the same sessions are tested on for all kinds and sizes of windows.
    `window_by` and `window_seconds` are in the document unless windows are cut by count.
    `digest` covers all the rest of the document: equal digests mean equal splits of equal events.
    Raises ValueError when a split is left without windows.
    """
    sessions = split_sessions(events["session"].unique().tolist(), test_fraction, seed)
    windows = cut(events, dataset, size, keep_short, by, seconds).split(sessions)
    lengths = windows.counts(np.ones(len(events), dtype=bool))
    for split in SPLITS:
        if not len(lengths[split]):
            raise ValueError(f"the {split} split holds no window: its sessions have fewer than {size} events each")
    document = {
        "rule": "by session",
        "test_fraction": test_fraction,
        "seed": seed,
        "window_size": size,
        "keep_short": keep_short,
        **({} if by == "count" else {"window_by": by, "window_seconds": seconds}),
        "dataset_digest": event_table.digest(events),
        "sessions": sessions,
        "windows": {split: len(lengths[split]) for split in SPLITS},
        "events": {split: int(lengths[split].sum()) for split in SPLITS},
        **_several(windows, events),
    }
    return windows, {**document, "digest": files.digest(document)}


def _several(windows: Windows, events: pd.DataFrame) -> dict:
    """The entry `several`, where events may have several right labels: how many have, by split."""
    if event_table.ALTERNATIVES not in events:
        return {}
    chosen = np.fromiter((len(right) > 1 for right in events[event_table.ALTERNATIVES]), bool, len(events))
    return {"several": {split: int(counts.sum()) for split, counts in windows.counts(chosen).items()}}


def shards(count: int, size: int) -> list[str]:
    """Names of the shards of `count` windows of one split: first and last position, e.g. 00000-00063."""
    if size < 1:
        raise ValueError(f"shard size is {size}; it must be at least 1")
    return [f"{first:05d}-{min(first + size, count) - 1:05d}" for first in range(0, count, size)]


def check(window: Mapping) -> Mapping:
    """The window as it is. Raises ValueError, naming window and key, where it breaks the contract."""
    name = window.get("window_id") if isinstance(window, Mapping) else window

    def fail(key: str, what: str):
        raise ValueError(f"window {name!r}, {key}: {what}")

    if not isinstance(window, Mapping) or set(window) - {"gold_any"} != set(KEYS):
        raise ValueError(f"window {name!r}: expected the keys {', '.join(KEYS)}")
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
        if not isinstance(event, dict) or event.keys() != EVENT_KEYS or event["id"] != number:
            fail("events", f"event {number} must have id {number}, time and description, and nothing else")
        if not isinstance(event["time"], str) or not CLOCK.fullmatch(event["time"]):
            fail("events", f"event {number}: time {event['time']!r} is not HH:MM:SS")
        if not isinstance(event["description"], str) or not event["description"]:
            fail("events", f"event {number}: no description")
    if not _texts(gold) or len(gold) != len(events):
        fail("gold", f"must be {len(events)} labels, one an event")
    if not isinstance(residents, list) or len(residents) != len(events) or not all(map(_texts, residents)):
        fail("residents", f"must be {len(events)} lists of names, one an event")
    if "gold_any" in window:
        right = window["gold_any"]
        good = isinstance(right, list) and len(right) == len(gold) and all(map(_texts, right))
        if not good or any(labels[:1] != [label] for labels, label in zip(right, gold, strict=True)):
            fail("gold_any", f"must be {len(events)} lists of labels, one an event, that begin with its gold one")
    return window


def _texts(value: object) -> bool:
    return isinstance(value, list) and set(map(type, value)) <= {str}
