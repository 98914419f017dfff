"""Read and check a home's yaml: rooms, sensors and their names in prompts, activity labels, rules for labelling.

`config/schemas/home.schema.yaml` describes every key. `raw_format.py` parses the key `recording`, and
`recording_problems.py` checks it.
"""

import unicodedata
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from hearth.common.schemas import Problem, dotted, nearest, read_yaml, schema_problems, without_unknown_keys
from hearth.homes.raw_format import Recording, parse_recording
from hearth.homes.recording_problems import recording_problems

CONFIG = Path(__file__).resolve().parents[3] / "config"
SCHEMA = CONFIG / "schemas" / "home.schema.yaml"
HOMES = CONFIG / "homes"
REASONING_TAGS = ("<think>", "</think>")  # They delimit the reasoning in a model's answer.


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


@dataclass(frozen=True)
class Threshold:
    """States of a sensor that measures a number: `reached` from `at_least` on, else `below`."""

    at_least: float
    reached: str
    below: str


@dataclass(frozen=True)
class BusEntity:
    """The sensor that an entity of the home's event bus is, or None for one to ignore, and states that differ."""

    sensor: str | None
    states: dict[str, str] = field(default_factory=dict)
    threshold: Threshold | None = None


class EventWords(NamedTuple):
    """The texts of an event: its room, its sensor's new state, and the whole description."""

    room: str
    state: str
    description: str


@dataclass(frozen=True)
class Home:
    """The checked content of a home's yaml. `labels` keep their spelling and order.

    `aliases` maps other spellings to their labels. `rule_origins` has the origin of each of `rules`, '' if unstated.
    `residents` is "one" or "several". `common_labels` maps every label to one that homes share, or is empty.
    `entities` maps entities of the home's event bus to sensors.
    """

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
    aliases: dict[str, str] = field(default_factory=dict)
    rule_origins: tuple[str, ...] = ()
    residents: str = "several"
    common_labels: dict[str, str] = field(default_factory=dict)
    entities: dict[str, BusEntity] = field(default_factory=dict)

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


@cache
def common_label_names() -> tuple[str, ...]:
    """Return the labels that homes share, in the order of the schema."""
    names = read_yaml(SCHEMA)["properties"]["common_labels"]["additionalProperties"]["enum"]
    return tuple(names)


def load_home(path: Path) -> Home:
    """Read and check a home's yaml. Raises HomeError naming file, key, value and remedy of every problem."""
    path = Path(path)
    try:
        raw = read_yaml(path)
    except FileNotFoundError:
        raise HomeError(f"{path}: no such home; copy one of {HOMES}/*.yaml and change it") from None
    except ValueError as error:
        raise HomeError(str(error)) from None
    return parse_home(raw, path)


def parse_home(raw: Any, origin: Path | str) -> Home:
    """Check the content of a home's yaml. Raises HomeError naming origin, key, value and remedy of every problem."""
    problems = _problems(raw, read_yaml(SCHEMA))
    if problems:
        raise HomeError("\n".join(f"{origin}: {dotted(place)}: {message}" for place, message in problems))
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
        rules=tuple(rule if isinstance(rule, str) else rule["text"] for rule in raw.get("rules", ())),
        example=raw["example"],
        transition=raw.get("transition", "keep"),
        residents=raw.get("residents", "several"),
        recording=parse_recording(raw.get("recording", {})),
        aliases={spelling: label for label, spellings in raw.get("aliases", {}).items() for spelling in spellings},
        common_labels=dict(raw.get("common_labels", {})),
        entities={entity: _parse_entity(spec) for entity, spec in raw.get("entities", {}).items()},
        rule_origins=tuple("" if isinstance(rule, str) else rule["origin"] for rule in raw.get("rules", ())),
    )


def _parse_entity(spec: str | Mapping[str, Any] | None) -> BusEntity:
    """Return the entity of an item of `entities`."""
    if spec is None or isinstance(spec, str):
        return BusEntity(spec)
    threshold = spec.get("threshold")
    return BusEntity(spec["sensor"], dict(spec.get("states", {})), Threshold(**threshold) if threshold else None)


def _problems(raw: Any, schema: dict[str, Any]) -> list[Problem]:
    """Return the problems of the content of a home's yaml; unknown keys do not hide those of names."""
    problems = schema_problems(raw, schema)
    if problems:
        raw = without_unknown_keys(raw, schema)
    return problems if problems and schema_problems(raw, schema) else [*problems, *_reference_problems(raw)]


def normalise_label(label: str) -> str:
    """Return a label as lenient parsing compares it.

    It is in lower case and in half-width characters, with one blank for each run of blanks, underscores and other
    punctuation. A label of nothing else keeps its punctuation.
    """
    plain = unicodedata.normalize("NFKC", label).casefold()
    kinds = ((character, unicodedata.category(character)) for character in plain)
    words = "".join(
        " " if kind[0] in "PZC" or character == "`" else character for character, kind in kinds if kind != "Cf"
    )
    return " ".join(words.split()) or plain.strip()


