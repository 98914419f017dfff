"""Read and check a home's yaml: rooms, sensors and their names in prompts, activity labels, rules for labelling.

`config/schemas/home.schema.yaml` describes every key. `raw_format.py` parses the key `recording`.
"""

import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from hearth.common.schemas import Problem, dotted, nearest, read_yaml, schema_problems
from hearth.homes.raw_format import Recording, parse_recording, recording_problems

CONFIG = Path(__file__).resolve().parents[3] / "config"
SCHEMA = CONFIG / "schemas" / "home.schema.yaml"
HOMES = CONFIG / "homes"


class HomeError(ValueError):
    """A home's yaml is invalid; each line of the message names file, key, value and remedy."""


class ExampleEvent(TypedDict):
    """An event of the invented example, with the id of its sensor and the state as raw files spell it."""

    time: str  # HH:MM:SS
    sensor: str
    state: str
    label: str


class Example(TypedDict):
    """The invented window that shows the prompt's input and output format."""

    reasoning: str
    events: list[ExampleEvent]


@dataclass(frozen=True)
class Sensor:
    """One sensor: its room ('' for none), its name in prompts, and a dict from raw states to their text in prompts.

    `kind` says what sort of sensor it is, such as "motion sensor"; '' if the home does not say.
    """

    room: str
    words: str
    states: dict[str, str]
    kind: str = ""

    def describe(self, state_words: str) -> str:
        """Return the text `<room> <sensor> <state>` of an event with this text of the state (paper, section 3)."""
        return " ".join(part for part in (self.room, self.words, state_words) if part)


class EventWords(NamedTuple):
    """The texts of an event: its room, its sensor's new state, and the whole description."""

    room: str
    state: str
    description: str


@dataclass(frozen=True)
class Home:
    """The checked content of a home's yaml. `labels` keep their spelling and order."""

    name: str
    about: str
    timezone: str
    rooms: dict[str, str]
    sensors: dict[str, Sensor]
    labels: tuple[str, ...]
    rules: tuple[str, ...]
    example: Example
    transition: str
    recording: Recording = field(default_factory=Recording)

    def describe(self, sensor: str, state: str) -> EventWords:
        """Return the texts of an event of the sensor id `sensor` with the state `state`, both as raw files spell them.

        Raises KeyError, naming the nearest known sensor or the known states, for a sensor or state that the home
        lacks.
        """
        known = self.sensors.get(sensor)
        if known is None:
            raise KeyError(f"unknown sensor {sensor!r}{nearest(sensor, self.sensors)}")
        words = known.states.get(state)
        if words is None:
            raise KeyError(f"unknown state {state!r} of sensor {sensor!r}; it has {', '.join(map(repr, known.states))}")
        return EventWords(known.room, words, known.describe(words))


def load_home(path: Path) -> Home:
    """Read and check a home's yaml. Raises HomeError naming file, key, value and remedy of every problem."""
    path = Path(path)
    try:
        raw = read_yaml(path)
    except FileNotFoundError:
        raise HomeError(f"{path}: no such home; copy one of {HOMES}/*.yaml and change it") from None
    except ValueError as error:
        raise HomeError(str(error)) from None
    problems = schema_problems(raw, read_yaml(SCHEMA)) or list(_reference_problems(raw))
    if problems:
        raise HomeError("\n".join(f"{path}: {dotted(place)}: {message}" for place, message in problems))
    return Home(
        name=raw["name"],
        about=raw["about"],
        timezone=raw.get("timezone", "UTC"),
        rooms=dict(raw["rooms"]),
        sensors={
            sensor: Sensor(spec["room"], spec["words"], dict(spec["states"]), spec.get("kind", ""))
            for sensor, spec in raw["sensors"].items()
        },
        labels=tuple(raw["labels"]),
        rules=tuple(raw.get("rules", ())),
        example=raw["example"],
        transition=raw.get("transition", "keep"),
        recording=parse_recording(raw.get("recording", {})),
    )


def _reference_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems that a schema cannot detect, such as names of sensors or labels that the home lacks."""
    try:
        zoneinfo.ZoneInfo(raw.get("timezone", "UTC"))
    except (KeyError, ValueError, OSError):
        yield ["timezone"], f"unknown time zone {raw['timezone']!r}; write an IANA name such as 'Europe/Rome'"
    for sensor, spec in raw["sensors"].items():
        if spec["room"] and spec["room"] not in raw["rooms"]:
            yield ["sensors", sensor, "room"], f"unknown room {spec['room']!r}{nearest(spec['room'], raw['rooms'])}"
    for index, event in enumerate(raw["example"]["events"]):
        place = ["example", "events", index]
        sensor, state, label = event["sensor"], event["state"], event["label"]
        if sensor not in raw["sensors"]:
            yield [*place, "sensor"], f"unknown sensor {sensor!r}{nearest(sensor, raw['sensors'])}"
        elif state not in raw["sensors"][sensor]["states"]:
            states = raw["sensors"][sensor]["states"]
            yield [*place, "state"], f"unknown state {state!r}{nearest(state, states)}"
        if label not in raw["labels"]:
            yield [*place, "label"], f"unknown label {label!r}{nearest(label, raw['labels'])}"
    for below, message in recording_problems(raw.get("recording", {}), raw["labels"]):
        yield ["recording", *below], message
