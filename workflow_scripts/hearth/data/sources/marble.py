"""Read MARBLE (Arrotta, Bettini, Civitarese, MobiQuitous 2021): raw files to events.

    <scenario>/instance<N>/environmental.csv             sensor_id,sensor_status,ts,subject_id
    <scenario>/instance<N>/subject-<id>/labels.csv       ts_start,ts_end,act
    <scenario>/instance<N>/subject-<id>/smartphone.csv   event_id,event_status,ts   (only where there were calls)

Times are epoch milliseconds. An event's label is the act whose interval holds the event's time, in the labels of the
subject who caused the event.

Sessions have three group keys: `scenario`; `subjects`, the subjects who took part; and `sitting`, the same subjects on
the same day.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from hearth.data.events import EventRow, event_table, natural_key
from hearth.data.load_report import LoadReport, RowProblem
from hearth.data.sources.csv_rows import RowError, read_csv
from hearth.data.sources.event_rows import count_out_of_order, sensor_words
from hearth.homes.home import Home

FILES = ("environmental.csv", "labels.csv", "smartphone.csv")
EXPECTED = (
    "no MARBLE here: expected dataset/<scenario>/instance<N>/environmental.csv below it; get the dataset from "
    "EveryWare Lab, https://everywarelab.di.unimi.it/index.php/research/datasets"
)
TRANSITION = "TRANSITION"
# In the real files, consecutive intervals are up to about 150 ms apart; an event in such a gap belongs to the nearest
# interval. A gap of more than a second is an unlabelled pause.
LARGEST_GAP_MS = 1000


@dataclass(frozen=True)
class ActLabels:
    """The labels of a subject in a session. `broken` is the number of the file's first unreadable line, or None.

    `intervals` are (first millisecond, last millisecond, act), sorted by the first. `times` are those of the subject's
    events, in epoch milliseconds.
    """

    file: str
    intervals: list[tuple[int, int, str]]
    broken: int | None
    times: list[int] = field(default_factory=list)

    def check_times(self) -> None:
        """Raise ValueError if the subject has several events, and none of them lies between the first and last label.

        Then the times of the labels are in another unit or by another clock, and every event would be TRANSITION.
        """
        if len(self.times) < 2 or not self.intervals:
            return
        first, last = self.intervals[0][0], max(end for _, end, _ in self.intervals)
        if not any(first <= time <= last for time in self.times):
            raise ValueError(
                f"{self.file}: its labels are from {first} to {last}, but all {len(self.times)} events of the subject "
                f"are from {min(self.times)} to {max(self.times)}: correct the unit (milliseconds) or the clock of its "
                "times"
            )


def raw_files(root: Path, home: Home) -> list[Path]:
    """Return the files below `root` that `read` reads."""
    return [path for path in root.rglob("*") if path.name in FILES]


def read(root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """Return a pair: all events below `root`, and the report on all rows.

    `root` is the folder that holds `dataset/`, or the dataset folder itself. Sessions are named
    `<scenario>-instance<N>`. Times are on the clock of `home.timezone`. Raises ValueError if there is no MARBLE below
    `root`, the time zone does not exist, or a subject's labels are from another time than the subject's events.
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
        raise ValueError(f"{root}: {EXPECTED}")
    zone = _time_zone(home)
    report = LoadReport()
    rows = {folder: _read_session(folder, root, home, zone, report) for folder in folders}
    groups: dict[str, dict[str, str]] = {"scenario": {}, "subjects": {}, "sitting": {}}
    for folder, (first, *_) in ((folder, events) for folder, events in rows.items() if events):
        session, day = first["session"], datetime.fromtimestamp(first["time"] / 1000, UTC).date()
        subjects = "+".join(path.name.removeprefix("subject-") for path in _subject_folders(folder))
        groups["scenario"][session] = folder.parent.name
        groups["subjects"][session] = subjects
        groups["sitting"][session] = f"{day} {subjects}"
    events = event_table((event for session in rows.values() for event in session), groups)
    report.loaded = len(events)
    report.broken.sort(key=lambda problem: (natural_key(problem.file), problem.line))
    return events, report


def _time_zone(home: Home) -> ZoneInfo:
    try:
        return ZoneInfo(home.timezone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"home {home.name}: timezone: unknown time zone {home.timezone!r}") from None


def _subject_folders(folder: Path) -> list[Path]:
    """Return the folders of a session's subjects in natural order."""
    return sorted((path for path in folder.glob("subject-*") if path.is_dir()), key=lambda path: natural_key(path.name))


def _event_files(folder: Path) -> list[Path]:
    """Return a session's event files: environmental.csv, then the smartphone.csv of each subject in natural order."""
    phones = [subject / "smartphone.csv" for subject in _subject_folders(folder)]
    return [path for path in (folder / "environmental.csv", *phones) if path.is_file()]


