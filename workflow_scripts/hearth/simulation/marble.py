"""Write a simulated MARBLE: scenarios of one, two or four residents around a meal, in MARBLE's on-disk format."""

import csv
import datetime
import random
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from hearth.common.files import replacing
from hearth.common.schemas import nearest
from hearth.homes.home import Home
from hearth.simulation.behaviour import HABITS, Household, Resident, Span, installed_sensors, random_stream
from hearth.simulation.marble_activities import (
    CALL_IN,
    CALL_OUT,
    CHAIRS,
    COUCH,
    ODDITIES,
    OFFICE_CHAIR,
    STOVE,
    TELEVISION,
    TRANSITION,
)
from hearth.simulation.marble_days import PHONES, SCENARIO, day_script
from hearth.simulation.paraphrases import original_home

# Letter: who does what around the meal. Digit: number of subjects. Then the periods: m(orning), a(fternoon), e(vening).
SCENARIOS = ("A2a", "B2m", "D4mae", "C2m", "A2e", "B2e", "A1a", "B2a", "A4mae", "A2m", "C2a", "B4mae", "C1e", "C2e")
SUBJECTS = ("200", "201", "202", "203", "204", "205", "206", "207", "208", "209", "211", "212")
# Probability that the end of a use is not recorded, as happens with MARBLE's real mats and smart plugs.
LOST_ENDS = dict.fromkeys((*CHAIRS, *COUCH, OFFICE_CHAIR, STOVE, TELEVISION), 0.03)
HOUSEMATES, TRANSITIONS = "housemates", "transition"
# Traits that a simulation can leave out (`simulate.without`, whose schema describes each), to measure their worth.
TRAITS = (HABITS, HOUSEMATES, ODDITIES, PHONES, SCENARIO, TRANSITIONS)


def simulate_session(
    seed: int, number: int, home: Home, missing: int = 0, without: Collection[str] = ()
) -> tuple[str, Household]:
    """Simulate session `number` (0-based); return its scenario and the household with its events.

    `without` names the `TRAITS` to leave out.
    """
    sensors = installed_sensors(home, missing, "marble", seed)
    rng = random_stream("marble", seed, "session", number)
    scenario = SCENARIOS[number % len(SCENARIOS)]
    stop = rng.randint(410_000, 560_000)
    household = Household(
        rng, home.labels, sensors, lost_ends={} if ODDITIES in without else LOST_ENDS, without=without
    )
    roles = list(range(int(scenario[1])))
    if HOUSEMATES in without:
        roles = [rng.choice(roles)]
        scenario = f"{scenario[0]}1{scenario[2:]}"
    for subject in rng.sample(SUBJECTS, len(roles)):
        Resident(subject, household, ("marble", seed), TRANSITION, "OUT" if "e" in scenario[2:] else "HALL")
    for role, resident in zip(roles, household.residents, strict=True):
        household.start(day_script(resident, role, scenario, stop), rng.uniform(0.5, 9))
    household.run(until=stop + rng.randint(20_000, 60_000))
    for resident in household.residents:
        resident.finish()
        if rng.random() < 0.1:  # an empty last row, as if the label recorder had been restarted
            resident.activities.append(Span(household.now, household.now, TRANSITION))
        if TRANSITIONS in without:
            resident.activities = _without_transitions(resident.activities)
    return scenario, household


def _without_transitions(spans: list[Span]) -> list[Span]:
    """Return the spans with each TRANSITION as a part of the activity before it, the first as a part of the one after.

    The spans of a resident with no other activity stay as they are.
    """
    kept: list[Span] = []
    for span in spans:
        if span.value != TRANSITION:
            # No other span is before the first activity, so it begins with the session.
            kept.append(span if kept else Span(spans[0].start, span.end, span.value))
        elif kept:
            kept[-1].end = span.end
    return kept or spans


def write_home(
    root: Path, seed: int, sessions: int, home: Home, missing: int = 0, without: Collection[str] = ()
) -> None:
    """Write `sessions` instances below `root/dataset`; equal arguments give equal bytes.

    `missing` sensors of the home, drawn by `seed`, record nothing in any session. `without` names the `TRAITS` to leave
    out; raises ValueError for another name.
    """
    if unknown := sorted(set(without) - set(TRAITS)):
        raise ValueError(f"a simulated MARBLE has no trait {unknown[0]!r}{nearest(unknown[0], TRAITS)}")
    home, labels = original_home(home, "marble")
    instances: Counter[str] = Counter()
    for number in range(sessions):
        scenario, household = simulate_session(seed, number, home, missing, without)
        instances[scenario] += 1
        folder = Path(root) / "dataset" / scenario / f"instance{instances[scenario]}"
        start = _start_time(random_stream("marble", seed, "start", number), number, home)
        _write_instance(folder, household, start, labels)


def _start_time(rng: random.Random, number: int, home: Home) -> int:
    """Return the start of a session in epoch ms: around midday, four sessions a day, from 19 November 2018 on."""
    day, slot = divmod(number, 4)
    start = datetime.datetime(2018, 11, 19, 10, 30, tzinfo=ZoneInfo(home.timezone))
    start += datetime.timedelta(days=day % 28, minutes=45 * slot, seconds=rng.randint(0, 1500))
    return int(start.timestamp()) * 1000


def _write_instance(folder: Path, household: Household, epoch: int, labels: dict[str, str]) -> None:
    calls = {CALL_OUT, CALL_IN}
    _write_csv(
        folder / "environmental.csv",
        ("sensor_id", "sensor_status", "ts", "subject_id"),
        [
            (e.sensor, _state(e.active), str(epoch + e.time), f'"{e.residents[0]}"')
            for e in household.events
            if e.sensor not in calls
        ],
    )
    for resident in household.residents:
        own = folder / f"subject-{resident.name}"
        phone_rows = [
            (e.sensor, _state(e.active), str(epoch + e.time))
            for e in household.events
            if e.sensor in calls and e.residents[0] == resident.name
        ]
        activities = [Span(span.start, span.end, labels[span.value]) for span in resident.activities]
        _write_csv(own / "labels.csv", ("ts_start", "ts_end", "act"), _span_rows(activities, epoch))
        _write_csv(own / "locations.csv", ("ts_start", "ts_end", "location"), _span_rows(resident.places, epoch))
        if phone_rows:
            _write_csv(own / "smartphone.csv", ("event_id", "event_status", "ts"), phone_rows)


def _state(active: bool) -> str:
    return '"ON"' if active else '"OFF"'


def _span_rows(spans: list[Span], epoch: int) -> list[tuple[str, str, str]]:
    return [(str(epoch + span.start), str(epoch + span.end), span.value) for span in spans]


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write a table in MARBLE's style: CRLF line ends, and no quotes except those inside cells."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)
