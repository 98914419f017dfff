"""Write recordings of invented homes in the published forms of five public ones, and say what is in them.

Nothing of the published data is here: only their forms, with oddities of the published files.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

DAYS = 8
ACTIVITIES = ("Sleep", "Eat_Breakfast", "Wash_Dishes", "Watch_TV", "Step_Out")
OTHER = "Other_Activity"
FIRST_DAY = datetime(2016, 3, 7)


@dataclass(frozen=True)
class Sighting:
    """A sensor's change of state, and the activity during which it was; None outside all."""

    time: datetime
    room: str
    place: str
    is_on: bool
    activity: str | None


SENSORS = (
    ("Bedroom", "Bed"),
    ("Kitchen", "Table"),
    ("Kitchen", "Sink"),
    ("LivingRoom", "Chair"),
    ("Hall", "Door"),
)


def spans() -> list[tuple[datetime, datetime, str]]:
    """Return begin, end and name of all activities: five a day of 20 to 24 minutes, with 6 minutes or more between."""
    return [
        (begin, begin + timedelta(minutes=20 + day % 5), activity)
        for day in range(DAYS)
        for number, activity in enumerate(ACTIVITIES)
        for begin in [FIRST_DAY + timedelta(days=day, hours=7, minutes=30 * number + day)]
    ]


def sightings() -> list[Sighting]:
    """Return the events: ten within each activity, at its begin and every 97 s, and two after its end."""
    events = []
    for begin, end, activity in spans():
        place = SENSORS[ACTIVITIES.index(activity)]
        other = SENSORS[(ACTIVITIES.index(activity) + 2) % len(SENSORS)]
        for number in range(10):
            room, thing = (place, place, place, other)[number % 4]
            time = begin + timedelta(seconds=97 * number, microseconds=250_000)
            events.append(Sighting(time, room, thing, number % 2 == 0, activity))
        events += [
            Sighting(end + timedelta(seconds=60 + 60 * number), *SENSORS[4], number == 0, None) for number in range(2)
        ]
    return events


def counts() -> Counter[str]:
    """Return the number of events by activity; '' outside all."""
    return Counter(event.activity or "" for event in sightings())


def write_al_smarthome(folder: Path) -> None:
    """Write `date time room place state label`, with a label in each line, which is Other_Activity outside all."""
    lines = [
        f"{e.time:%Y-%m-%d %H:%M:%S.%f} {e.room} {e.place} {'ON' if e.is_on else 'OFF'} {e.activity or OTHER}"
        for e in sightings()
    ]
    (folder / "smarthome.txt").write_text("\n".join(lines) + "\n")


def aruba_sensor(event: Sighting) -> str:
    """Return the name of an event's sensor as CASAS would: M001 and so on, a door D001."""
    number = SENSORS.index((event.room, event.place)) + 1
    return "D001" if event.place == "Door" else f"M{number:03d}"


def write_aruba(folder: Path) -> None:
    """Write `date time sensor state [label begin|end]`, blanks and tabs mixed, with temperatures between.

    The first event within an activity carries its begin, the last its end. The fraction of a second is left out where
    it is zero.
    """
    events, lines = sightings(), []
    for number, event in enumerate(events):
        state = ("OPEN" if event.is_on else "CLOSE") if event.place == "Door" else ("ON" if event.is_on else "OFF")
        blank = "\t" if number % 3 else " "
        mark = ""
        if event.activity and number % 12 == 0:
            mark = f"{blank}{event.activity} begin"
        if event.activity and number % 12 == 9:
            mark = f" {event.activity}{blank}end"
        time = f"{event.time:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")
        lines.append(f"{time}{blank}{aruba_sensor(event)}{blank}{state}{mark}")
        if number % 40 == 20:
            lines.append(f"{event.time + timedelta(seconds=3):%Y-%m-%d %H:%M:%S.%f}\tT001\t{20 + number % 7}.5")
    (folder / "data").write_text("\n".join(lines) + "\n")


