"""Paraphrase the labels and sensors of MARBLE's and MuRAL's homes, so that simulated homes differ in their words."""

import dataclasses
import random
import re
from pathlib import Path

import yaml

from hearth.homes.home import Home

# A dict from source to {"labels": {label: [paraphrases]}, "sensors": {sensor: paraphrase}}.
PARAPHRASES = yaml.safe_load((Path(__file__).parent / "paraphrases.yaml").read_text(encoding="utf-8"))


def paraphrase_home(home: Home, source: str, seed: int) -> tuple[Home, dict[str, str]]:
    """Return a pair: the home in words drawn by `seed`, and a dict from each of its labels to its paraphrase.

    The seed draws one style for all labels and one for all sensors. A style is either the home's own words or one set
    of paraphrases in `PARAPHRASES`.
    """
    rng = random.Random(f"dialect/{source}/{seed}")  # noqa: S311 - a choice of words, not a secret
    label_style, sensor_style = rng.randrange(3), rng.randrange(2)
    words = PARAPHRASES[source]
    labels = {label: [label, *words["labels"][label]][label_style] for label in home.labels}
    sensors = {
        name: dataclasses.replace(sensor, words=[sensor.words, words["sensors"][name]][sensor_style])
        for name, sensor in home.sensors.items()
    }
    # Longest first, so that a label is not mistaken for a shorter one that it begins with.
    pattern = re.compile("|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True)))

    def replace_labels(text: str) -> str:
        return pattern.sub(lambda match: labels[match[0]], text)

    example = home.example | {
        "events": [event | {"label": labels[event["label"]]} for event in home.example["events"]],
        "reasoning": replace_labels(home.example["reasoning"]),
    }
    paraphrased = dataclasses.replace(
        home,
        sensors=sensors,
        labels=tuple(labels.values()),
        common_labels={labels[label]: common for label, common in home.common_labels.items()},
        # Other spellings of a label are none of its paraphrase.
        aliases={spelling: label for spelling, label in home.aliases.items() if labels[label] == label},
        rules=tuple(replace_labels(rule) for rule in home.rules),
        example=example,
    )
    return paraphrased, labels


def original_home(home: Home, source: str) -> tuple[Home, dict[str, str]]:
    """Return a pair: the home with the labels that the simulator of `source` knows, and a dict from them to its own.

    Each label of `home` is one that the simulator knows, a paraphrase of it, or unknown to it and left as it is.
    """
    originals = {
        spelling: label for label, others in PARAPHRASES[source]["labels"].items() for spelling in (label, *others)
    }
    own = {originals.get(label, label): label for label in home.labels}
    return dataclasses.replace(home, labels=tuple(own)), own
