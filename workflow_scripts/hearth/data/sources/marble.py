"""MARBLE (Arrotta, Bettini, Civitarese, MobiQuitous 2021): raw files to events.

    <scenario>/instance<N>/environmental.csv             sensor_id,sensor_status,ts,subject_id
    <scenario>/instance<N>/subject-<id>/labels.csv       ts_start,ts_end,act
    <scenario>/instance<N>/subject-<id>/smartphone.csv   event_id,event_status,ts   (only where there were calls)

Times are epoch milliseconds. An event's label is the act, in the labels of the subject who caused it, whose interval
holds its time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from hearth.data.events import LoadReport, Problem, frame, natural_key
from hearth.data.sources.csv_rows import RowError, in_words, out_of_order, read_table
from hearth.homes.home import Home

FILES = ("environmental.csv", "labels.csv", "smartphone.csv")
WANTED = (
    "no MARBLE here: expected dataset/<scenario>/instance<N>/environmental.csv below it; get the data set from "
    "EveryWare Lab, https://everywarelab.di.unimi.it/index.php/research/datasets"
)
TRANSITION = "TRANSITION"
# Annotated intervals follow each other with gaps of up to about 150 ms in the real files: an event in such a gap
# belongs to a neighbour. Beyond a second the gap is a pause that nobody labelled.
NEAREST_MS = 1000


@dataclass(frozen=True)
class Labels:
    """One subject's act intervals (first ms, last ms, act), sorted by start; `broken`: its first unreadable line."""

    file: str
    intervals: list[tuple[int, int, str]]
    broken: int | None


def raw_files(root: Path, home: Home) -> list[Path]:
    """The files below `root` that `read` reads."""
    return [path for path in root.rglob("*") if path.name in FILES]


