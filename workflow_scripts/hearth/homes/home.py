"""A home's yaml: rooms, sensors and how they read in words, activity labels, rules for ambiguous cases.

`config/schemas/home.schema.yaml` describes every key. How raw files are read, where that is the home's to say, is
`recording.py`.
"""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hearth.common.schemas import Problem, dotted, nearest, read_yaml, schema_problems
from hearth.homes import raw_format
from hearth.homes.raw_format import Recording

SCHEMA = Path(__file__).resolve().parents[3] / "config" / "schemas" / "home.schema.yaml"


class HomeError(ValueError):
    """A home's yaml is wrong; one line a problem names file, key, value and what would be right."""


@dataclass(frozen=True)
class Sensor:
    """One sensor: the room it stands in ('' for none), its words in a sentence, and its states in words."""

    room: str
    words: str
    states: dict[str, str]


@dataclass(frozen=True)
class Home:
    """What a home's yaml says, checked. `labels` keep their exact spelling and order."""

    name: str
    about: str
    timezone: str
    rooms: dict[str, str]
    sensors: dict[str, Sensor]
    labels: tuple[str, ...]
    rules: tuple[str, ...]
    example: dict
    transition: str
    recording: Recording = field(default_factory=Recording)

    def describe(self, sensor: str, state: str) -> tuple[str, str, str]:
        """(room, state in words, description) of a raw sensor id and raw state.

        The description is `<room> <sensor> <state>` (paper, section 3). Raises KeyError, with the
        nearest known names, for a sensor or state the home does not have.
        """
        known = self.sensors.get(sensor)
        if known is None:
            raise KeyError(f"unknown sensor {sensor!r}{nearest(sensor, self.sensors)}")
        words = known.states.get(state)
        if words is None:
            raise KeyError(f"unknown state {state!r} of sensor {sensor!r}; it has {', '.join(map(repr, known.states))}")
        return known.room, words, " ".join(part for part in (known.room, known.words, words) if part)


def load_home(path: Path) -> Home:
    """Read and check a home's yaml. Raises HomeError naming file, key, value and what would be right."""
    path = Path(path)
    try:
        raw = read_yaml(path)
    except FileNotFoundError:
        raise HomeError(f"{path}: no such home; copy one of {path.parent}/*.yaml and change it") from None
    except ValueError as error:
        raise HomeError(str(error)) from None
    problems = schema_problems(raw, read_yaml(SCHEMA)) or list(_reference_problems(raw))
    if problems:
        raise HomeError("\n".join(f"{path}: {dotted(where)}: {message}" for where, message in problems))
    sensors = {
        sensor: Sensor(spec["room"], spec["words"], dict(spec["states"])) for sensor, spec in raw["sensors"].items()
    }
    return Home(
        name=raw["name"],
        about=raw["about"],
        timezone=raw.get("timezone", "UTC"),
        rooms=dict(raw["rooms"]),
        sensors=sensors,
        labels=tuple(raw["labels"]),
        rules=tuple(raw.get("rules", ())),
        example=raw["example"],
        transition=raw.get("transition", "keep"),
        recording=raw_format.recording(raw.get("recording", {})),
    )


def _reference_problems(raw: dict) -> Iterator[Problem]:
    """What a schema cannot say: sensors stand in known rooms; the example uses known sensors, states and labels."""
    try:
        zoneinfo.ZoneInfo(raw.get("timezone", "UTC"))
    except (KeyError, ValueError, OSError):
        yield ["timezone"], f"unknown time zone {raw['timezone']!r}; write an IANA name such as 'Europe/Rome'"
    for sensor, spec in raw["sensors"].items():
        if spec["room"] and spec["room"] not in raw["rooms"]:
            yield ["sensors", sensor, "room"], f"unknown room {spec['room']!r}{nearest(spec['room'], raw['rooms'])}"
    for index, event in enumerate(raw["example"]["events"]):
        where = ["example", "events", index]
        sensor, state, label = event["sensor"], event["state"], event["label"]
        if sensor not in raw["sensors"]:
            yield [*where, "sensor"], f"unknown sensor {sensor!r}{nearest(sensor, raw['sensors'])}"
        elif state not in raw["sensors"][sensor]["states"]:
            states = raw["sensors"][sensor]["states"]
            yield [*where, "state"], f"unknown state {state!r}{nearest(state, states)}"
        if label not in raw["labels"]:
            yield [*where, "label"], f"unknown label {label!r}{nearest(label, raw['labels'])}"
    for place, message in raw_format.problems(raw.get("recording", {}), raw["labels"]):
        yield ["recording", *place], message
