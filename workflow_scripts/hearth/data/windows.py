"""Windows: the types of the records in windows.jsonl, and functions that read and check them.

A window holds up to a given number of consecutive events of one session. Windows do not overlap.
windows.jsonl has one window a line, ordered by session and index.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, NotRequired, TypedDict, TypeVar, cast

from hearth.common import files

# Reasons to end a window that is not full: none ("count"), too long a time since its first event ("time"), or
# too long a pause since its last event ("gap").
WINDOW_KINDS = ("count", "time", "gap")


class WindowEvent(TypedDict):
    """One event as a prompt shows it."""

    id: int  # 1..n in the window
    time: str  # HH:MM:SS on the home's clock
    description: str  # <room> <sensor> <state> in words


class WindowInput(TypedDict):
    """The part of a window that a model sees. Windows of unlabelled streams have no other keys."""

    window_id: str  # <dataset>/<session>/<index>
    events: list[WindowEvent]


class Window(WindowInput):
    """A window of a recorded session, one row of windows.jsonl. splits.json has the splits of its session."""

    dataset: str
    session: str
    index: int  # 0-based in the session
    gold: list[str]  # the gold label of each event
    residents: list[list[str]]  # the residents behind each event; a list may be empty
    # All accepted labels of each event, the gold label first. Only where events may have several (see `gold_labels`).
    gold_any: NotRequired[list[list[str]]]


_KEYS = Window.__required_keys__
_EVENT_KEYS = WindowEvent.__required_keys__
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")


def read_windows(path: Path) -> list[Window]:
    """Return the windows of a windows.jsonl, as `iterate_windows` does."""
    return list(iterate_windows(path))


def iterate_windows(path: Path) -> Iterator[Window]:
    """Yield the windows of a windows.jsonl in file order.

    Every window is checked. Raises ValueError, naming the file, for a window that fails `check_window`, and at the end
    if there was none.
    """
    found = False
    for number, row in enumerate(files.iterate_json_lines(path), start=1):
        try:
            window = check_window(row)
        except ValueError as error:
            raise ValueError(f"{path}: row {number}: {error}") from None
        found = True
        yield window
    if not found:
        raise ValueError(f"{path}: no window")


def check_window(window: object) -> Window:
    """Return the window unchanged. Raises ValueError, naming window and key, if it is not a valid `Window`."""
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


Duration = TypeVar("Duration", float, timedelta)


def starts_window(kind: str, since_first: Duration, since_previous: Duration, limit: Duration) -> bool:
    """Whether an event starts a new window although the current window is not full.

    `kind` is one of `WINDOW_KINDS`. `since_first` and `since_previous` are the times from the current window's first
    and last event to this event. `limit` is the longest allowed since the first (time) or the last (gap).
    """
    if kind == "time":
        return since_first > limit
    return kind == "gap" and since_previous > limit
