"""Draft a home's yaml from its tables: guess the columns from their names, and list sensors, states and activities."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd
import yaml

from hearth.data.example_leaks import clock_text, find_free_time
from hearth.data.sources.tabular import read_blocks, read_column_names
from hearth.data.sources.times import parse_times
from hearth.homes.home import ExampleEvent, Home
from hearth.homes.raw_format import EPOCH_UNITS, FileForm

# By role: words that the name of its column usually equals or contains, the likeliest first.
COLUMN_NAMES = {
    "time": ("timestamp", "datetime", "time", "ts", "date"),
    "sensor": ("sensor", "device", "entity", "object"),
    "state": ("state", "status", "value", "action", "message"),
    "activity": ("activity", "label", "act", "task"),
    "resident": ("resident", "person", "subject", "user", "who"),
}
REQUIRED_ROLES = ("time", "sensor", "state", "activity")
TIME_FORMATS = (
    *("iso8601", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M"),
    *("%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S"),
)
# The years 2000 to 2099 in milliseconds since 1970. A unit of time is plausible if all times then lie in these years.
_PLAUSIBLE_TIMES = (946_684_800_000, 4_102_444_800_000)
# A sensor with more states measures a quantity, whose states cannot be described one by one.
MOST_STATES = 12
STATE_WORDS = {
    **{"on": "turned ON", "off": "turned OFF", "open": "opened", "opened": "opened", "close": "closed"},
    **{"closed": "closed", "1": "detected", "0": "ended", "true": "detected", "false": "ended"},
}
ROOMS = (
    "kitchen",
    "living room",
    "dining room",
    "bedroom",
    "bathroom",
    "toilet",
    "hall",
    "office",
    "garage",
    "entrance",
)
OTHER_ROOM = "home"
DRAFTED_ABOUT, DRAFTED_REASONING = "A home in which people live.", "One activity after another."
HEAD = """# yaml-language-server: $schema={schema}
# A DRAFT made from {data}: correct it before use. The words of rooms, sensors and states are guesses, `about` and
# `example` are placeholders, and all of them enter prompts. config/homes/TEMPLATE.yaml explains each key.
"""


class SensorSpec(TypedDict):
    """A sensor as a home's yaml describes it."""

    room: str
    words: str
    states: dict[str, str]


def draft_home(paths: Sequence[Path], data: str, schema: str) -> str:
    """Return the text of a home's yaml for the tables `paths`; its first comment names `data` and `schema`.

    Raises ValueError if the column of a role or the format of the times cannot be guessed, and for data without
    sensors or with fewer than two activities.
    """
    delimiter = _guess_delimiter(paths[0])
    columns = _guess_columns(paths[0], delimiter)
    cells = pd.concat(
        [
            block.cells[list(dict.fromkeys(columns.values()))]
            for path in paths
            for block in read_blocks(path, list(columns.values()), FileForm(delimiter=delimiter))
        ]
    ).map(str.strip)
    time_format = _guess_time_format(cells[columns["time"]], columns["time"])
    states: dict[str, Counter[str]] = {}
    for sensor, state in zip(cells[columns["sensor"]], cells[columns["state"]], strict=True):
        states.setdefault(sensor, Counter())[state] += 1
    measuring = sorted(sensor for sensor, counts in states.items() if len(counts) > MOST_STATES)
    sensors: dict[str, SensorSpec] = {
        sensor: {
            "room": _guess_room(sensor),
            "words": _guess_words(sensor),
            "states": {state: STATE_WORDS.get(state.lower(), state or "changed") for state in sorted(counts)},
        }
        for sensor, counts in sorted(states.items())
        if sensor and len(counts) <= MOST_STATES
    }
    labels = sorted({label for label in cells[columns["activity"]] if label})
    if not sensors or len(labels) < 2:
        raise ValueError(f"{data}: {len(sensors)} sensors and {len(labels)} activities, too few for a home")
    milliseconds, _, _ = parse_times(cells[columns["time"]], time_format, "")
    recorded = pd.DataFrame({name: cells[columns[name]].to_numpy() for name in ("sensor", "state")})
    recorded["second"] = milliseconds // 1000 % 86_400
    document = {
        "name": "My home",
        "about": DRAFTED_ABOUT,
        "timezone": "UTC",
        "rooms": {spec["room"]: "" for spec in sensors.values()},
        "sensors": sensors,
        "labels": labels,
        "example": {"reasoning": DRAFTED_REASONING, "events": _invent_example(sensors, labels, recorded)},
        "recording": {
            "delimiter": delimiter,
            "columns": columns,
            "time": {"format": time_format},
            **({"ignored_sensors": measuring} if measuring else {}),
            "sessions": {"by": "file" if len(paths) > 1 else "day"},
        },
    }
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return HEAD.format(schema=schema, data=data) + body


