"""From rows to the event table, the steps that `table` and `casas` share: words, labels, sessions, order, account.

Rows are held as numbers, codes into lists of distinct values, so that ten million of them fit in memory and every
distinct value is looked at once.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.common.schemas import nearest
from hearth.data.events import ALTERNATIVES, COLUMNS, PLACES_SHOWN, LoadReport, Problem, natural_key, shared_lists
from hearth.data.sources import times
from hearth.data.sources.csv_rows import RowError
from hearth.homes.home import Home
from hearth.homes.raw_format import DROP

NOTED_FILES = 20
_MINUTE = 60_000
_DAY = 86_400_000


class Codes:
    """Distinct values, numbered in the order they come in."""

    def __init__(self):
        self._known: dict = {}

    @property
    def values(self) -> list:
        """The values, by their code."""
        return list(self._known)

    def code(self, value) -> int:
        """The code of one value."""
        return self._known.setdefault(value, len(self._known))

    def of_texts(self, texts: pd.Series) -> np.ndarray:
        """The codes of a column of text, stripped."""
        codes, distinct = pd.factorize(texts)
        return np.array([self.code(text.strip()) for text in distinct], dtype=np.int32)[codes]

    def of_pairs(self, first: np.ndarray, second: np.ndarray, values: tuple[list, list]) -> np.ndarray:
        """The codes of pairs of values that are themselves given by codes."""
        rows = first.astype(np.int64) << 32 | second
        codes, distinct = pd.factorize(rows)
        pairs = [(values[0][int(row) >> 32], values[1][int(row) & 0xFFFFFFFF]) for row in distinct]
        return np.array([self.code(pair) for pair in pairs], dtype=np.int32)[codes]


@dataclass(frozen=True)
class Annotation:
    """Who did something and what, as a file says it: names of residents, activities with the one to use first."""

    residents: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()


@dataclass
class Rows:
    """Rows with a readable time, one array entry each; `file` ... `session` are codes of the lists beside them.

    `time` is in milliseconds, UTC where `utc`, else on the home's clock. A session is '' where it is worked out here.
    """

    files: Codes = field(default_factory=Codes)
    sensors: Codes = field(default_factory=Codes)
    states: Codes = field(default_factory=Codes)
    annotations: Codes = field(default_factory=Codes)
    sessions: Codes = field(default_factory=Codes)
    parts: list[dict[str, np.ndarray]] = field(default_factory=list)

    def add(self, **columns: np.ndarray) -> None:
        """More rows: file, line, time, utc, sensor, state, annotation, session."""
        self.parts.append(columns)

    def joined(self) -> dict[str, np.ndarray]:
        """All rows by column; what they were added as is let go."""
        names = ("file", "line", "time", "utc", "sensor", "state", "annotation", "session")
        return {
            name: np.concatenate([part.pop(name) for part in self.parts] or [np.zeros(0, np.int64)]) for name in names
        }


def event_table(rows: Rows, home: Home, report: LoadReport) -> pd.DataFrame:
    """The events of `rows`, in words; rows that cannot become events go into `report`, which gets `loaded` too.

    Raises ValueError where two files would be one session.
    """
    table = rows.joined()
    files = rows.files.values
    _note_disorder(table, files, report)
    table, words = _in_words(table, rows, home, files, report)
    table, labels = _labelled(table, rows, home, files, report)
    table = _without_duplicates(table, files, report)
    _on_one_clock(table, home, report)
    names = _sessions(table, rows, home, files, report)
    table = _in_order(table, home, report)
    _note_long(names, table, report)
    report.loaded = len(table["time"])
    report.broken.sort(key=lambda problem: (natural_key(problem.file), problem.line))
    return _frame(table, names, words, labels)


def _chosen(table: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    return table if mask.all() else {name: values[mask] for name, values in table.items()}


def _places(
    table: dict[str, np.ndarray], where: np.ndarray, files: Sequence[str], count: int | None = None
) -> list[str]:
    """`file:line` of rows."""
    chosen = np.flatnonzero(where)[:count]
    return [f"{files[table['file'][row]]}:{table['line'][row]}" for row in chosen]


def _refuse(table, codes: np.ndarray, faults: dict[int, str], files: Sequence[str], report: LoadReport) -> np.ndarray:
    """Report the rows whose code is faulty as broken; which rows are left."""
    broken = np.isin(codes, list(faults))
    for row in np.flatnonzero(broken):
        report.broken.append(Problem(files[table["file"][row]], int(table["line"][row]), faults[int(codes[row])]))
    return ~broken


def _leave_out(
    table, codes: np.ndarray, reasons: dict[int, str], files: Sequence[str], report: LoadReport
) -> np.ndarray:
    """Report the rows of these codes as skipped; which rows are left."""
    left = np.ones(len(codes), dtype=bool)
    for reason in sorted(set(reasons.values())):
        skipped = np.isin(codes, [code for code, said in reasons.items() if said == reason])
        if skipped.any():
            report.skip(reason, _places(table, skipped, files, PLACES_SHOWN), int(skipped.sum()))
        left &= ~skipped
    return left


def _note_disorder(table: dict[str, np.ndarray], files: Sequence[str], report: LoadReport) -> None:
    """Say how many rows of a file lie in time before one ahead of them."""
    found = []
    starts = np.flatnonzero(np.diff(table["file"], prepend=-1))
    for start, end in itertools.pairwise([*starts, len(table["file"])]):
        part = table["time"][start:end]
        if late := int((part < np.maximum.accumulate(part)).sum()):
            found.append(f"{files[table['file'][start]]}: {late} rows out of order of time, sorted")
    report.notes += found[:NOTED_FILES]
    if len(found) > NOTED_FILES:
        report.notes.append(f"and {len(found) - NOTED_FILES} more files with rows out of order of time, sorted")


def _in_words(table, rows: Rows, home: Home, files, report: LoadReport) -> tuple[dict, pd.DataFrame]:
    """The rows of known sensors and states, with the code of their words; room, sensor, state, description by code."""
    ignored = {
        code: f"sensor {sensor} (ignored_sensors)"
        for code, sensor in enumerate(rows.sensors.values)
        if any(fnmatchcase(sensor, pattern) for pattern in home.recording.ignored_sensors)
    }
    table = _chosen(table, _leave_out(table, table["sensor"], ignored, files, report))
    pairs = Codes()
    codes = pairs.of_pairs(table.pop("sensor"), table.pop("state"), (rows.sensors.values, rows.states.values))
    faults, words = {}, []
    for code, (sensor, state) in enumerate(pairs.values):
        room, said, description = "", "", ""
        try:
            room, said, description = home.describe(sensor, state)
        except KeyError as error:
            faults[code] = error.args[0]
        words.append((room, sensor, said, description))
    table["words"] = codes
    return _chosen(table, _refuse(table, codes, faults, files, report)), pd.DataFrame(
        words, columns=["room", "sensor", "state", "description"]
    )


def _labelled(table, rows: Rows, home: Home, files, report: LoadReport) -> tuple[dict, list[tuple[list, list]]]:
    """The rows whose annotation gives a label, and (residents, right activities) by code of annotation."""
    faults, skipped, found = {}, {}, []
    for code, annotation in enumerate(rows.annotations.values):
        activities: list[str] = []
        try:
            activities = _activities(annotation, home)
            if not activities:
                skipped[code] = "no activity (unlabelled: drop)"
        except RowError as fault:
            faults[code] = str(fault)
        found.append((sorted(set(annotation.residents)), activities))
    codes = table["annotation"]
    left = _refuse(table, codes, faults, files, report)
    left &= _leave_out(table, np.where(left, codes, -1), skipped, files, report)
    table = _chosen(table, left)
    joint = [code for code, annotation in enumerate(rows.annotations.values) if len(annotation.activities) > 1]
    several = [code for code in joint if len(found[code][1]) > 1]
    count, differing = (int(np.isin(table["annotation"], chosen).sum()) for chosen in (joint, several))
    if count:
        right = {"first": "the first is right", "any": "any of them is right"}[home.recording.several]
        report.notes.append(
            f"{count} events have several annotations, {differing} of them different activities: {right} "
            f"(several: {home.recording.several})"
        )
    if home.recording.several == "first":
        found = [(residents, activities[:1]) for residents, activities in found]
    return table, found


def _activities(annotation: Annotation, home: Home) -> list[str]:
    """The labels of an annotation, each once; none for an event to leave out."""
    labels = []
    for name in annotation.activities:
        label = home.recording.activities.get(name, name)
        if label is None:
            continue
        if label not in home.labels:
            known = [*home.recording.activities, *home.labels]
            raise RowError(f"unknown activity {name!r}{nearest(name, known)} (`labels`, or `recording.activities`)")
        labels.append(label)
    if not labels and home.recording.unlabelled != DROP:
        labels = [home.recording.unlabelled]
    return list(dict.fromkeys(labels))


def _without_duplicates(table, files, report: LoadReport) -> dict[str, np.ndarray]:
    """The first of rows that are equal in session, time, sensor, state and annotation."""
    keys = pd.DataFrame({name: table[name] for name in ("session", "time", "words", "annotation")})
    again = keys.duplicated().to_numpy()
    if again.any():
        report.skip("duplicate row", _places(table, again, files, PLACES_SHOWN), int(again.sum()))
    return _chosen(table, ~again)


def _on_one_clock(table: dict[str, np.ndarray], home: Home, report: LoadReport) -> None:
    """Give the rows `clock`, what the home's clock shows, and `time`, by which they are ordered."""
    utc = table.pop("utc")
    if not utc.any():
        table["clock"] = table["time"]
        if home.timezone != "UTC" and (odd := times.odd_hours(table["time"], home.timezone)):
            report.notes.append(f"{odd} events lie in an hour that the clock of {home.timezone} shows twice or never")
        return
    table["time"][~utc] = times.from_clock(table["time"][~utc], home.timezone)
    table["clock"] = times.on_clock(table["time"], home.timezone)