def write_ordonez_b(folder: Path) -> None:
    """Write two files with runs of tabs, a line of dashes, CRLF, and a blank after some times; no line end at the end.

    A row of the sensors is a time during which one was on. Doors of two rooms have the same name, and the place tells
    them apart. Rows 5 and 6 are in the wrong order.
    """
    dashes = "--------------------\t--------------------\t--------\t--------\t-----"
    rows = ["Start time          \tEnd time            \tLocation\tType\t\tPlace", dashes]
    body = []
    for number, (begin, end, activity) in enumerate(spans()):
        place = ACTIVITIES.index(activity)
        for step in range(4):
            location, kind, room = (
                ("Bed", "Pressure", "Bedroom"),
                ("Fridge", "Magnetic", "Kitchen"),
                ("Door", "PIR", "Kitchen"),
                ("Seat", "Pressure", "Living"),
                ("Door", "PIR", "Living"),
            )[(place + step) % 5]
            on = begin + timedelta(seconds=120 * step)
            blank = " " if number % 7 == 0 else ""
            body.append(f"{on}{blank}\t\t{on + timedelta(seconds=45)}\t\t{location}\t\t{kind}\t{room}")
        body.append(f"{end + timedelta(seconds=60)}\t\t{end + timedelta(seconds=90)}\t\tDoor\t\tPIR\t\tLiving")
    body[4], body[5] = body[5], body[4]
    (folder / "OrdonezB_Sensors.txt").write_bytes("\r\n".join(rows + body).encode())
    labels = ["Start time          \tEnd time            \tActivity\t", dashes[:50]]
    labels += [f"{begin}\t\t{end}\t\t{activity}\t\t" for begin, end, activity in spans()]
    (folder / "OrdonezB_ADLs.txt").write_bytes("\r\n".join(labels).encode())


def count_ordonez_b() -> Counter[str]:
    """Return the number of events by activity: two for each of four rows within, two for one row outside all."""
    within = Counter({activity: 8 * DAYS for activity in ACTIVITIES})
    return within + Counter({"": 2 * DAYS * len(ACTIVITIES)})


ARAS_CODES = {"Sleep": 11, "Eat_Breakfast": 4, "Wash_Dishes": 9, "Watch_TV": 12, "Step_Out": 2}
ARAS_SECONDS = 3000
ARAS_NAMES = {11: "Sleeping", 4: "Having Breakfast", 9: "Washing Dishes", 12: "Watching TV", 2: "Going Out", 1: "Other"}


def write_aras(folder: Path) -> Counter[str]:
    """Write a file a day with a line a second of 20 cells of 0 or 1, and a number from 1 to 27 for each of two people.

    Return the number of changes of cells from one line to the next of a file by the first person's number.
    """
    changes: Counter[str] = Counter()
    for day in range(DAYS):
        cells, lines = [0] * 20, []
        for second in range(ARAS_SECONDS):
            activity = ACTIVITIES[second // 600 % 5]
            if second % 60 == 7 and second:
                cells[(second // 60 + day) % 20] ^= 1
                changes[str(ARAS_CODES[activity])] += 1
            lines.append(" ".join(map(str, [*cells, ARAS_CODES[activity], 2 if second < 1500 else 12])))
        (folder / f"DAY_{day + 1}.txt").write_text("\n".join(lines) + "\n")
    return changes


def write_home_assistant(folder: Path) -> None:
    """Write a history export in UTC, with unavailable sensors and a thermometer, and labels on the local clock.

    The home is in Berlin, an hour ahead of UTC.
    """
    rows = ["entity_id,state,last_changed"]
    for number, event in enumerate(sightings()):
        utc = event.time - timedelta(hours=1)
        entity = f"binary_sensor.{event.room.lower()}_{event.place.lower()}"
        rows.append(f"{entity},{'on' if event.is_on else 'off'},{utc:%Y-%m-%dT%H:%M:%S}.250Z")
        if number % 25 == 3:
            rows.append(f"{entity},unavailable,{utc + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S}.000Z")
        if number % 10 == 5:
            rows.append(f"sensor.kitchen_temperature,{18 + number % 90 / 10:.1f},{utc:%Y-%m-%dT%H:%M:%S}.500Z")
    (folder / "history.csv").write_text("\n".join(rows) + "\n")
    labels = ["begin,end,activity", *(f"{begin},{end},{activity}" for begin, end, activity in spans())]
    (folder / "labels.csv").write_text("\n".join(labels) + "\n")