def _reference_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems that a schema cannot detect, such as names of sensors or labels that the home lacks."""
    try:
        zoneinfo.ZoneInfo(raw.get("timezone", "UTC"))
    except (KeyError, ValueError, OSError):
        yield ["timezone"], f"unknown time zone {raw['timezone']!r}; write an IANA name such as 'Europe/Rome'"
    for sensor, spec in raw["sensors"].items():
        if spec["room"] and spec["room"] not in raw["rooms"]:
            yield ["sensors", sensor, "room"], f"unknown room {spec['room']!r}{nearest(spec['room'], raw['rooms'])}"
    yield from _label_problems(raw["labels"], raw.get("aliases", {}))
    yield from _common_label_problems(raw["labels"], raw.get("common_labels", {}))
    for index, event in enumerate(raw["example"]["events"]):
        place = ["example", "events", index]
        if index and event["time"] < (before := raw["example"]["events"][index - 1]["time"]):
            yield [*place, "time"], f"{event['time']!r} is before the time of the event above, {before!r}"
        sensor, state, label = event["sensor"], event["state"], event["label"]
        if sensor not in raw["sensors"]:
            yield [*place, "sensor"], f"unknown sensor {sensor!r}{nearest(sensor, raw['sensors'])}"
        elif state not in raw["sensors"][sensor]["states"]:
            states = raw["sensors"][sensor]["states"]
            yield [*place, "state"], f"unknown state {state!r}{nearest(state, states)}"
        if label not in raw["labels"]:
            yield (
                [*place, "label"],
                f"unknown label {label!r}{nearest(label, raw['labels'])} Either may be misspelt: `labels` are spelled "
                "as in the data",
            )
    yield from _entity_problems(raw.get("entities", {}), raw["sensors"])
    for below, message in recording_problems(raw.get("recording", {}), raw["labels"]):
        yield ["recording", *below], message


def _entity_problems(entities: Mapping[str, Any], sensors: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the sensors and states in `entities` that the home lacks."""
    for entity, spec in entities.items():
        if spec is None:
            continue
        full: Mapping[str, Any] = {"sensor": spec} if isinstance(spec, str) else spec
        if full["sensor"] not in sensors:
            yield ["entities", entity], f"unknown sensor {full['sensor']!r}{nearest(full['sensor'], sensors)}"
            continue
        known = sensors[full["sensor"]]["states"]
        threshold = {key: state for key, state in (full.get("threshold") or {}).items() if key != "at_least"}
        for key, state in [*full.get("states", {}).items(), *threshold.items()]:
            if state not in known:
                yield ["entities", entity, key], f"unknown state {state!r}{nearest(state, known)}"


def _common_label_problems(labels: list[str], common: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the names in `common_labels` that are no labels, and the labels that it leaves out, if it has any."""
    for label in common:
        if label not in labels:
            yield ["common_labels", label], f"unknown label {label!r}{nearest(label, labels)}"
    if common and (missing := [label for label in labels if label not in common]):
        yield ["common_labels"], f"no common label for {', '.join(map(repr, missing))}; map them, if need be to other"


def _label_problems(labels: list[str], aliases: Mapping[str, list[str]]) -> Iterator[Problem]:
    """Yield the problems of labels and aliases that would make a model's answer ambiguous."""
    readings: dict[str, str] = {}
    for index, label in enumerate(labels):
        reading = readings.setdefault(normalise_label(label), f"the label {label!r}")
        if reading != f"the label {label!r}":
            yield (
                ["labels", index],
                f"{label!r} differs from {reading} only in case, blanks or punctuation, so an answer could mean either;"
                " map one to the other in recording.activities",
            )
        if any(tag in label for tag in REASONING_TAGS):
            yield ["labels", index], f"{label!r} holds a tag that delimits reasoning; map it in recording.activities"
        elif label != label.strip() or not label.isprintable():
            yield ["labels", index], f"{label!r} holds line breaks, or blanks at an end; map it in recording.activities"
    for label, spellings in aliases.items():
        if label not in labels:
            yield ["aliases", label], f"unknown label {label!r}{nearest(label, labels)}"
        for index, spelling in enumerate(spellings):
            place, plain = ["aliases", label, index], normalise_label(spelling)
            if any(tag in spelling for tag in REASONING_TAGS):
                yield place, f"{spelling!r} holds a tag that delimits reasoning"
            elif plain in readings:
                yield place, f"{spelling!r} is already read as {readings[plain]}; leave it out"
            readings.setdefault(plain, f"an alias of the label {label!r}")
