"""Events as they come, of homes that nobody labels: lines of a table one by one, and recordings without labels."""

import dataclasses
from pathlib import Path

import pandas as pd

from hearth.data.events import LoadReport
from hearth.data.sources import SOURCES, table, tabular
from hearth.data.sources.csv_rows import RowError
from hearth.homes.home import Home

FORMS = ("csv", "jsonl")
# Sources that take labels from where the home's yaml says.
_DESCRIBED = ("table", "casas")


def unlabelled(home: Home) -> Home:
    """The home as its events are read when they have no labels: who did what is not looked for."""
    settings = home.recording
    columns = {role: names for role, names in settings.columns.items() if role not in ("activity", "resident")}
    # The event table has a label for every event; this one nobody looks at.
    recording = dataclasses.replace(settings, columns=columns, intervals=None, unlabelled=home.labels[0])
    return dataclasses.replace(home, recording=recording)


def recorded(source: str, root: Path, home: Home) -> tuple[list[dict], LoadReport]:
    """All events of a recording, in order, and what became of its rows. Raises ValueError like the source."""
    frame, report = SOURCES[source](root, unlabelled(home) if source in _DESCRIBED else home)
    return events_of(frame), report


def events_of(frame: pd.DataFrame) -> list[dict]:
    """The events of a table, one mapping each: session, time, room, sensor, state, description."""
    names = ("session", "time", "room", "sensor", "state", "description")
    columns = [frame[name].tolist() for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


class Lines:
    """The lines of a table (CSV, or JSON objects) of a home, read one by one as its `recording` says.

    The first line of CSV has the names of the columns unless `recording.header` does. Raises ValueError where columns
    are missing, and for a home whose rows come when they are over.
    """

    def __init__(self, home: Home, form: str, name: str = "stdin"):
        self._home = unlabelled(home)
        settings = self._home.recording
        if not settings.columns:
            raise ValueError(f"home {home.name}: `recording.columns` is missing: say which column has what")
        if settings.two_ended:
            raise ValueError(
                f"home {home.name}: rows with a begin and an end come when they are over; read them from a file"
            )
        self._pause = None
        if settings.sessions == "gap":
            self._pause = pd.Timedelta(minutes=settings.gap_minutes)
            self._home = dataclasses.replace(self._home, recording=dataclasses.replace(settings, sessions="file"))
        self._form, self._name, self._number = form, name, 0
        self._columns = table.needed_columns(settings)
        self._header = list(settings.header)
        self._session, self._last = 1, None

    def read(self, line: bytes) -> tuple[list[dict], list[str]]:
        """(events, what is wrong) of the next line; a blank line and a header have neither."""
        self._number += 1
        settings = self._home.recording
        line = line.rstrip(b"\r\n")
        if self._number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            return [], []
        if self._form == "jsonl":
            block = tabular.json_block(line, self._columns, self._number)
        elif not self._header:
            self._header = tabular.header_of(line, self._columns, settings.delimiter, settings.encoding, self._name)
            return [], []
        else:
            block = tabular.delimited_block(line, self._header, self._number, settings.delimiter, settings.encoding)
        try:
            frame, report = table.read_block(block, self._name, self._home)
        except RowError as fault:
            return [], [f"{self._name}:{self._number}: {fault}"]
        return self._in_sessions(events_of(frame)), [str(problem) for problem in report.broken]

    def _in_sessions(self, events: list[dict]) -> list[dict]:
        """The events, a pause that ends a session taken into account."""
        if self._pause is None:
            return events
        for event in events:
            if self._last is not None and event["time"] - self._last > self._pause:
                self._session += 1
            self._last = event["time"]
            event["session"] = str(self._session)
        return events
