"""Make event tables for tests."""

from datetime import datetime, timedelta

import pandas as pd
from hearth.data.events import event_table, natural_key
from hearth.homes.home import Home, Sensor


def events_of_sessions(lengths):
    """Return the events of several sessions; `lengths` maps each session to its number of events.

    No two events have the same label.
    """
    start = datetime(2024, 1, 2, 23, 59, 50)
    return event_table(
        {
            "session": session,
            "time": start + timedelta(seconds=number, milliseconds=999),
            "room": "",
            "sensor": "S1",
            "state": "rang",
            "description": "phone rang",
            "residents": ["A"][: number % 2],
            "activity": f"{session} {number}",
        }
        for session in sorted(lengths, key=natural_key)
        for number in range(lengths[session])
    )


def events_at(*seconds, session="s-1"):
    """Return the events of one session, `seconds` after 08:00:00; no two events have the same label."""
    table = events_of_sessions({session: len(seconds)})
    times = [datetime(2024, 1, 2, 8) + timedelta(seconds=second) for second in seconds]
    return table.assign(time=pd.Series(times, dtype=table["time"].dtype))


def events_with_accepted_labels(*accepted):
    """Return a session with an event for each list of accepted labels, and a second session of two events."""
    table = events_of_sessions({"s-1": len(accepted), "s-2": 2})
    labels = [*map(list, accepted), ["a"], ["a", "b"]]
    return table.assign(activity=[each[0] for each in labels], alternatives=labels)


FLAT = Home(
    name="Flat",
    about="A flat for two.",
    timezone="UTC",
    rooms={"kitchen": "stove"},
    sensors={
        "E1": Sensor("kitchen", "stove", {"ON": "turned ON", "OFF": "turned OFF"}),
        "S1": Sensor("", "phone", {"ON": "rang"}),
    },
    labels=("COOKING", "drinking water, coffee or drinks"),
    rules=(),
    example={},
    transition="keep",
)


def flat_row(session="day2", second=0, **changes):
    return {
        "session": session,
        "time": datetime(2024, 1, 2, 8, 0, second),
        "room": "kitchen",
        "sensor": "E1",
        "state": "turned ON",
        "description": "kitchen stove turned ON",
        "residents": ["A", "B"],
        "activity": "COOKING",
    } | changes


def flat_events():
    phone = {"room": "", "sensor": "S1", "state": "rang", "description": "phone rang", "residents": []}
    return event_table(
        [flat_row(), flat_row(second=1), flat_row("day10", **phone, activity="drinking water, coffee or drinks")]
    )