def _read_session(folder: Path, root: Path, home: Home, zone: ZoneInfo, report: LoadReport) -> list[EventRow]:
    """Return a session's events sorted by time; at equal times, those of environmental.csv come first."""
    session = f"{folder.parent.name}-{folder.name}"
    if not (folder / "environmental.csv").is_file():
        report.notes.append(f"{folder.relative_to(root).as_posix()}: no environmental.csv")
    labels = {
        subject.name.removeprefix("subject-"): _read_labels(subject / "labels.csv", root, home, report)
        for subject in _subject_folders(folder)
        if (subject / "labels.csv").is_file()
    }
    events: list[EventRow] = []
    seen: set[tuple[str, str, int, str]] = set()
    for path in _event_files(folder):
        file_events = _read_events(path, root, session, home, labels, seen, report)
        late = count_out_of_order(event["time"] for event in file_events)
        if late:
            report.notes.append(f"{path.relative_to(root).as_posix()}: {late} rows out of order of time, sorted")
        events += file_events
    for own in labels.values():
        own.check_times()
    if not events:
        report.notes.append(f"session {session} has no events")
        return []
    events.sort(key=lambda event: event["time"])
    # Use one offset for the whole session: its clock must not jump when summer time begins or ends during it.
    offset = datetime.fromtimestamp(events[0]["time"] / 1000, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    shift = round(offset.total_seconds() * 1000)
    return [{**event, "time": event["time"] + shift} for event in events]


def _read_events(
    path: Path,
    root: Path,
    session: str,
    home: Home,
    labels: dict[str, ActLabels],
    seen: set[tuple[str, str, int, str]],
    report: LoadReport,
) -> list[EventRow]:
    """Return the events of one file in file order, with times in epoch milliseconds; report the other rows.

    `seen` holds the (sensor, state, time, subject) of the session's earlier rows and is extended.
    """
    file = path.relative_to(root).as_posix()
    is_phone = path.name == "smartphone.csv"
    names = ("event_id", "event_status", "ts") if is_phone else ("sensor_id", "sensor_status", "ts", "subject_id")
    report.files += 1
    events: list[EventRow] = []
    for row in read_csv(path, names):
        report.rows += 1
        try:
            if row.fault:
                raise RowError(row.fault)
            sensor, state, ts = (row.cells[name] for name in names[:3])
            subject = path.parent.name.removeprefix("subject-") if is_phone else row.cells["subject_id"]
            words = sensor_words(home, sensor, state)
            time = _parse_milliseconds(ts, "ts")
            if subject not in labels:
                raise RowError(f"subject {subject!r} has no labels.csv in this session")
            labels[subject].times.append(time)
            activity, is_labelled = _activity_at(time, labels[subject], home)
        except RowError as fault:
            report.broken.append(RowProblem(file, row.line, str(fault)))
            continue
        if (sensor, state, time, subject) in seen:
            report.skipped["duplicate row"] += 1
            continue
        seen.add((sensor, state, time, subject))
        if activity == TRANSITION and home.transition == "drop":
            report.skipped[f"{TRANSITION} (transition: drop)"] += 1
            continue
        report.unlabelled += not is_labelled
        events.append({"session": session, "time": time, **words, "residents": [subject], "activity": activity})
    return events


def _read_labels(path: Path, root: Path, home: Home, report: LoadReport) -> ActLabels:
    """Return a subject's labels; `report` counts only the broken rows of label files."""
    file = path.relative_to(root).as_posix()
    report.files += 1
    intervals = []
    broken = None
    for row in read_csv(path, ("ts_start", "ts_end", "act")):
        try:
            if row.fault:
                raise RowError(row.fault)
            start, end = (_parse_milliseconds(row.cells[name], name) for name in ("ts_start", "ts_end"))
            if end < start:
                raise RowError(f"ts_end {end} is before ts_start {start}")
            if not _is_known(row.cells["act"], home):
                raise RowError(f"unknown label {row.cells['act']!r}")
        except RowError as fault:
            report.rows += 1
            report.broken.append(RowProblem(file, row.line, str(fault)))
            broken = broken or row.line
        else:
            intervals.append((start, end, row.cells["act"]))
    return ActLabels(file, sorted(intervals, key=lambda interval: interval[0]), broken)


def _is_known(label: str, home: Home) -> bool:
    """Whether a label is one of the home's, or a transition that the home drops."""
    return label in home.labels or (label == TRANSITION and home.transition == "drop")


def _parse_milliseconds(text: str, column: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 13):
        raise RowError(f"{column} {text!r} is not a time in epoch milliseconds")
    return int(text)


def _activity_at(time: int, labels: ActLabels, home: Home) -> tuple[str, bool]:
    """Return a pair: the act at `time`, and whether the file labels that time.

    The act is that of the interval that holds `time`, or, in a gap of up to `LARGEST_GAP_MS`, of the nearest one.
    Outside these it is TRANSITION. Of overlapping intervals, the one that starts last has precedence. Raises RowError
    outside all intervals if the label file has unreadable lines, since the event may belong to one of them.
    """
    holding = [act for start, end, act in labels.intervals if start <= time <= end]
    if holding:
        return holding[-1], True
    if labels.broken:
        raise RowError(f"the event is in no readable interval, and {labels.file}:{labels.broken} is broken")
    if not labels.intervals:
        raise RowError(f"{labels.file} holds no interval")
    if labels.intervals[0][0] < time < max(end for _, end, _ in labels.intervals):
        distance, _, act = min((max(start - time, time - end), -start, act) for start, end, act in labels.intervals)
        if distance <= LARGEST_GAP_MS:
            return act, True
    if not _is_known(TRANSITION, home):
        raise RowError(f"no interval of {labels.file} holds ts {time}")
    return TRANSITION, False
