"""Write a simulated MuRAL: sessions of two to four residents, in MuRAL's on-disk format."""

import csv
import json
import random
from collections.abc import Collection, Iterable
from pathlib import Path

from hearth.common.files import replacing
from hearth.homes.home import Home
from hearth.simulation.behaviour import Event, Household, Resident, installed_sensors, random_stream
from hearth.simulation.mural_actions import BEDROOMS, OTHERS, TOILET
from hearth.simulation.mural_days import day_script
from hearth.simulation.paraphrases import original_home

# Real sessions have about 400 events. Shorter ones leave enough sessions for a split by session.
EVENTS_PER_SESSION = 115
# Probability that an annotation, a row without a sensor, is added: 92 of MuRAL's 8,635 rows are annotations.
ANNOTATION_PROBABILITY = 0.011
# Probability that an event's sentence is written.
SENTENCE_PROBABILITY = 0.4
# Probability that an event names all residents with the same activity in the same room.
SHARED_PROBABILITY = 0.3
ROLES = {"A": "mother", "B": "father", "C": "daughter", "D": "guest"}
# Label ids that MuRAL's data.csv is known to use; the other labels take the free ids in the home's order.
KNOWN_IDS = {
    "others": 0,
    "using toilet": 1,
    "preparing drinks": 2,
    "preparing breakfast": 3,
    "having breakfast": 4,
    "bedroom personal activity": 6,
}
# By period: earliest and latest start of a session in seconds after midnight, and the scenario in context.json.
PERIODS = {
    "morning": (6 * 3600 + 2700, 8 * 3600 + 3000, "The residents get up, have breakfast and leave for the day."),
    "evening": (17 * 3600 + 2400, 19 * 3600 + 1200, "The residents come home, cook and have dinner."),
    "afternoon": (13 * 3600 + 1800, 16 * 3600 + 1800, "A free afternoon at home."),
    "night": (23 * 3600 + 2700, 23 * 3600 + 3300, "A late evening; the residents go to bed after midnight."),
}
# Periods of the sessions, in turn.
SESSION_PERIODS = ("morning", "evening", "afternoon", "morning", "evening", "night")


def simulate_session(
    seed: int, number: int, home: Home, missing: int = 0, events_per_session: int = EVENTS_PER_SESSION
) -> tuple[Household, str, int]:
    """Simulate session `number` (0-based); return the household with its events, the period, and the start.

    The start is in seconds after midnight.
    """
    rng = random_stream("mural", seed, "session", number)
    period = SESSION_PERIODS[number % len(SESSION_PERIODS)]
    start = rng.randint(*PERIODS[period][:2])
    household = Household(
        rng, home.labels, installed_sensors(home, missing, "mural", seed), shared_probability=SHARED_PROBABILITY
    )
    names = sorted(rng.sample(sorted(BEDROOMS), rng.choices((2, 3, 4), (4, 3, 2))[0]))
    roles = rng.sample(range(len(names)), len(names))
    for name, role in zip(names, roles, strict=True):
        room = BEDROOMS[name]
        places = {"morning": (room, room, "kitchen"), "evening": ("out", "living room", "kitchen")}
        place = rng.choice(places.get(period, ("living room", "kitchen", room, "out")))
        resident = Resident(name, household, ("mural", seed), OTHERS, place)
        delay = 0.0 if role == 0 else rng.uniform(2, 90)
        household.start(day_script(resident, role, period), delay)
    target = round(events_per_session * rng.uniform(0.88, 1.12))
    household.run(until=6 * 3_600_000, max_events=target)
    return household, period, start


def activity_ids(labels: Iterable[str]) -> dict[str, int]:
    """Return a dict from each label to its id in data.csv."""
    labels = list(labels)
    free = iter(sorted(set(range(len(labels))) - {KNOWN_IDS[label] for label in labels if label in KNOWN_IDS}))
    return {label: KNOWN_IDS[label] if label in KNOWN_IDS else next(free) for label in labels}


def write_home(
    root: Path,
    seed: int,
    sessions: int,
    home: Home,
    missing: int = 0,
    without: Collection[str] = (),
    events_per_session: int = EVENTS_PER_SESSION,
) -> None:
    """Write sessions 01, 02, ... and the home's own files below `root`; equal arguments give equal bytes.

    `missing` sensors of the home, drawn by `seed`, record nothing in any session. Raises ValueError if `without` names
    a trait, because a simulated MuRAL leaves none out.
    """
    if without:
        raise ValueError(f"a simulated MuRAL has no traits to leave out, but simulate.without has {sorted(without)}")
    home, labels = original_home(home, "mural")
    root, ids = Path(root), activity_ids(home.labels)
    sensors = installed_sensors(home, missing, "mural", seed)
    for number in range(sessions):
        household, period, start = simulate_session(seed, number, home, missing, events_per_session)
        folder = root / f"{number + 1:02d}"
        _write_rows(folder / "data.csv", household.events, start, ids, random_stream("mural", seed, "words", number))
        names = [resident.name for resident in household.residents]
        context = {
            "start time": _clock(start * 1000),
            "day": "weekday" if number % 7 < 5 else "weekend",
            "resident number": len(names),
            "roles": {name: ROLES[name] for name in names},
            "scenario": PERIODS[period][2],
        }
        _write_json(folder / "context.json", context)
    _write_json(root / "sensors.json", [_sensor_entry(sensor, home) for sensor in sensors])
    activities = [
        {"id": number, "name": labels[label], "description": f"Residents are {labels[label]}."}
        for label, number in sorted(ids.items(), key=lambda item: item[1])
    ]
    _write_json(root / "activities.json", activities)


def _write_rows(path: Path, events: list[Event], start: int, ids: dict[str, int], rng: random.Random) -> None:
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\r\n")
        writer.writerow(("uid", "time", "sensor", "action", "Subject", "Description", "activity"))
        uid = 0
        for event in events:
            time, who, label = _clock(start * 1000 + event.time), ", ".join(event.residents), ids[event.label]
            if rng.random() < ANNOTATION_PROBABILITY:
                writer.writerow((uid, time, "", "", who, f"{who} goes on with {event.label}.", label))
                uid += 1
            sentence = event.sentence if rng.random() < SENTENCE_PROBABILITY else ""
            writer.writerow((uid, time, event.sensor, _action_word(event), who, sentence, label))
            uid += 1


def _action_word(event: Event) -> str:
    """Return the action in data.csv: "turned ON" for a device in use, "OPENED" for a chair, "CLOSED" for a toilet."""
    if event.sensor.endswith((" mov", " wattmeter")):
        return "turned ON" if event.active else "turned OFF"
    return "OPENED" if event.active != (event.sensor == TOILET) else "CLOSED"


def _clock(milliseconds: int) -> str:
    seconds = milliseconds // 1000 % 86_400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _sensor_entry(sensor: str, home: Home) -> dict[str, str]:
    """Return a sensor's entry in sensors.json, with its full name; data.csv uses a short form of it."""
    kinds = {"wattmeter": "wattmeter", "mov": "motion sensor"}
    kind = kinds.get(sensor.rsplit(" ", 1)[-1], "magnetic contact sensor")
    name = sensor.removesuffix(" mov") + " motion" if sensor.endswith(" mov") else sensor
    name = name.replace("microwave", "microwave oven")
    return {"sensor name": f"{name} sensor", "sensor type": kind, "sensor location": home.sensors[sensor].room}


def _write_json(path: Path, value: object) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=4, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