def read(root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """All events below `root`, the folder that holds `dataset/` or the dataset folder itself.

    Sessions are `<scenario>-instance<N>`, times are on the clock of `home.timezone`. Raises ValueError
    when there is no MARBLE below `root`, or the time zone does not exist.
    """
    root = Path(root)
    dataset = root / "dataset" if (root / "dataset").is_dir() else root
    folders = sorted(
        (
            path
            for path in dataset.glob("*/instance*")
            if path.is_dir() and path.name.removeprefix("instance").isdecimal()
        ),
        key=lambda path: natural_key(f"{path.parent.name}-{path.name}"),
    )
    if not any(_event_files(folder) for folder in folders):
        raise ValueError(f"{root}: {WANTED}")
    zone = _time_zone(home)
    report = LoadReport()
    events = frame(event for folder in folders for event in _read_session(folder, root, home, zone, report))
    report.loaded = len(events)
    report.broken.sort(key=lambda problem: (natural_key(problem.file), problem.line))
    return events, report


def _time_zone(home: Home) -> ZoneInfo:
    try:
        return ZoneInfo(home.timezone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"home {home.name}: timezone: unknown time zone {home.timezone!r}") from None


def _event_files(folder: Path) -> list[Path]:
    """A session's files of events: environmental first, then the phones in order of their subjects."""
    phones = sorted(folder.glob("subject-*/smartphone.csv"), key=lambda path: natural_key(path.parent.name))
    return [path for path in (folder / "environmental.csv", *phones) if path.is_file()]


def _read_session(folder: Path, root: Path, home: Home, zone: ZoneInfo, report: LoadReport) -> list[dict]:
    """A session's events in order of time; at equal times in file order, environmental before phone."""
    session = f"{folder.parent.name}-{folder.name}"
    if not (folder / "environmental.csv").is_file():
        report.notes.append(f"{folder.relative_to(root).as_posix()}: no environmental.csv")
    labels = {
        path.parent.name.removeprefix("subject-"): _read_labels(path, root, home, report)
        for path in sorted(folder.glob("subject-*/labels.csv"), key=lambda path: natural_key(path.parent.name))
        if path.is_file()
    }
    events = []
    seen = set()
    for path in _event_files(folder):
        read_here = _read_events(path, root, home, labels, seen, report)
        late = out_of_order(ts for ts, _ in read_here)
        if late:
            report.notes.append(f"{path.relative_to(root).as_posix()}: {late} rows out of order of time, sorted")
        events += read_here
    if not events:
        report.notes.append(f"session {session} has no events")
        return []
    events.sort(key=lambda event: event[0])
    # One offset a session: its clock does not jump when summer time begins or ends in the middle of it.
    offset = datetime.fromtimestamp(events[0][0] / 1000, UTC).astimezone(zone).utcoffset()
    shift = round(offset.total_seconds() * 1000)
    return [{"session": session, "time": ts + shift, **event} for ts, event in events]


def _read_events(
    path: Path, root: Path, home: Home, labels: dict[str, Labels], seen: set, report: LoadReport
) -> list[tuple[int, dict]]:
    """(epoch ms, event) of the good rows of one file, in file order; the others go into `report`."""
    file = path.relative_to(root).as_posix()
    phone = path.name == "smartphone.csv"
    names = ("event_id", "event_status", "ts") if phone else ("sensor_id", "sensor_status", "ts", "subject_id")
    report.files += 1
    events = []
    for row in read_table(path, names):
        report.rows += 1
        try:
            if row.fault:
                raise RowError(row.fault)
            sensor, state, ts = (row.cells[name] for name in names[:3])
            subject = path.parent.name.removeprefix("subject-") if phone else row.cells["subject_id"]
            words = in_words(home, sensor, state)
            time = _milliseconds(ts, "ts")
            if subject not in labels:
                raise RowError(f"subject {subject!r} has no labels.csv in this session")
            activity = _activity(labels[subject], time, home)
        except RowError as fault:
            report.broken.append(Problem(file, row.line, str(fault)))
            continue
        if (sensor, state, time, subject) in seen:
            report.skipped["duplicate row"] += 1
            continue
        seen.add((sensor, state, time, subject))
        if activity == TRANSITION and home.transition == "drop":
            report.skipped[f"{TRANSITION} (transition: drop)"] += 1
            continue
        events.append((time, {**words, "residents": [subject], "activity": activity}))
    return events


def _read_labels(path: Path, root: Path, home: Home, report: LoadReport) -> Labels:
    """A subject's intervals; of its rows only the broken ones go into `report`."""
    file = path.relative_to(root).as_posix()
    report.files += 1
    intervals = []
    broken = None
    for row in read_table(path, ("ts_start", "ts_end", "act")):
        try:
            if row.fault:
                raise RowError(row.fault)
            start, end = (_milliseconds(row.cells[name], name) for name in ("ts_start", "ts_end"))
            if end < start:
                raise RowError(f"ts_end {end} is before ts_start {start}")
            if not _has_label(home, row.cells["act"]):
                raise RowError(f"unknown label {row.cells['act']!r}")
        except RowError as fault:
            report.rows += 1
            report.broken.append(Problem(file, row.line, str(fault)))
            broken = broken or row.line
        else:
            intervals.append((start, end, row.cells["act"]))
    return Labels(file, sorted(intervals, key=lambda interval: interval[0]), broken)


def _has_label(home: Home, label: str) -> bool:
    """Whether events of this label are wanted, or known and dropped."""
    return label in home.labels or (label == TRANSITION and home.transition == "drop")


def _milliseconds(text: str, column: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 13):
        raise RowError(f"{column} {text!r} is not a time in epoch milliseconds")
    return int(text)


def _activity(labels: Labels, time: int, home: Home) -> str:
    """The label at `time`: of the interval that holds it, of the nearest one in a small gap, or TRANSITION.

    Where intervals overlap the later-starting one holds. Outside of all intervals of a file with
    unreadable lines the label is unknown, as the event may belong to one of those.
    """
    holding = [act for start, end, act in labels.intervals if start <= time <= end]
    if holding:
        return holding[-1]
    if labels.broken:
        raise RowError(f"in no readable interval, and {labels.file}:{labels.broken} is broken")
    if not labels.intervals:
        raise RowError(f"{labels.file} holds no interval")
    if labels.intervals[0][0] < time < max(end for _, end, _ in labels.intervals):
        distance, _, act = min((max(start - time, time - end), -start, act) for start, end, act in labels.intervals)
        if distance <= NEAREST_MS:
            return act
    if not _has_label(home, TRANSITION):
        raise RowError(f"no interval of {labels.file} holds ts {time}")
    return TRANSITION
