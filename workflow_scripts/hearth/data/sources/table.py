"""Read events from tables of any home (delimited text, JSON, Parquet), as the home's `recording` says.

A row is an event. With `columns.begin` and `columns.end`, a row is instead a time span in which a sensor was on, and
gives two events. Labels are in a column or in label files (`recording.intervals`). `config/homes/TEMPLATE.yaml` is a
complete example.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hearth.data.events import natural_key
from hearth.data.load_report import PLACES_SHOWN, LoadReport, RowProblem
from hearth.data.sources import times
from hearth.data.sources.annotations import Annotator
from hearth.data.sources.blocks import Block, count_comments, joined_cells
from hearth.data.sources.encoded_rows import Columns, EncodedRows, encode_texts
from hearth.data.sources.event_builder import build_events
from hearth.data.sources.file_columns import alias_notes, read_named_blocks
from hearth.data.sources.file_copies import find_copies
from hearth.data.sources.file_search import check_folder, find_by_suffix, find_files, label_files, what_is_there
from hearth.data.sources.tabular import SUFFIXES_OF_FORMAT
from hearth.data.sources.time_formats import likely_remedy
from hearth.data.sources.wide import WideTables, long_recording
from hearth.homes.home import Home
from hearth.homes.path_columns import path_cells
from hearth.homes.raw_format import Recording

EXPECTED = (
    "no table of events here: expected .csv, .tsv, .jsonl, .json or .parquet files in it, or those that the home's "
    "`recording.files` names"
)

NO_END = "an empty end: the row gives the event at its begin alone"


def raw_files(root: Path, home: Home) -> list[Path]:
    """Return the event and label files below `root`, in natural order; `root` may be one event file."""
    return sorted({*_event_files(root, home), *label_files(root, home)}, key=lambda path: natural_key(path.as_posix()))


def read(root: Path, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """Return a pair: all events of the files below `root` that `home.recording` describes, and the report on all rows.

    Raises ValueError as `read_rows` does, and if two files would get the same session name.
    """
    rows, report = read_rows(root, home)
    return build_events(rows, home, report), report


def read_rows(root: Path, home: Home) -> tuple[EncodedRows, LoadReport]:
    """Return a pair: the rows with a readable time, whatever their sensors and labels, and the report on the others.

    Raises ValueError, naming file and key, if there are no files, a file is unreadable as a whole, or columns are
    missing.
    """
    root = Path(root)
    settings = home.recording
    if not settings.columns and not settings.wide:
        raise ValueError(
            f"home {home.name}: `recording.columns` is missing: name the columns of the time, the sensor, ...; or, for "
            "lines of CASAS, read them by `source: casas` (make check-home: SOURCE=casas)"
        )
    report = LoadReport()
    paths = _event_files(root, home)
    base = root if root.is_dir() else root.parent
    copies = {
        path: first
        for path, first in find_copies(paths).items()
        if _told_by_path(path, settings) == _told_by_path(first, settings)
    }
    rows = EncodedRows()
    annotator = Annotator(home, base, report)
    columns = needed_columns(settings)
    wide = WideTables(settings, columns, report) if settings.wide else None
    record_settings = long_recording(settings) if wide else settings
    for path in paths:
        name = path.relative_to(base).as_posix()
        report.files += 1
        before = report.rows
        blocks = (
            wide.read_blocks(path, name) if wide else read_named_blocks(path, name, columns, settings.form, settings)
        )
        for block in blocks:
            count_comments(block, name, report)
            if path in copies:
                count = len(block.lines) + len(block.faults)
                report.rows += count
                report.skip(f"in a copy of {copies[path].relative_to(base).as_posix()}", [name], count)
            else:
                _BlockReader(block, name, record_settings, report).add_to(rows, annotator)
        if report.rows == before:
            report.notes.append(f"{name} holds no rows")
    report.notes += alias_notes({path.relative_to(base).as_posix(): path for path in paths}, settings)
    moments = [(part["time"], part["utc"]) for part in rows.parts]
    time = record_settings.time
    warnings, notes = times.oddities(moments, time.format, time.zone or home.timezone)
    report.warnings += warnings
    report.notes += notes
    annotator.finish()
    if wide:
        wide.finish()
    if settings.rows_are_intervals:
        report.events_per_row = 2
        report.notes.append("a row is a time span in which a sensor was on; it gives two events and counts as two rows")
    return rows, report


def read_block(block: Block, name: str, home: Home) -> tuple[pd.DataFrame, LoadReport]:
    """Return a pair for a block of records that come from no file: their events, and the loader's report.

    The report gives `name` as their file.
    """
    report, rows = LoadReport(files=1), EncodedRows()
    _BlockReader(block, name, home.recording, report).add_to(rows, Annotator(home, Path(), report))
    return build_events(rows, home, report), report


def needed_columns(settings: Recording) -> list[str]:
    """Return the names of the columns that raw records must have."""
    roles = [name for names in settings.columns.values() for name in names]
    return list(dict.fromkeys([*roles, *settings.groups.values()]))


def _told_by_path(path: Path, settings: Recording) -> list[str]:
    """Return what a file's path tells of its events but for their time and session: files that differ in it are no
    copies, even if their rows are equal."""
    cells = path_cells(settings.path_columns, path.as_posix())
    roles = ("sensor", "state", "resident", "activity")
    return [cells[name] for role in roles for name in settings.columns.get(role, ()) if name in cells]


def _event_files(root: Path, home: Home) -> list[Path]:
    """Return the event files below `root`, or `root` itself if it is a file.

    Raises ValueError if there are none, or if `root` is a label file.
    """
    root, settings = Path(root), home.recording
    check_folder(root)
    labels = set(label_files(root, home))
    if root in labels:
        raise ValueError(f"{root}: a label file by `recording.intervals.files`, not events; give the folder of both")
    if root.is_file():
        return [root]
    paths = find_files(root, settings.files)
    if not settings.files:
        paths = next(
            filter(None, (find_by_suffix(root, each) for each in SUFFIXES_OF_FORMAT[settings.form.format])), []
        )
    if events := [path for path in paths if path not in labels]:
        return events
    named = f"no file matches recording.files {list(settings.files)}" if settings.files else EXPECTED
    raise ValueError(f"{root}: {named}{what_is_there(root)}")


@dataclass(frozen=True)
class _TimeColumn:
    """A column of times: its role (time, begin or end), and the arrays that `times.parse_times` returns for it.

    `state` is the state of the events at these times; '' means that it is in the column of states.
    """

    role: str
    state: str
    milliseconds: np.ndarray
    valid: np.ndarray
    utc: np.ndarray


class _BlockReader:
    """Checks and encodes the rows of one block."""

    def __init__(self, block: Block, name: str, settings: Recording, report: LoadReport):
        self._block, self._name, self._settings, self._report = block, name, settings, report

    def add_to(self, rows: EncodedRows, annotator: Annotator) -> None:
        """Add the valid rows of the block to `rows`; report the other rows as broken."""
        columns = self._settings.columns
        self._report.broken += [RowProblem(self._name, line, fault) for line, fault in self._block.faults]
        self._report.rows += len(self._block.faults)
        parsed = self._parse_times()
        valid = self._valid_rows(parsed)
        cells = self._block.cells[valid]
        joiner, count = self._settings.joiner, len(parsed)
        self._report.rows += len(cells) * count
        shared = {
            "file": np.full(len(cells), rows.files.code(self._name), dtype=np.int32),
            "line": self._block.lines[valid],
            "sensor": encode_texts(rows.sensors, joined_cells(cells, columns["sensor"], joiner)),
            "session": encode_texts(rows.sessions, joined_cells(cells, columns["session"], joiner))
            if "session" in columns
            else np.zeros(len(cells), dtype=np.int32),
            "group": self._encode_groups(cells, rows),
        }
        own = []
        lasted = parsed[-1].milliseconds[valid] - parsed[0].milliseconds[valid]
        for column in parsed:
            time, utc = column.milliseconds[valid], column.utc[valid]
            own.append(
                {
                    "time": time,
                    "utc": utc,
                    "lasted": lasted if column is parsed[-1] else -lasted,
                    "state": encode_texts(rows.states, joined_cells(cells, columns["state"], joiner))
                    if "state" in columns
                    else np.full(len(cells), rows.states.code(column.state), dtype=np.int32),
                    "annotation": annotator.encode(cells, time, utc, rows.annotations, self._name),
                }
            )
        # The events of a row follow each other.
        events: Columns = {name: np.repeat(values, count) for name, values in shared.items()}
        events |= {name: np.stack([each[name] for each in own], axis=1).ravel() for name in own[0]}
        never_ends = self._never_ends(parsed)[valid]
        if never_ends.any():
            lines = self._block.lines[valid][never_ends]
            self._report.skip(NO_END, [f"{self._name}:{line}" for line in lines[:PLACES_SHOWN]], len(lines))
            is_event = np.stack([np.ones_like(never_ends), ~never_ends], axis=1).ravel()
            events = {name: values[is_event] for name, values in events.items()}
        rows.add(**events)

    def _never_ends(self, parsed: Sequence[_TimeColumn]) -> np.ndarray:
        """Return the mask of the rows of time spans with a begin and an empty end: the sensor was on to the last."""
        never: np.ndarray = np.zeros(len(self._block.cells), dtype=bool)
        if self._settings.rows_are_intervals:
            never = parsed[0].valid & self._time_texts("end").eq("").to_numpy()
        return never

    def _encode_groups(self, cells: pd.DataFrame, rows: EncodedRows) -> np.ndarray:
        names = list(self._settings.groups.values())
        if not names:
            return np.full(len(cells), rows.groups.code(()), dtype=np.int32)
        codes, distinct = pd.factorize(pd.MultiIndex.from_frame(cells[names].apply(lambda column: column.str.strip())))
        return rows.groups.encode([tuple(values) for values in distinct], codes)

    def _parse_times(self) -> list[_TimeColumn]:
        settings = self._settings
        if settings.rows_are_intervals:
            roles = list(zip(("begin", "end"), settings.interval_states, strict=True))
        else:
            roles = [("time", "")]
        parsed = [
            _TimeColumn(
                role, state, *times.parse_times(self._time_texts(role), settings.time.format, settings.time.zone)
            )
            for role, state in roles
        ]
        if settings.rows_are_intervals:
            begin, end = parsed
            never_ends = self._never_ends(parsed)
            end = replace(
                end,
                milliseconds=np.where(never_ends, begin.milliseconds, end.milliseconds),
                valid=end.valid | never_ends,
                utc=np.where(never_ends, begin.utc, end.utc),
            )
            if set(settings.columns["begin"]) & set(settings.columns["end"]):
                shifted = times.next_day(begin.milliseconds, end.milliseconds, begin.valid & end.valid)
                end = replace(end, milliseconds=shifted)
            parsed = [begin, end]
        return parsed

    def _time_texts(self, role: str) -> pd.Series:
        return joined_cells(self._block.cells, self._settings.columns[role], " ")

    def _valid_rows(self, parsed: Sequence[_TimeColumn]) -> np.ndarray:
        """Return the mask of the rows with readable times, no end before its begin, and no empty session or group."""
        valid: np.ndarray = np.ones(len(self._block.cells), dtype=bool)
        for column in parsed:
            self._report_bad_times(column.role, valid & ~column.valid)
            valid &= column.valid
        if self._settings.rows_are_intervals:
            begin, end = parsed
            reversed_ = valid & (end.milliseconds < begin.milliseconds)
            self._report_broken(reversed_, "the interval ends before it begins")
            valid &= ~reversed_
        needed = {name: "group" for name in self._settings.groups.values()}
        needed |= dict.fromkeys(self._settings.columns.get("session", ()), "session")
        for name, what in needed.items():
            filled = self._block.cells[name].str.strip().ne("").to_numpy()
            self._report_broken(valid & ~filled, f"column {name}: no {what}")
            valid &= filled
        return valid

    def _report_bad_times(self, role: str, mask: np.ndarray) -> None:
        name, form = self._settings.columns[role][0], self._settings.time.format
        texts = self._time_texts(role)
        remedy = likely_remedy(texts, mask, form, "recording.time.format")
        for line, text in zip(self._block.lines[mask], texts[mask], strict=True):
            reason = f"column {name}: {text[:80]!r} is no time in {form}{remedy and '; '}{remedy}"
            self._report.broken.append(RowProblem(self._name, int(line), reason))
        self._report.rows += int(mask.sum())

    def _report_broken(self, mask: np.ndarray, reason: str) -> None:
        self._report.broken += [RowProblem(self._name, int(line), reason) for line in self._block.lines[mask]]
        self._report.rows += int(mask.sum())