def drafted_parts(home: Home) -> list[str]:
    """Return the keys of a home's yaml that still hold what a draft wrote because somebody must write them."""
    parts = {"about": home.about == DRAFTED_ABOUT, "example": home.example["reasoning"] == DRAFTED_REASONING}
    parts["rooms"] = not any(home.rooms.values())
    return [part for part, drafted in parts.items() if drafted]


def _guess_delimiter(path: Path) -> str:
    """Return the most frequent delimiter in the first line of a CSV file; "," for other formats."""
    if path.suffix != ".csv":
        return ","
    with open(path, encoding="utf-8-sig", errors="replace") as handle:
        first = handle.readline(10_000)
    return max(",;\t|", key=first.count)


def _guess_columns(path: Path, delimiter: str) -> dict[str, str]:
    """Return a dict from each role to the column whose name equals or contains one of the role's usual names.

    Raises ValueError if a required role has no such column.
    """
    names = read_column_names(path, FileForm(delimiter=delimiter))
    columns: dict[str, str] = {}
    for role, usual in COLUMN_NAMES.items():
        free = [name for name in names if name not in columns.values()]
        matches = [name for word in usual for name in free if name.lower() == word]
        matches += [name for word in usual if len(word) > 2 for name in free if word in name.lower()]
        if matches:
            columns[role] = matches[0]
        elif role in REQUIRED_ROLES:
            raise ValueError(
                f"{path}: which column is the {role}? No column is called {', '.join(usual)}; the columns are "
                f"{', '.join(names)}. Copy config/homes/TEMPLATE.yaml and name the column in `recording.columns`"
            )
    return columns


def _guess_time_format(texts: pd.Series, column: str) -> str:
    """Return the first known time format in which the first thousand times of a column are valid."""
    texts = texts[texts != ""].head(1000)
    first, end = _PLAUSIBLE_TIMES
    for form in (*EPOCH_UNITS, *TIME_FORMATS):
        milliseconds, valid, _ = parse_times(texts, form, "")
        plausible = form not in EPOCH_UNITS or all(first <= time < end for time in milliseconds.tolist())
        if len(texts) and valid.all() and plausible:
            return form
    example = texts.iloc[0] if len(texts) else ""
    raise ValueError(
        f"column {column}: {example!r} is in no known time format; see `recording.time.format` in TEMPLATE.yaml"
    )


def _guess_words(sensor: str) -> str:
    """Return a sensor's name with spaces between its words, without its room."""
    words = " ".join(sensor.replace("_", " ").replace(".", " ").replace("-", " ").split()) or sensor
    room = _guess_room(sensor)
    without_room = words[len(room) :].strip() if words.lower().startswith(room) else words
    return without_room or words


def _guess_room(sensor: str) -> str:
    plain = sensor.lower().replace("_", " ").replace("-", " ")
    return next((room for room in ROOMS if room in plain), OTHER_ROOM)


def _invent_example(
    sensors: Mapping[str, SensorSpec], labels: Iterable[str], recorded: pd.DataFrame
) -> list[ExampleEvent]:
    """Return three invented events: each has the next sensor, that sensor's first state, and the next label.

    They are at a time of day at which nothing like them is recorded. `recorded` has the columns sensor, state and
    second, which is the time of day in seconds.
    """
    chosen = [(name, next(iter(spec["states"]))) for name, spec in sensors.items()]
    rows = list(itertools.islice(zip(itertools.cycle(chosen), itertools.cycle(labels), strict=False), 3))
    seconds = {
        sensor: np.unique(recorded["second"][(recorded["sensor"] == sensor) & (recorded["state"] == state)])
        for (sensor, state), _ in rows
    }
    clocks: np.ndarray = 8 * 3600 + np.arange(10, 40, 10)
    free = find_free_time(clocks, [sensor for (sensor, _), _ in rows], seconds)
    start = int(clocks[0]) if free is None else free
    return [
        {"time": clock_text(start + 10 * number), "sensor": sensor, "state": state, "label": label}
        for number, ((sensor, state), label) in enumerate(rows)
    ]
