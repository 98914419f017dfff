"""A home's yaml: rooms, sensors and how they read in words, activity labels, rules for ambiguous cases.

`config/schemas/home.schema.yaml` describes every key. Nothing here knows how a dataset is stored.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import yaml

SCHEMA = Path(__file__).resolve().parents[2] / "config" / "schemas" / "home.schema.yaml"


class HomeError(ValueError):
    """A home's yaml is wrong; the message names file, key, value and what would be right."""


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


def nearest(name: str, known) -> str:
    """'; did you mean ...?' for the known name closest to `name`, or the known names when none is close."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(map(str, known))}" if known else ""


def load_home(path: Path) -> Home:
    """Read and check a home's yaml. Raises HomeError naming file, key, value and what would be right."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HomeError(f"{path}: no such home; copy one of {path.parent}/*.yaml and change it") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise HomeError(f"{path}: not YAML: {error}") from None
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(raw), key=lambda e: list(map(str, e.path)))
    if errors:
        error = errors[0]
        raise HomeError(f"{path}: {'.'.join(map(str, error.path)) or 'top level'}: {error.message}")
    _check_references(path, raw)
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
    )


def _check_references(path: Path, raw: dict) -> None:
    """What a schema cannot say: sensors stand in known rooms; the example uses known sensors, states and labels."""
    for sensor, spec in raw["sensors"].items():
        if spec["room"] and spec["room"] not in raw["rooms"]:
            raise HomeError(
                f"{path}: sensors.{sensor}.room: unknown room {spec['room']!r}{nearest(spec['room'], raw['rooms'])}"
            )
    for index, event in enumerate(raw["example"]["events"]):
        where = f"{path}: example.events.{index}"
        if event["sensor"] not in raw["sensors"]:
            raise HomeError(
                f"{where}.sensor: unknown sensor {event['sensor']!r}{nearest(event['sensor'], raw['sensors'])}"
            )
        states = raw["sensors"][event["sensor"]]["states"]
        if event["state"] not in states:
            raise HomeError(f"{where}.state: unknown state {event['state']!r}{nearest(event['state'], states)}")
        if event["label"] not in raw["labels"]:
            raise HomeError(f"{where}.label: unknown label {event['label']!r}{nearest(event['label'], raw['labels'])}")
