"""Write small invented recordings in the documented forms of public homes, and say which events are in them.

No row of published data is here: only the forms, with each oddity that is known of the published files planted once. A
loader reads an odd line as meant, or leaves it out and counts it: `Planted.odd` says which lines may be either.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from casas_forms import (
    write_aruba,
    write_cairo,
    write_casas_2025,
    write_milan,
    write_tulum_2009,
    write_tulum_2010,
    write_twor,
)
from planted_events import Form, Planted


def write_al_smarthome(folder: Path) -> Form:
    """Write two days of AL-Smarthome: `date time room place state label`, with a label on each line."""
    form, lines, time = Form(), [], datetime(2011, 6, 15, 7)
    labels = ("Sleep", "Wake_Up", "Bed_Toilet_Transition", "Cook_Breakfast", "Other_Activity", "Leave_Home")
    for number in range(48):
        time += timedelta(seconds=23, milliseconds=500) if number != 24 else timedelta(days=1)
        label = labels[number // 4 % 6]
        room = ("Bedroom", "Bedroom", "Bathroom", "Kitchen", "Kitchen", "Kitchen")[number // 4 % 6]
        form.events.append(Planted("data", number + 1, time, label))
        lines.append(f"{time:%Y-%m-%d %H:%M:%S.%f} {room} {room} {('ON', 'OFF')[number % 2]} {label}")
    (folder / "data").write_text("\n".join(lines) + "\n")
    form.lines = len(lines)
    return form


ORDONEZ_B = (
    ("Bed", "Pressure", "Bedroom"),
    ("Door", "PIR", "Bedroom"),
    ("Door", "PIR", "Kitchen"),
    ("Door", "PIR", "Bathroom"),
    ("Fridge", "Magnetic", "Kitchen"),
    ("Toilet", "Flush", "Bathroom"),
    ("Seat", "Pressure", "Living"),
    ("Maindoor", "Magnetic", "Entrance"),
)


def write_ordonez_b(folder: Path) -> Form:
    """Write three days of Ordonez B: runs of tabs, dashes in line 2, CRLF, a blank after some times, rows out of order.

    A row is an activation, so two events. Doors of three rooms have one name. A third of the rows is in no label, and
    one label ends before it begins; no line end is at the end.
    """
    form = Form()
    dashes = "--------------------\t--------------------\t--------\t--------\t-----"
    lines, labels = ["Start time          \tEnd time            \tLocation\tType\t\tPlace", dashes], []
    activities = ("Sleeping", "Toileting", "Dinner", "Spare_Time/TV")
    for day in range(3):
        for number, activity in enumerate(activities):
            begin = datetime(2012, 11, 12 + day, 8 + 3 * number)
            labels.append(f"{begin}\t\t{begin + timedelta(minutes=10)}\t\t{activity}\t\t")
            for step, minute in enumerate((1, 4, 30)):
                location, kind, place = ORDONEZ_B[(2 * number + step) % len(ORDONEZ_B)]
                on = begin + timedelta(minutes=minute, seconds=day)
                off = on + timedelta(seconds=45)
                line, blank = len(lines) + 1, " " if step == 1 else ""
                lines.append(f"{on}{blank}\t\t{off}\t\t{location}\t\t{kind}\t\t{place}")
                label = activity if minute < 10 else ""
                form.events += [Planted("OrdonezB_Sensors.txt", line, time, label) for time in (on, off)]
    labels.insert(4, "2012-11-12 22:00:00\t\t2012-11-12 21:00:00\t\tSnack\t\t")
    form.broken_labels = [7]
    lines[6], lines[7] = lines[7], lines[6]
    head = ["Start time          \tEnd time            \tActivity\t\t", dashes[:50]]
    (folder / "OrdonezB_Sensors.txt").write_bytes("\r\n".join(lines).encode())
    (folder / "OrdonezB_ADLs.txt").write_bytes("\r\n".join(head + labels).encode())
    form.lines = len(lines) - 2
    return form


ARAS = """Other,Going Out,Preparing Breakfast,Having Breakfast,Preparing Lunch,Having Lunch,Preparing Dinner
Having Dinner,Washing Dishes,Having Snack,Sleeping,Watching TV,Studying,Having Shower,Toileting,Napping,Using Internet
Reading Book,Laundry,Shaving,Brushing Teeth,Talking on the Phone,Listening to Music,Cleaning,Having Conversation
Having Guest,Changing Clothes""".replace("\n", ",").split(",")


def write_aras(folder: Path, seconds: int = 1620) -> Form:
    """Write three days of ARAS A or B: a line a second of 20 cells of 0 or 1 and the two residents' numbers, no times.

    The files are DAY_1, DAY_2 and DAY_10. The dates of their events are 1900-01-01 and the next two days.
    The first line of a file is no event.
    """
    form = Form(lines=3 * seconds)
    for day, file in enumerate(["DAY_1.txt", "DAY_2.txt", "DAY_10.txt"]):
        cells, lines = [0] * 20, []
        cells[day] = 1
        for second in range(seconds):
            numbers = (second // 60 % 27, 11 if second < 600 else (second // 60 + 5 * day) % 27)
            if second % 29 == 28:
                cells[second // 29 % 20] ^= 1
                names = [ARAS[number] for number in numbers]
                time = datetime(1900, 1, 1 + day) + timedelta(seconds=second)
                form.events.append(Planted(file, second + 1, time, names[0], labels=frozenset(names)))
            lines.append(" ".join(map(str, [*cells, *(number + 1 for number in numbers)])))
        (folder / file).write_text("\n".join(lines) + "\n")
    return form


ORANGE_STATES = {
    "entrance_door": ("OPEN", "CLOSED"),
    "kitchen_cupboard1": ("OPEN", "CLOSED"),
    "kitchen_fridge_door": ("OPEN", "CLOSED"),
    "livingroom_presence_couch": ("ON", "OFF"),
    "bathroom_door": ("OPEN", "CLOSED"),
}


def write_orange4home(folder: Path) -> Form:
    """Write two days of Orange4Home: `Time,ItemName,Value`; rows of the item `label` begin and end activities."""
    plan = (
        ("Entrance|Entering", "entrance_door"),
        ("Kitchen|Cooking", "kitchen_cupboard1"),
        ("", "kitchen_fridge_door"),
        ("Living_room|Watching_TV", "livingroom_presence_couch"),
        ("Bathroom|Using_the_sink", "bathroom_door"),
    )
    form, lines = Form(), ["Time,ItemName,Value"]
    for day in range(2):
        time = datetime(2017, 1, 30 + day, 8)
        for label, sensor in plan:
            rows = [("label", f"START:{label}")] if label else []
            rows += [(sensor, state) for state in ORANGE_STATES[sensor] * 2]
            rows += [("label", f"STOP:{label}")] if label else []
            for item, value in rows:
                time += timedelta(seconds=31)
                lines.append(f"{time},{item},{value}")
                if item == "label":
                    form.no_events[len(lines)] = "a label's mark"
                else:
                    form.events.append(Planted("o4h_all_events.csv", len(lines), time, label))
    (folder / "o4h_all_events.csv").write_text("\n".join(lines) + "\n")
    form.lines = len(lines) - 1
    return form


FORMS: dict[str, Callable[[Path], Form]] = {
    "aruba": write_aruba,
    "milan": write_milan,
    "cairo": write_cairo,
    "tulum-2009": write_tulum_2009,
    "tulum-2010": write_tulum_2010,
    "twor-2009": partial(write_twor, year="2009"),
    "twor-summer-2009": partial(write_twor, year="summer.2009"),
    "twor-2010": partial(write_twor, year="2010"),
    "hh101": write_casas_2025,
    "casas-hh": partial(write_casas_2025, file="hh102.csv"),
    "al-smarthome": write_al_smarthome,
    "ordonez-b": write_ordonez_b,
    "aras-a": write_aras,
    "aras-b": write_aras,
    "orange4home": write_orange4home,
}
