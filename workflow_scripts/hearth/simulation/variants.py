"""Draw variants of MARBLE's and MuRAL's homes: other residents, other words, and sensors that record nothing."""

import dataclasses
from typing import Any

import yaml

from hearth.homes.home import Home
from hearth.simulation.paraphrases import paraphrase_home

# The maximum of sensors that are missing in a variant, so that models cannot rely on any one of them.
MAX_MISSING_SENSORS = 5


def missing_sensors(seed: int) -> int:
    """Return the number of sensors that record nothing in the variant of a seed."""
    return seed % (MAX_MISSING_SENSORS + 1)


def draw_variant(base: Home, source: str, seed: int) -> Home:
    """Return the variant of `base`, a home in the format of `source`, in the words that `seed` draws."""
    return dataclasses.replace(paraphrase_home(base, source, seed)[0], name=f"Simulated variant {seed} of {base.name}")


def variant_yaml(base: Home, source: str, seed: int) -> str:
    """Return the yaml of the variant of a seed, with a comment that says that it is simulated."""
    comment = f"# SIMULATED: a variant of {base.name}, drawn by the seed {seed}. No resident or event of it is real.\n"
    content = _home_content(draw_variant(base, source, seed))
    return comment + yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120)


def _home_content(home: Home) -> dict[str, Any]:
    """Return the content of the yaml of a home whose recording has no keys."""
    return {
        "name": home.name,
        "about": home.about,
        "residents": home.residents,
        "timezone": home.timezone,
        "rooms": home.rooms,
        "sensors": {sensor: dataclasses.asdict(spec) for sensor, spec in home.sensors.items()},
        "labels": list(home.labels),
        "aliases": {label: spellings for label in home.labels if (spellings := _aliases(home, label))},
        "common_labels": home.common_labels,
        "transition": home.transition,
        "rules": [{"text": rule, "origin": origin} for rule, origin in zip(home.rules, home.rule_origins, strict=True)],
        "example": home.example,
    }


def _aliases(home: Home, label: str) -> list[str]:
    return [spelling for spelling, own in home.aliases.items() if own == label]
