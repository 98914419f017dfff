"""Read events without labels, from recordings or from lines of a table as they arrive."""

import codecs
import dataclasses
from pathlib import Path

import pandas as pd

from hearth.data.events import StreamEvent
from hearth.data.load_report import LoadReport
from hearth.data.sources import table
from hearth.data.sources.csv_rows import RowError
from hearth.data.sources.delimited import DelimitedTable
from hearth.data.sources.json_records import parse_json_block
from hearth.data.sources.registry import SOURCES, read
from hearth.data.sources.text_lines import is_wide, to_utf8
from hearth.homes.home import Home

FORMATS = ("csv", "jsonl")


def without_labels(home: Home) -> Home:
    """Return a copy of the home whose `recording` reads neither activities, residents nor groups."""
    settings = home.recording
    columns = {role: names for role, names in settings.columns.items() if role not in ("activity", "resident")}
    label_sensor = (settings.label_rows.sensor,) if settings.label_rows else ()
    recording = dataclasses.replace(
        settings,
        columns=columns,
        groups={},
        intervals=None,
        label_rows=None,
        ignored_sensors=(*settings.ignored_sensors, *label_sensor),
        # The event table needs a label for every event; nothing reads this one.
        unlabelled=home.labels[0],
    )
    return dataclasses.replace(home, recording=recording)


def read_recording(source: str, root: Path, home: Home) -> tuple[list[StreamEvent], LoadReport]:
    """Return a pair: all events of the recording in `root`, in order, and the loader's report.

    Raises ValueError where the loader of `source` does.
    """
    events, report = read(source, root, without_labels(home) if SOURCES[source].reads_recording else home)
    return stream_events(events), report


def stream_events(events: pd.DataFrame) -> list[StreamEvent]:
    """Return the rows of an event table without labels and residents."""
    columns = (events[name].tolist() for name in ("session", "time", "room", "sensor", "state", "description"))
    return [
        StreamEvent(session=session, time=time, room=room, sensor=sensor, state=state, description=description)
        for session, time, room, sensor, state, description in zip(*columns, strict=True)
    ]


class LineReader:
    """Reads the lines of a table (CSV or JSON objects) one by one, as the home's `recording` says.

    The first line of CSV is the header unless `recording.header` names the columns.
    """

    def __init__(self, home: Home, form: str, name: str = "stdin"):
        """`form` is one of `FORMATS`; `name` stands for the file in errors.

        Raises ValueError if `recording.columns` is missing, if rows are intervals, which arrive only at their end, if
        the table is wide or has rows across lines, or if the encoding has several bytes even for a line end.
        """
        self._home = without_labels(home)
        settings = self._home.recording
        if settings.wide:
            raise ValueError(f"home {home.name}: rows of a wide table are states, not events; read them from a file")
        if settings.form.line_groups:
            raise ValueError(f"home {home.name}: rows are written across lines (line_groups); read them from a file")
        if not settings.columns:
            raise ValueError(f"home {home.name}: `recording.columns` is missing: name the column of each role")
        if settings.rows_are_intervals:
            raise ValueError(
                f"home {home.name}: rows with a begin and an end arrive only at their end; read them from a file"
            )
        self._pause: pd.Timedelta | None = None
        if settings.sessions == "gap":
            self._pause = pd.Timedelta(minutes=settings.gap_minutes)
            self._home = dataclasses.replace(self._home, recording=dataclasses.replace(settings, sessions="file"))
        self._form, self._name, self._number = form, name, 0
        self._columns = table.needed_columns(settings)
        self._encoding = settings.form.encoding
        if is_wide(self._encoding):
            raise ValueError(f"home {home.name}: lines in {self._encoding} cannot be read one by one; send UTF-8")
        self._table = DelimitedTable(name, self._columns, settings.form)
        self._session = 1
        self._states: dict[tuple[str, str], str] = {}  # last state of each sensor, in each session of a column
        self._last: pd.Timestamp | None = None

    def read(self, line: bytes) -> tuple[list[StreamEvent], list[str]]:
        """Return a pair for the next line: its events, and the texts of its faults.

        Both are empty for a blank line, a comment and the header. Raises ValueError for a header that lacks columns.
        """
        self._number += 1
        line = to_utf8(line.rstrip(b"\r\n"), self._encoding)
        if self._number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if self._form == "jsonl":
            block = parse_json_block(line, self._columns, self._number)
        else:
            block = self._table.read(line + b"\n")
        try:
            events, report = table.read_block(block, self._name, self._home)
        except RowError as fault:
            return [], [f"{self._name}:{self._number}: {fault}"]
        news = [event for event in stream_events(events) if not self._is_repeated(event)]
        return self._set_sessions(news), [str(problem) for problem in report.broken]

    def _is_repeated(self, event: StreamEvent) -> bool:
        """Return whether an event is to be left out, since it repeats its sensor's last state; keep its state."""
        settings = self._home.recording
        if settings.repeated_states == "keep":
            return False
        key = (event["session"] if settings.sessions_in_column else "", event["sensor"])
        last, self._states[key] = self._states.get(key), event["state"]
        return last == event["state"]

    def _set_sessions(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Return `events`; if sessions end at pauses (`sessions.by: gap`), set their sessions to 1, 2, 3, ..."""
        if self._pause is None:
            return events
        for event in events:
            if self._last is not None and event["time"] - self._last > self._pause:
                self._session += 1
            self._last = event["time"]
            event["session"] = str(self._session)
        return events
