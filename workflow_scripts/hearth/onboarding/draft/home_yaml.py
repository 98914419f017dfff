"""Write the yaml of a drafted home: its sensors, states and activities in guessed words, and an invented example."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import yaml

from hearth.data.example_leaks import clock_text, find_free_time
from hearth.homes.home import ExampleEvent, Home
from hearth.onboarding.draft.columns import STATE_WORDS
from hearth.onboarding.verdict import OPEN_CHOICE

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
# Beginnings of the ids of Home Assistant that say nothing of what a sensor is.
_DOMAIN = re.compile(r"^(binary_sensor|sensor|input_boolean)\.")
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
DRAFTED_ABOUT, DRAFTED_REASONING = "A home in which people live.", "One activity after another."
DRAFTED_LABELS = ("first activity", "second activity")
HEAD = """# yaml-language-server: $schema={schema}
# A DRAFT made from {data}: correct it before use. The words of rooms, sensors and states are guesses, `about` and
# `example` are placeholders, and all of them enter prompts. config/homes/TEMPLATE.yaml explains each key.
# Then: make check-home HOME=this-file DATA={data}{source}
# {counts}
"""


class SensorSpec(TypedDict):
    """A sensor as a home's yaml describes it."""

    room: str
    words: str
    states: dict[str, str]


def compose(
    states: Mapping[str, Sequence[str]], labels: Sequence[str], recorded: pd.DataFrame, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of a drafted yaml.

    `states` has the states of each sensor. `recorded` has the columns sensor, state and second, which is the time of
    day of a recorded event in seconds. `settings` are further keys of the yaml: timezone, residents and recording.
    """
    sensors: dict[str, SensorSpec] = {
        sensor: {
            "room": _guess_room(sensor),
            "words": _guess_words(sensor),
            "states": _describe_states(each),
        }
        for sensor, each in states.items()
    }
    return {
        "name": "My home",
        "about": DRAFTED_ABOUT,
        "residents": settings["residents"],
        "timezone": settings["timezone"],
        "rooms": {spec["room"]: "" for spec in sensors.values()},
        "sensors": sensors,
        "labels": list(labels),
        "example": {"reasoning": DRAFTED_REASONING, "events": _invent_example(sensors, labels, recorded)},
        "recording": settings["recording"],
    }


def write_yaml(content: Mapping[str, Any], head: Mapping[str, str], remarks: Mapping[str, Sequence[str]]) -> str:
    """Return the text of a drafted yaml.

    `head` fills the placeholders of `HEAD`. `remarks` follow under their headings; those under "" are open choices.
    """
    lines = [HEAD.format(**head)]
    if remarks.get(""):
        lines += ["#\n# Choices that the data leave open. Decide, and delete the line; check-home names those left.\n"]
        lines += [f"{OPEN_CHOICE}{_one_line(choice)}\n" for choice in remarks[""]]
    for heading, texts in remarks.items():
        if heading and texts:
            lines += [f"#\n# {heading}:\n", *(f"#   {_one_line(text)}\n" for text in texts)]
    return "".join(lines) + yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=110)


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def drafted_parts(home: Home) -> list[str]:
    """Return the keys of a home's yaml that still hold what a draft wrote because somebody must write them."""
    parts = {"about": home.about == DRAFTED_ABOUT, "example": home.example["reasoning"] == DRAFTED_REASONING}
    parts["labels"] = home.labels == DRAFTED_LABELS
    return [part for part, drafted in parts.items() if drafted]


def _guess_words(sensor: str) -> str:
    """Return a sensor's name with spaces between its words, without its room."""
    words = _split_words(sensor) or sensor
    without_room = re.sub(rf"^{_guess_room(sensor)}\b", "", words, flags=re.IGNORECASE).strip()
    return without_room or words


def _split_words(sensor: str) -> str:
    """Return the words of a sensor's name: BedroomABed is bedroom A bed."""
    words = " ".join(re.sub(r"[_./-]", " ", _DOMAIN.sub("", sensor)).split())
    parts = _CAMEL_CASE.sub(" ", words)
    return words if parts == words else " ".join(part if len(part) == 1 else part.lower() for part in parts.split())


def _describe_states(states: Sequence[str]) -> dict[str, str]:
    """Return words for each state; 0 and 1 have such only if they are not among other numbers, as of a counter."""
    counts = any(state.isdigit() and state not in ("0", "1") for state in states)
    return {
        state: state if counts and state.isdigit() else STATE_WORDS.get(state.lower(), state or "changed")
        for state in states
    }


def _guess_room(sensor: str) -> str:
    plain = _split_words(sensor).lower()
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
