"""Read MuRAL (arXiv 2504.20505): raw files to events.

    <NN>/data.csv     uid,time,sensor,action,Subject,Description,activity
    activities.json   [{"id", "name", "description"}, ...]; `activity` in data.csv is one of these ids

`time` is HH:MM:SS without a date. Rows with neither sensor nor action are annotations without an event. A session's
context.json and sensors.json add nothing to its events and are not read.

Forms that a spreadsheet or pandas gives the files are accepted, since they have one meaning only: 7:22:45, the numbers
4.0 for 4, `nan` for an empty cell, blanks around names, and one more folder around the sessions.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from hearth.data.events import EventRow, event_table, natural_key
from hearth.data.load_report import LoadReport, RowProblem
from hearth.data.sources.csv_rows import Row, RowError, read_csv
from hearth.data.sources.event_rows import count_out_of_order, sensor_words
from hearth.homes.home import Home

FILES = ("data.csv", "activities.json")
EXPECTED = (
    "no MuRAL here: expected activities.json and folders 01, 02, ... with a data.csv each in it; get the dataset "
    "(MuRAL.zip) from https://mural.imag.fr/"
)
DATA_COLUMNS = ("uid", "time", "sensor", "action", "Subject", "activity")
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])")
NUMBER = re.compile(r"([0-9]+)(\.0+)?", re.ASCII)
EMPTY = ("", "nan")
DAY = 24 * 60 * 60  # seconds
HOUR = 60 * 60  # seconds


def raw_files(root: Path, home: Home) -> list[Path]:
    """Return the files below `root` that `read` reads."""
    return [path for path in root.rglob("*") if path.name in FILES]


def read(root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """Return a pair: all events below `root`, and the report on all rows.

    `root` is the folder that holds activities.json and the sessions 01, 02, ... The raw files have no dates, so every
    session starts on 1970-01-01. Raises ValueError if there is no MuRAL in `root`, or its activities.json is
    unreadable, since it holds the labels of all events.
    """
    root = _unpacked(Path(root))
    folders = sorted(
        (path for path in root.glob("*") if path.is_dir() and path.name.isdecimal()),
        key=lambda path: natural_key(path.name),
    )
    if not (root / "activities.json").is_file() or not any((folder / "data.csv").is_file() for folder in folders):
        raise ValueError(f"{root}: {EXPECTED}")
    report = LoadReport(files=1)
    activities = _read_activities(root / "activities.json")
    events = event_table(event for folder in folders for event in _read_session(folder, root, home, activities, report))
    report.loaded = len(events)
    return events, report


def _unpacked(root: Path) -> Path:
    """Return the folder that holds activities.json: `root`, or the only folder in it that does."""
    inner = [path.parent for path in root.glob("*/activities.json")]
    return inner[0] if len(inner) == 1 and not (root / "activities.json").exists() else root


def _whole_number(text: str) -> str:
    """Return the digits of a whole number such as 4 or 4.0; '' for any other text."""
    number = NUMBER.fullmatch(text)
    return number[1] if number else ""


def _read_activities(path: Path) -> dict[str, str]:
    """Return a dict from activity ids, as whole numbers, to activity names without blanks around them."""
    try:
        entries = json.loads(path.read_bytes())
        activities = {_whole_number(str(entry["id"]).strip()): entry["name"].strip() for entry in entries}
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    except (TypeError, KeyError, AttributeError):
        raise ValueError(f'{path}: expected a list of objects with an "id" and, as text, a "name"') from None
    if len(activities) != len(entries) or "" in activities:
        raise ValueError(f"{path}: ids must be distinct whole numbers")
    return activities


def _read_session(
    folder: Path, root: Path, home: Home, activities: dict[str, str], report: LoadReport
) -> list[EventRow]:
    """Return a session's events sorted by time, equal times in file order; report all other rows in `report`."""
    path = folder / "data.csv"
    if not path.is_file():
        report.notes.append(f"session {folder.name} has no data.csv")
        return []
    file = path.relative_to(root).as_posix()
    report.files += 1
    events: list[EventRow] = []
    lines_of_uids: dict[str, int] = {}
    for row in read_csv(path, DATA_COLUMNS):
        report.rows += 1
        try:
            if row.fault:
                raise RowError(row.fault)
            if row.cells["sensor"] in EMPTY and row.cells["action"] in EMPTY:
                report.skipped["annotation without sensor and action"] += 1
                continue
            _check_uid(row, lines_of_uids)
            events.append(_parse_event(row.cells, folder.name, home, activities))
        except RowError as fault:
            report.broken.append(RowProblem(file, row.line, str(fault)))
    if not events:
        report.notes.append(f"session {folder.name} has no events")
    times = _unwrap_midnights(event["time"] for event in events)
    late = count_out_of_order(times)
    if late:
        report.notes.append(f"{file}: {late} rows out of order of time, sorted")
    timed: list[EventRow] = [{**event, "time": 1000 * time} for event, time in zip(events, times, strict=True)]
    return sorted(timed, key=lambda event: event["time"])


def _check_uid(row: Row, lines_of_uids: dict[str, int]) -> None:
    """Raise RowError unless a row's uid is a number and new in its session.

    `lines_of_uids` maps each earlier uid to its first line; the row's uid is added.
    """
    uid = _whole_number(row.cells["uid"])
    if not uid:
        raise RowError(f"uid {row.cells['uid']!r} is not a whole number")
    first = lines_of_uids.setdefault(uid, row.line)
    if first != row.line:
        raise RowError(f"uid {uid} is already on line {first}")


def _parse_event(cells: dict[str, str], session: str, home: Home, activities: dict[str, str]) -> EventRow:
    """Return an event with `time` in seconds since midnight."""
    words = sensor_words(home, cells["sensor"], cells["action"])
    clock = CLOCK.fullmatch(cells["time"])
    if not clock:
        raise RowError(f"time {cells['time']!r} is not HH:MM:SS")
    number = cells["activity"]
    activity = activities.get(_whole_number(number))
    if activity is None:
        raise RowError(f"activity {number!r} is not an id of activities.json")
    if activity not in home.labels:
        raise RowError(f"activity {number} is {activity!r}, not a label of the home {home.name}")
    hours, minutes, seconds = map(int, clock.groups())
    return {
        "session": session,
        "time": (hours * 60 + minutes) * 60 + seconds,
        **words,
        "residents": sorted({name for part in cells["Subject"].split(",") if (name := part.strip()) not in EMPTY}),
        "activity": activity,
    }


def _unwrap_midnights(times: Iterable[int]) -> list[int]:
    """Convert times of day in seconds, in file order, to seconds since the midnight before the first.

    A step back of more than half a day means that midnight has passed; a shorter step back leads to a row that is out
    of order. After a midnight, so does a step forward of nearly a day: the row's time is before that midnight.
    """
    unwrapped = []
    day = 0
    previous = 0
    for time in times:
        if time - previous < -DAY / 2:
            day += 1
        elif time - previous > DAY - HOUR and day > 0:
            day -= 1
        unwrapped.append(day * DAY + time)
        previous = time
    return unwrapped
