"""Build and check the event table, which has one row for every change of a sensor's state.

Its columns are those of `EVENT_SCHEMA`. Columns `group_<key>` follow, such as `group_day`: the group that a session
belongs to by that key, by which folds can be made. One more column, `alternatives`, exists only if some event has
several accepted activities, which needs `recording.several: any` in the home's yaml. Rows are sorted by session in
natural order (`session2` before `session10`) and by the event's number; within a session, time never decreases. In
memory, text columns may be categorical: ten million events then take about 400 MB.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import pyarrow as pa

from hearth.homes.home import Home

EVENT_SCHEMA = pa.schema(
    [
        ("session", pa.string()),
        ("event", pa.int64()),  # 0-based in its session
        ("time", pa.timestamp("ms")),  # naive, on the home's clock
        ("room", pa.string()),  # "" for a sensor outside all rooms
        ("sensor", pa.string()),  # as the raw data spell it
        ("state", pa.string()),  # in words
        ("description", pa.string()),  # <room> <sensor> <state> in words
        ("residents", pa.list_(pa.string())),  # who caused it, sorted; may be empty
        ("activity", pa.string()),  # one of the home's labels
    ]
)
COLUMNS = tuple(EVENT_SCHEMA.names)
ALTERNATIVES = "alternatives"  # all accepted activities of an event, `activity` first; a list
GROUP_PREFIX = "group_"
TEXT_COLUMNS = ("session", "room", "sensor", "state", "description", "activity")

Fault = tuple[int, str, str]  # (row, column, what is wrong)


def group_columns(names: Iterable[str]) -> list[str]:
    """Return the names of group columns among the names of a table's columns, in their order."""
    return [name for name in names if name.startswith(GROUP_PREFIX)]


def event_schema(names: Sequence[str]) -> pa.Schema:
    """Return the schema of an event table that has the group columns, and perhaps `alternatives`, among `names`."""
    schema = EVENT_SCHEMA
    for name in group_columns(names):
        schema = schema.append(pa.field(name, pa.string()))
    return schema.append(pa.field(ALTERNATIVES, pa.list_(pa.string()))) if ALTERNATIVES in names else schema


class SensorWords(TypedDict):
    """A change of a sensor's state: room, sensor id, and the texts of the state and of the whole event."""

    room: str
    sensor: str
    state: str
    description: str


class StreamEvent(SensorWords):
    """An event of an unlabelled stream or recording."""

    session: str
    time: pd.Timestamp  # naive, on the home's clock


class EventRow(SensorWords):
    """A row of the event table without the column `event`, its number in the session."""

    session: str
    time: int  # milliseconds since 1970-01-01 00:00 on the home's clock
    residents: list[str]
    activity: str


