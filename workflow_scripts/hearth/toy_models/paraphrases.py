"""Homes that say the same in other words, so that the family has to read a home's labels from its prompt."""

import dataclasses
import random
import re
from pathlib import Path

import yaml

from hearth.homes.home import Home

WORDS = yaml.safe_load((Path(__file__).parent / "paraphrases.yaml").read_text(encoding="utf-8"))


def dialect(home: Home, source: str, seed: int) -> tuple[Home, dict[str, str]]:
    """The home in words that the seed draws, and the label there of each of the home's own labels.

    All labels are of one style and all sensors of another, as whoever recorded a home would name them: the home's
    own, or one of those in `WORDS`.
    """
    rng = random.Random(f"dialect/{source}/{seed}")  # noqa: S311 - a choice of words, not a secret
    label_style, sensor_style = rng.randrange(3), rng.randrange(2)
    labels = {label: [label, *WORDS[source]["labels"][label]][label_style] for label in home.labels}
    sensors = {
        name: dataclasses.replace(sensor, words=[sensor.words, WORDS[source]["sensors"][name]][sensor_style])
        for name, sensor in home.sensors.items()
    }
    names = re.compile("|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True)))
    example = home.example | {
        "events": [event | {"label": labels[event["label"]]} for event in home.example["events"]],
        "reasoning": names.sub(lambda found: labels[found[0]], home.example["reasoning"]),
    }
    spoken = dataclasses.replace(
        home,
        sensors=sensors,
        labels=tuple(labels.values()),
        rules=tuple(names.sub(lambda found: labels[found[0]], rule) for rule in home.rules),
        example=example,
    )
    return spoken, labels


def translate(window: dict, home: Home, spoken: Home, labels: dict[str, str]) -> dict:
    """A window of `home` as it reads in the dialect `spoken`: descriptions and gold labels."""
    words = {
        home.describe(name, state)[2]: spoken.describe(name, state)[2]
        for name, sensor in home.sensors.items()
        for state in sensor.states
    }
    events = [event | {"description": words[event["description"]]} for event in window["events"]]
    return window | {"events": events, "gold": [labels[label] for label in window["gold"]]}
