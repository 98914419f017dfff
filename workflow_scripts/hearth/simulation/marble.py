"""Simulated MARBLE: scenarios of one, two or four residents around a meal, in MARBLE's on-disk format."""

import csv
import datetime
import random
from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from hearth.common.files import replacing
from hearth.homes.home import Home
from hearth.simulation.behaviour import Household, Resident, Span, fitted_sensors, stream
from hearth.simulation.marble_days import (
    CALL_IN,
    CALL_OUT,
    CHAIRS,
    COUCH,
    OFFICE_CHAIR,
    STOVE,
    TELEVISION,
    TRANSITION,
    day,
)

# Letter: who does what around the meal. Number: subjects. Then the simulated period: morning, afternoon, evening, all.
SCENARIOS = ("A2a", "B2m", "D4mae", "C2m", "A2e", "B2e", "A1a", "B2a", "A4mae", "A2m", "C2a", "B4mae", "C1e", "C2e")
SUBJECTS = ("200", "201", "202", "203", "204", "205", "206", "207", "208", "209", "211", "212")
# Mats and smart plugs lose the end of a use now and then, as the real ones do.
LOST = dict.fromkeys((*CHAIRS, *COUCH, OFFICE_CHAIR, STOVE, TELEVISION), 0.03)


def simulate(seed: int, number: int, home: Home, missing: int = 0) -> tuple[str, Household]:
    """Session `number` (0-based): its scenario, and the household that has lived it."""
    sensors = fitted_sensors(home, missing, "marble", seed)
    rng = stream("marble", seed, "session", number)
    scenario = SCENARIOS[number % len(SCENARIOS)]
    stop = rng.randint(410_000, 560_000)
    household = Household(rng, home.labels, sensors, faults=LOST)
    for subject in rng.sample(SUBJECTS, int(scenario[1])):
        Resident(subject, household, ("marble", seed), TRANSITION, "OUT" if "e" in scenario[2:] else "HALL")
    for role, resident in enumerate(household.residents):
        household.start(day(resident, role, scenario, stop), rng.uniform(0.5, 9))
    household.run(until=stop + rng.randint(20_000, 60_000))
    for resident in household.residents:
        resident.finish()
        if rng.random() < 0.1:  # the recorder of labels was stopped and started once more
            resident.activities.append(Span(household.now, household.now, TRANSITION))
    return scenario, household


def write(root: Path, seed: int, sessions: int, home: Home, missing: int = 0) -> None:
    """Write `sessions` instances below `root/dataset`; equal arguments give equal bytes.

    `missing` of the home's sensors, drawn by the seed, tell nothing in any session.
    """
    for number in range(sessions):
        scenario, household = simulate(seed, number, home, missing)
        folder = Path(root) / "dataset" / scenario / f"instance{number // len(SCENARIOS) + 1}"
        _write_instance(folder, household, _epoch(stream("marble", seed, "start", number), number, home))


def _epoch(rng: random.Random, number: int, home: Home) -> int:
    """Epoch ms at which a session starts: around mid-day, four a day, from 19 November 2018 on."""
    day, slot = divmod(number, 4)
    start = datetime.datetime(2018, 11, 19, 10, 30, tzinfo=ZoneInfo(home.timezone))
    start += datetime.timedelta(days=day % 28, minutes=45 * slot, seconds=rng.randint(0, 1500))
    return int(start.timestamp()) * 1000


def _write_instance(folder: Path, household: Household, epoch: int) -> None:
    phone = {CALL_OUT, CALL_IN}
    rows = [(e.sensor, _state(e.active), str(epoch + e.time), f'"{e.residents[0]}"', e) for e in household.events]
    _write_csv(
        folder / "environmental.csv",
        ("sensor_id", "sensor_status", "ts", "subject_id"),
        [row[:4] for row in rows if row[0] not in phone],
    )
    for resident in household.residents:
        own = folder / f"subject-{resident.name}"
        calls = [row[:3] for row in rows if row[0] in phone and row[4].residents[0] == resident.name]
        _write_csv(own / "labels.csv", ("ts_start", "ts_end", "act"), _spans(resident.activities, epoch))
        _write_csv(own / "locations.csv", ("ts_start", "ts_end", "location"), _spans(resident.places, epoch))
        if calls:
            _write_csv(own / "smartphone.csv", ("event_id", "event_status", "ts"), calls)


def _state(active: bool) -> str:
    return '"ON"' if active else '"OFF"'


def _spans(spans: list[Span], epoch: int) -> list[tuple[str, str, str]]:
    return [(str(epoch + span.start), str(epoch + span.end), span.what) for span in spans]


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write a table as MARBLE does: CRLF line ends, quotes only where a cell brings them."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)
