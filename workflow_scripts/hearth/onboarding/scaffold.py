"""A first yaml of a home from its tables: columns by their names, sensors, states and activities as they occur."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import yaml

from hearth.data.sources import times
from hearth.data.sources.tabular import column_names, read_blocks
from hearth.homes.raw_format import EPOCH_UNITS

# What a column is called, the likeliest name first; a name may stand within a longer one.
ROLES = {
    "time": ("timestamp", "datetime", "time", "ts", "date"),
    "sensor": ("sensor", "device", "entity", "object"),
    "state": ("state", "status", "value", "action", "message"),
    "activity": ("activity", "label", "act", "task"),
    "resident": ("resident", "person", "subject", "user", "who"),
}
NEEDED = ("time", "sensor", "state", "activity")
FORMATS = (
    *("iso8601", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M"),
    *("%Y/%m/%d %H:%M:%S", "%Y%m%d%H%M%S"),
)
# The range of years that tells seconds from milliseconds.
_YEARS = (946_684_800_000, 4_102_444_800_000)
# A sensor with more states than these measures something; its states cannot be put in words one by one.
MOST_STATES = 12
SAID = {
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
ELSEWHERE = "home"
HEAD = """# yaml-language-server: $schema={schema}
# A DRAFT made from {data}: correct it before use. The words of rooms, sensors and states are guesses, `about` and
# `example` are empty phrases, and models read all of them. config/homes/TEMPLATE.yaml explains each key.
"""


def draft(paths: Sequence[Path], data: str, schema: str) -> str:
    """The text of a yaml for tables. Raises ValueError saying which column or which form of times cannot be told."""
    delimiter = _delimiter(paths[0])
    columns = _columns(paths[0], delimiter)
    cells = pd.concat(
        [
            block.cells[list(dict.fromkeys(columns.values()))]
            for path in paths
            for block in read_blocks(path, list(columns.values()), delimiter, "utf-8", ())
        ]
    ).map(str.strip)
    form = _time_format(cells[columns["time"]], columns["time"])
    states: dict[str, Counter] = {}
    for sensor, state in zip(cells[columns["sensor"]], cells[columns["state"]], strict=True):
        states.setdefault(sensor, Counter())[state] += 1
    measuring = sorted(sensor for sensor, found in states.items() if len(found) > MOST_STATES)
    sensors = {
        sensor: {
            "room": _room(sensor),
            "words": _words(sensor),
            "states": {state: SAID.get(state.lower(), state or "changed") for state in sorted(found)},
        }
        for sensor, found in sorted(states.items())
        if sensor and len(found) <= MOST_STATES
    }
    labels = sorted({label for label in cells[columns["activity"]] if label})
    if not sensors or len(labels) < 2:
        raise ValueError(f"{data}: {len(sensors)} sensors and {len(labels)} activities, too few for a home")
    document = {
        "name": "My home",
        "about": "A home in which people live.",
        "timezone": "UTC",
        "rooms": {spec["room"]: "" for spec in sensors.values()},
        "sensors": sensors,
        "labels": labels,
        "example": {"reasoning": "One activity after another.", "events": _example(sensors, labels)},
        "recording": {
            "delimiter": delimiter,
            "columns": columns,
            "time": {"format": form},
            **({"ignored_sensors": measuring} if measuring else {}),
            "sessions": {"by": "file" if len(paths) > 1 else "day"},
        },
    }
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return HEAD.format(schema=schema, data=data) + body


def _delimiter(path: Path) -> str:
    """What parts the cells of the first line."""
    if path.suffix != ".csv":
        return ","
    with open(path, encoding="utf-8-sig", errors="replace") as handle:
        first = handle.readline(10_000)
    return max(",;\t|", key=first.count)


def _columns(path: Path, delimiter: str) -> dict[str, str]:
    names = column_names(path, delimiter)
    found: dict[str, str] = {}
    for role, wanted in ROLES.items():
        free = [name for name in names if name not in found.values()]
        matches = [name for word in wanted for name in free if name.lower() == word]
        matches += [name for word in wanted if len(word) > 2 for name in free if word in name.lower()]
        if matches:
            found[role] = matches[0]
        elif role in NEEDED:
            raise ValueError(
                f"{path}: which column is the {role}? None is called {', '.join(wanted)}; there is {', '.join(names)}. "
                "Copy config/homes/TEMPLATE.yaml and name it in `recording.columns`"
            )
    return found


def _time_format(texts: pd.Series, column: str) -> str:
    texts = texts[texts != ""].head(1000)
    for form in (*EPOCH_UNITS, *FORMATS):
        found, good, _ = times.parse(texts, form, "")
        sensible = form not in EPOCH_UNITS or all(_YEARS[0] <= moment < _YEARS[1] for moment in found.tolist())
        if len(texts) and good.all() and sensible:
            return form
    example = texts.iloc[0] if len(texts) else ""
    raise ValueError(
        f"column {column}: {example!r} is in no form known here; see `recording.time.format` in the TEMPLATE"
    )


def _words(sensor: str) -> str:
    said = " ".join(sensor.replace("_", " ").replace(".", " ").replace("-", " ").split()) or sensor
    room = _room(sensor)
    without = said[len(room) :].strip() if said.lower().startswith(room) else said
    return without or said


def _room(sensor: str) -> str:
    plain = sensor.lower().replace("_", " ").replace("-", " ")
    return next((room for room in ROOMS if room in plain), ELSEWHERE)


def _example(sensors: dict, labels: Iterable[str]) -> list[dict]:
    """A window that nobody recorded: some sensors in turn, each with a label."""
    chosen = itertools.islice(itertools.cycle(sensors.items()), 3)
    return [
        {"time": f"08:00:{10 * number:02d}", "sensor": sensor, "state": next(iter(spec["states"])), "label": label}
        for number, ((sensor, spec), label) in enumerate(zip(chosen, itertools.cycle(labels), strict=False), start=1)
    ]
