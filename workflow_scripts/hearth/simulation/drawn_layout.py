"""Draw a home: its residents, rooms, sensors and labels, and the words for all of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from hearth.simulation.behaviour import random_stream
from hearth.simulation.drawn_activities import SCRIPTED
from hearth.simulation.drawn_words import (
    ACTIVITIES,
    DIALECTS,
    ITEMS,
    KINDS,
    LABEL_DIALECTS,
    MERGED,
    PAUSE,
    ROOMS,
    STAND_INS,
    Item,
)

# Chance that a home has a sensor, for motion sensors and for sensors of things.
INSTRUMENTATION = ((0.2, 0.9), (0.6, 0.75), (0.95, 0.6))
# Common labels that every home has, if its sensors show their activities; of the others, a home has most.
USUAL = frozenset({"sleeping", "toileting", "cooking", "eating", "leaving", "entering"})
LABEL_STYLES = ("CAPITALS", "Title_Case", "plain words")


@dataclass(frozen=True)
class InstalledSensor:
    """A sensor of a drawn home: its id, room and words, and its kind's name.

    `spelling` has its active and its inactive state as raw files spell them, `states` as prompts do.
    """

    id: str
    room: str
    words: str
    kind: str
    spelling: tuple[str, str]
    states: tuple[str, str]


@dataclass(frozen=True)
class Layout:
    """A drawn home: its residents, and what it calls its rooms, things and activities.

    `rooms` maps places to names of rooms; `sensors` has the sensor of each instrumented thing of `ITEMS`; `labels` maps
    activities to labels, and `common` those labels to labels that homes share. Residents do nothing that has no label,
    except pauses.
    """

    seed: int
    residents: tuple[str, ...]
    timezone: str
    rooms: dict[str, str]
    sensors: dict[str, InstalledSensor]
    labels: dict[str, str]
    common: dict[str, str]

    @property
    def has_pauses(self) -> bool:
        """Whether events between two activities have a label of their own."""
        return PAUSE in self.labels


def draw_layout(seed: int) -> Layout:
    """Draw a home by its seed; equal seeds give equal homes."""
    rng = random_stream("drawn", seed, "layout")
    count = rng.choices((1, 2, 3), (4, 4, 2))[0]
    prefix = rng.choice(("R", "person ", "resident_"))
    dialect = rng.randrange(DIALECTS)
    rooms = _draw_rooms(random_stream("drawn", seed, "rooms"), dialect)
    sensors = _draw_sensors(random_stream("drawn", seed, "sensors"), rooms, dialect)
    labels, common = _draw_labels(random_stream("drawn", seed, "labels"), frozenset(sensors))
    return Layout(
        seed,
        tuple(f"{prefix}{number}" for number in range(1, count + 1)),
        rng.choice(("Europe/Rome", "Asia/Tokyo", "America/New_York", "UTC")),
        rooms,
        sensors,
        labels,
        common,
    )


def _draw_rooms(rng: random.Random, dialect: int) -> dict[str, str]:
    """Return a dict from each place to the name of its room; a place that a home lacks shares the room of another."""
    names = {place: choices[dialect] for place, choices in ROOMS.items()}
    missing = {place for place in STAND_INS if rng.random() < 0.35}
    return {place: names[STAND_INS[place]] if place in missing else name for place, name in names.items()}


def _draw_sensors(rng: random.Random, rooms: dict[str, str], dialect: int) -> dict[str, InstalledSensor]:
    """Return the sensors of a home: which things have one, and its id, words and states."""
    motion, things = rng.choice(INSTRUMENTATION)
    kinds = {name: rng.choice(kind.names) for name, kind in KINDS.items()}
    uniform = rng.random() < 0.4  # one spelling of states for all kinds, as in CASAS
    spellings = {name: ("ON", "OFF") if uniform else rng.choice(kind.spellings) for name, kind in KINDS.items()}
    installed = [name for name, item in ITEMS.items() if rng.random() < (motion if item.kind == "motion" else things)]
    ids = _draw_ids(rng, installed)
    sensors: dict[str, InstalledSensor] = {}
    used: set[tuple[str, str]] = set()
    for name in installed:
        item = ITEMS[name]
        room = rooms[item.place] if item.place else ""
        words = item.names[dialect]
        if (room, words) in used:  # a home has no two things of one name in a room
            continue
        used.add((room, words))
        states = KINDS[item.kind].words[dialect]
        sensors[name] = InstalledSensor(next(ids), room, words, kinds[item.kind], spellings[item.kind], states)
    return sensors


def _draw_ids(rng: random.Random, installed: list[str]) -> Iterator[str]:
    """Yield sensor ids in one of three styles: M01 D02 by kind, s001 by number, or texts such as kitchen_fridge."""
    style = rng.randrange(3)
    for number, name in enumerate(installed, start=1):
        item: Item = ITEMS[name]
        yield (
            f"{item.kind[0].upper()}{number:02}",
            f"s{number:03}",
            f"{item.place}_{name}".replace(" ", "_").strip("_"),
        )[style]


def _draw_labels(rng: random.Random, installed: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return a pair: a dict from the home's activities to its labels, and one from these to labels that homes share."""
    style, dialect = rng.choice(LABEL_STYLES), rng.randrange(LABEL_DIALECTS)
    labels: dict[str, str] = {}
    common: dict[str, str] = {}
    for shared, activities in ACTIVITIES.items():
        merged = MERGED[shared][dialect] if shared in MERGED and rng.random() < 0.5 else ""
        drawn = [activity for activity in activities if rng.random() < 0.85]
        if shared not in USUAL and rng.random() < (0.5 if shared == "other" else 0.2):
            continue
        for activity in drawn or list(activities)[:1]:
            if activity != PAUSE and not SCRIPTED[activity].is_seen_by(installed):
                continue
            label = _spell(merged or activities[activity][dialect], style)
            labels[activity] = label
            common[label] = shared
    return labels, common


def _spell(name: str, style: str) -> str:
    """Return a label in one of `LABEL_STYLES`."""
    words = name.split()
    if style == "CAPITALS":
        return "_".join(words).upper()
    return "_".join(word[0].upper() + word[1:] for word in words) if style == "Title_Case" else name