def natural_key(name: str) -> tuple[list[int | str], str]:
    """Return a sort key that compares numbers inside a name by value: A1a-instance2 before A1a-instance10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def event_table(rows: Iterable[EventRow], groups: Mapping[str, Mapping[str, str]] | None = None) -> pd.DataFrame:
    """Return the event table of `rows`, in their order, with the events of each session numbered from 0.

    `groups` has a dict for each group key, from each session to its group.
    """
    listed: list[Mapping[str, Any]] = list(rows)
    seen: Counter[str] = Counter()
    numbers = []
    for row in listed:
        numbers.append(seen[row["session"]])
        seen[row["session"]] += 1
    columns: dict[str, Any] = {name: [row[name] for row in listed] for name in COLUMNS if name != "event"}
    columns["event"] = np.array(numbers, dtype="int64")
    columns["time"] = np.array(columns["time"], dtype="datetime64[ms]")
    for key, group_of in (groups or {}).items():
        columns[GROUP_PREFIX + key] = pd.Series([group_of[row["session"]] for row in listed], dtype=object)
    return pd.DataFrame(columns, columns=[*COLUMNS, *group_columns(columns)])


def check_events(events: pd.DataFrame, home: Home) -> None:
    """Check the form of the event table, and that its sensors, texts and labels are those of `home`.

    Raises ValueError naming session, event and column of the first row at fault.
    """
    check_event_form(events)
    labels = set(home.labels)
    faults: list[Fault] = []
    for row, (sensor, room, state, description) in _distinct(events, ("sensor", "room", "state", "description")):
        known = home.sensors.get(sensor)
        if known is None:
            faults.append((row, "sensor", f"{sensor!r} is not a sensor of {home.name}"))
        elif room != known.room:
            faults.append((row, "room", f"{room!r}, but sensor {sensor!r} stands in {known.room!r}"))
        elif state not in known.states.values():
            faults.append((row, "state", f"{state!r} is no state of sensor {sensor!r}"))
        elif description != (expected := known.describe(state)):
            faults.append((row, "description", f"{description!r}, expected {expected!r}"))
    for row, (activity,) in _distinct(events, ("activity",)):
        if activity not in labels:
            faults.append((row, "activity", f"{activity!r} is not a label of {home.name}"))
    for row, names in _distinct_lists(events, ALTERNATIVES):
        if unknown := [name for name in names if name not in labels]:
            faults.append((row, ALTERNATIVES, f"{unknown[0]!r} is not a label of {home.name}"))
    _raise_first(events, faults)


def check_event_form(events: pd.DataFrame) -> None:
    """Check the rules for every home: columns and types, order of sessions, one group per session and key, numbering
    of events, order of times.

    Raises ValueError naming the column, and the session and event of the first row at fault.
    """
    groups = group_columns(map(str, events.columns))
    if list(events.columns) != event_schema(list(map(str, events.columns))).names:
        raise ValueError(f"columns are {', '.join(map(str, events.columns))}; expected {', '.join(COLUMNS)}")
    if events["time"].dtype != np.dtype("datetime64[ms]"):
        raise ValueError(f"column time: type {events['time'].dtype}, expected datetime64[ms] without a time zone")
    faults: list[Fault] = []
    for column in (*TEXT_COLUMNS, *groups):
        faults += [
            (row, column, f"{value!r} is not text")
            for row, (value,) in _distinct(events, (column,))
            if not isinstance(value, str)
        ]
    _raise_first(events, faults)
    for row, names in _distinct_lists(events, "residents"):
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            faults.append((row, "residents", f"{names!r} is not a list of names"))
        elif names != sorted(set(names)):
            faults.append((row, "residents", f"{names!r} is not sorted, or lists a resident twice"))
    faults += _order_faults(events)
    for column in groups:
        faults += _group_faults(events, column)
    if ALTERNATIVES in events:
        for row, (names, activity) in enumerate(zip(events[ALTERNATIVES], events["activity"], strict=True)):
            if not (isinstance(names, list) and names[:1] == [activity]):
                faults.append((row, ALTERNATIVES, f"{names!r} is not a list that begins with the activity"))
                break
    _raise_first(events, faults)


def _distinct(events: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield a pair for every distinct combination of values in `columns`: its first row, and the values."""
    first = ~events[list(columns)].duplicated().to_numpy()
    for row in np.flatnonzero(first).tolist():
        yield row, tuple(events[column].iloc[row] for column in columns)


def _distinct_lists(events: pd.DataFrame, column: str) -> Iterator[tuple[int, Any]]:
    """Yield a pair for every distinct object in a column of lists: its first row, and the object.

    Equal lists may be several objects.
    """
    if column in events:
        rows: dict[int, int] = {}
        values = events[column].to_numpy(dtype=object)
        for row, value in enumerate(values):
            rows.setdefault(id(value), row)
        yield from ((row, values[row]) for row in rows.values())


def _raise_first(events: pd.DataFrame, faults: Sequence[Fault]) -> None:
    """Raise ValueError for the fault of the earliest row, if there is any."""
    if faults:
        row, column, what = min(faults, key=lambda fault: fault[0])
        session, event = events["session"].iloc[row], events["event"].iloc[row]
        raise ValueError(f"session {session!r}, event {event}, column {column}: {what}")


def _group_faults(events: pd.DataFrame, column: str) -> list[Fault]:
    """Return a fault for each session of which `column` names several groups."""
    pairs = list(_distinct(events, ("session", column)))
    first: dict[str, str] = {}
    return [
        (row, column, f"{group!r}, but an earlier event of the session has {first[session]!r}")
        for row, (session, group) in pairs
        if first.setdefault(session, group) != group
    ]


def _order_faults(events: pd.DataFrame) -> list[Fault]:
    """Return the first fault of each kind: time missing, session out of order, event misnumbered, time decreasing."""
    if events.empty:
        return []
    faults: list[Fault] = []
    codes, names = pd.factorize(events["session"])
    times, numbers = events["time"].to_numpy(), events["event"].to_numpy()
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    if missing := np.flatnonzero(np.isnat(times))[:1].tolist():
        faults.append((missing[0], "time", "missing"))
    for before, start in itertools.pairwise(starts):
        previous, session = names[codes[before]], names[codes[start]]
        if natural_key(session) < natural_key(previous):
            what = f"comes after session {previous!r}; sessions must be in natural order"
            faults.append((int(start), "session", what))
            break
    lengths = np.diff(np.r_[starts, len(codes)])
    expected = np.arange(len(codes)) - np.repeat(starts, lengths)
    if wrong := np.flatnonzero(numbers != expected)[:1].tolist():
        faults.append((wrong[0], "event", "events of a session must be numbered 0, 1, 2, ..."))
    earlier: np.ndarray = np.flatnonzero((times[1:] < times[:-1]) & (codes[1:] == codes[:-1]))[:1] + 1
    for row in earlier.tolist():
        what = f"{events['time'].iloc[row]} is earlier than the event before it ({events['time'].iloc[row - 1]})"
        faults.append((row, "time", what))
    return faults
