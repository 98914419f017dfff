"""Draw whole homes by a seed, and simulate their days as tables with a row for each event."""

import csv
import datetime
import functools
from collections.abc import Collection
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from hearth.common.files import replacing
from hearth.homes.home import Home, parse_home
from hearth.simulation.behaviour import Event, Household, Resident, installed_sensors, random_stream
from hearth.simulation.drawn_days import PERIODS, day_script
from hearth.simulation.drawn_layout import Layout, draw_layout
from hearth.simulation.drawn_words import PAUSE

COLUMNS = ("time", "sensor", "state", "resident", "activity")
# The least and most events of a session.
EVENTS = (25, 75)
EXAMPLE_EVENTS = 5
LONGEST_SESSION = 8 * 3600 * 1000


@functools.lru_cache(maxsize=1000)
def draw_home(seed: int) -> Home:
    """Draw the home of a seed. Equal seeds give equal homes."""
    return parse_home(_home_content(draw_layout(seed)), f"the home drawn by seed {seed}")


def home_yaml(seed: int) -> str:
    """Return the yaml of the home of a seed, with a comment that says that it is simulated."""
    comment = f"# SIMULATED: a home drawn by the seed {seed}. No room, sensor, resident or event of it is real.\n"
    return comment + yaml.safe_dump(
        _home_content(draw_layout(seed)), sort_keys=False, default_flow_style=None, width=120
    )


def write_home(
    root: Path, seed: int, sessions: int, home: Home, missing: int = 0, without: Collection[str] = ()
) -> None:
    """Write the sessions of the home of a seed below `root`, one table each; equal arguments give equal bytes.

    `missing` sensors, drawn by `seed`, record nothing. Raises ValueError if no sensor would be left, if `home` is not
    the one that `seed` draws, and if `without` names a trait, because a drawn home leaves none out.
    """
    if without:
        raise ValueError(f"a drawn home has no traits to leave out, but simulate.without has {sorted(without)}")
    if home != draw_home(seed):
        raise ValueError(f"{home.name}: not the home that the seed {seed} draws, which a simulation of it needs")
    layout = draw_layout(seed)
    ids = set(installed_sensors(home, missing, "drawn", seed))
    things = frozenset(thing for thing, sensor in layout.sensors.items() if sensor.id in ids)
    for number in range(sessions):
        start, events = simulate_session(layout, number, things)
        _write_table(Path(root) / "sessions" / f"{number + 1:04}.csv", layout, start, events)


def simulate_session(layout: Layout, name: int | str, things: frozenset[str]) -> tuple[datetime.datetime, list[Event]]:
    """Return a pair: when the session of a number or name begins, on the home's clock, and its events.

    Only sensors of `things` record. Times of day take turns.
    """
    rng = random_stream("drawn", layout.seed, "session", name)
    number = name if isinstance(name, int) else 1
    period = list(PERIODS)[number % len(PERIODS)]
    household = Household(rng, (*layout.labels, PAUSE), things)
    first = PAUSE if layout.has_pauses else next(iter(layout.labels))
    for resident in layout.residents:
        Resident(resident, household, ("drawn", layout.seed), first, "bedroom" if period == "morning" else "living")
    for role, me in enumerate(household.residents):
        household.start(day_script(me, role, period, layout), rng.uniform(0.5, 90))
    household.run(LONGEST_SESSION, rng.randint(*EVENTS))
    start = datetime.datetime(2024, 1, 8, tzinfo=ZoneInfo(layout.timezone))
    start += datetime.timedelta(days=number // len(PERIODS), hours=PERIODS[period][0], seconds=rng.randint(0, 5400))
    return start, household.events


def _write_table(path: Path, layout: Layout, start: datetime.datetime, events: list[Event]) -> None:
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        for event in events:
            sensor = layout.sensors[event.sensor]
            time = _time_of(start, event).isoformat(timespec="milliseconds")
            state = sensor.spelling[not event.active]
            writer.writerow((time, sensor.id, state, event.residents[0], layout.labels[event.label]))


def _time_of(start: datetime.datetime, event: Event) -> datetime.datetime:
    """Return when an event happens, on the home's clock."""
    moment = start.astimezone(datetime.UTC) + datetime.timedelta(milliseconds=event.time)
    return moment.astimezone(start.tzinfo)


def _home_content(layout: Layout) -> dict[str, Any]:
    """Return the content of the home's yaml."""
    count = len(layout.residents)
    labels = list(dict.fromkeys(layout.labels.values()))
    rules = [f"{layout.labels[PAUSE]} is the time between two activities."] if layout.has_pauses else []
    return {
        "name": f"Simulated home {layout.seed}",
        "about": f"A simulated home of {count} {'person' if count == 1 else 'people'}.",
        "residents": "one" if count == 1 else "several",
        "timezone": layout.timezone,
        "rooms": {
            room: ", ".join(sensor.words for sensor in layout.sensors.values() if sensor.room == room)
            for room in dict.fromkeys(layout.rooms.values())
        },
        "sensors": {
            sensor.id: {
                "room": sensor.room,
                "words": sensor.words,
                "kind": sensor.kind,
                "states": dict(zip(sensor.spelling, sensor.states, strict=True)),
            }
            for sensor in layout.sensors.values()
        },
        "labels": labels,
        "common_labels": layout.common,
        "rules": [{"text": rule, "origin": "common sense"} for rule in rules],
        "recording": {
            "files": ["sessions/*.csv"],
            "columns": {name: name for name in COLUMNS},
            "sessions": {"by": "file"},
        },
        "example": _example(layout),
    }


def _example(layout: Layout) -> dict[str, Any]:
    """Return the home's example: events of a session of its own, where they have the most labels."""
    start, events = simulate_session(layout, "example", frozenset(layout.sensors))
    runs = [events[first : first + EXAMPLE_EVENTS] for first in range(len(events) - EXAMPLE_EVENTS + 1)]
    shown = max(runs, key=lambda run: len({layout.labels[event.label] for event in run}))
    rows, reasons = [], []
    for event in shown:
        sensor, label = layout.sensors[event.sensor], layout.labels[event.label]
        state = sensor.spelling[not event.active]
        rows.append({"time": f"{_time_of(start, event):%H:%M:%S}", "sensor": sensor.id, "state": state, "label": label})
        words = " ".join(part for part in (sensor.room, sensor.words, sensor.states[not event.active]) if part)
        reasons.append(f"{words}: {label}.")
    return {"reasoning": " ".join(dict.fromkeys(reasons)), "events": rows}