def _sessions(table, rows: Rows, home: Home, files, report: LoadReport) -> list[str]:
    """Names of the sessions in natural order; `session` of the rows becomes the position there."""
    by = home.recording.sessions
    if by == "file":
        names, codes = _file_sessions(files), table["file"]
    elif by == "day":
        codes, days = pd.factorize(table["clock"] // _DAY)
        names = [str(np.datetime64(int(day), "D")) for day in days]
    elif by == "gap":
        codes, names = _gap_sessions(table, home.recording.gap_minutes)
    else:
        names, codes = rows.sessions.values, table["session"]
    used = np.unique(codes)
    order = sorted(used.tolist(), key=lambda code: natural_key(names[code]))
    position = np.zeros(len(names), dtype=np.int64)
    position[order] = np.arange(len(order))
    table["session"] = position[codes]
    return [names[code] for code in order]


def _file_sessions(files: Sequence[str]) -> list[str]:
    """The session of each file: its path without suffix."""
    names = [Path(file).with_suffix("").as_posix().replace("/", "-") for file in files]
    owners: dict[str, str] = {}
    for name, file in zip(names, files, strict=True):
        if (first := owners.setdefault(name, file)) != file:
            raise ValueError(
                f"{first} and {file} would both be session {name!r}: rename one of them, or set `recording.sessions`"
            )
    return names


def _gap_sessions(table: dict[str, np.ndarray], minutes: float) -> tuple[np.ndarray, list[str]]:
    """(session of each row, names): the day on which it begins and the number of the session on that day."""
    order = np.argsort(table["time"], kind="stable")
    ordered, clock = table["time"][order], table["clock"][order]
    begins = np.diff(ordered, prepend=ordered[:1]) > minutes * _MINUTE
    codes = np.empty(len(order), dtype=np.int64)
    codes[order] = np.cumsum(begins)
    starts = clock[np.r_[0, np.flatnonzero(begins)]] if len(clock) else clock
    names, of_day = [], {}
    for day in (starts // _DAY).tolist():
        of_day[day] = of_day.get(day, 0) + 1
        names.append(f"{np.datetime64(day, 'D')}-{of_day[day]}")
    return codes, names


def _in_order(table: dict[str, np.ndarray], home: Home, report: LoadReport) -> dict[str, np.ndarray]:
    """Rows by session and time, equal times in the order they were read; `clock` never turns back in a session."""
    order = np.lexsort((table["time"], table["session"]))
    table = {name: values[order] for name, values in table.items()}
    clock, session = table["clock"], table["session"]
    turned = np.flatnonzero((np.diff(clock) < 0) & (np.diff(session) == 0))
    if len(turned):
        # Only where a clock is set back: an hour then shows twice, and its second pass waits for the first to end.
        held = pd.Series(clock).groupby(session).cummax().to_numpy()
        report.notes.append(
            f"{int((held != clock).sum())} events lie in an hour that the clock of {home.timezone} shows twice: in its "
            "second pass they have the time at which the first ended"
        )
        table["clock"] = held
    return table


def _note_long(names: list[str], table: dict[str, np.ndarray], report: LoadReport) -> None:
    if len(names) == 1:
        report.notes.append(
            f"one session, {names[0]}: a split needs two; set `recording.sessions` (by: day, gap or column)"
        )


def _frame(table: dict[str, np.ndarray], names: list[str], words: pd.DataFrame, labels: list) -> pd.DataFrame:
    """The event table from rows in order."""
    columns = {"session": pd.Categorical.from_codes(table["session"], names)}
    starts = np.flatnonzero(np.diff(table["session"], prepend=-1))
    lengths = np.diff(np.r_[starts, len(table["session"])])
    columns["event"] = np.arange(len(table["session"])) - np.repeat(starts, lengths)
    columns["time"] = table["clock"].astype("datetime64[ms]")
    for name in words:
        columns[name] = _categorical(words[name], table["words"])
    columns["residents"] = shared_lists(table["annotation"], [residents for residents, _ in labels])
    first = pd.Series([activities[0] if activities else "" for _, activities in labels], dtype=str)
    columns["activity"] = _categorical(first, table["annotation"])
    if any(len(activities) > 1 for _, activities in labels):
        columns[ALTERNATIVES] = shared_lists(table["annotation"], [activities for _, activities in labels])
    return pd.DataFrame({name: columns[name] for name in (*COLUMNS, ALTERNATIVES) if name in columns})


def _categorical(values: pd.Series, codes: np.ndarray) -> pd.Categorical:
    positions, distinct = pd.factorize(values)
    return pd.Categorical.from_codes(positions[codes], distinct)


def same_files(paths: Iterable[Path], digests: Iterable[str]) -> dict[Path, Path]:
    """Files that hold what an earlier one does, and that one."""
    first: dict[str, Path] = {}
    found = {}
    for path, digest in zip(paths, digests, strict=True):
        if first.setdefault(digest, path) != path:
            found[path] = first[digest]
    return found
