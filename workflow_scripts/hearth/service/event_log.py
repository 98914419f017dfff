"""Keep all events of a home with the corrections of its people, as a dataset for the next student.

The folder has `events/<year>-<month>.csv`, `labels.csv` (periods that people labelled), `home.yaml`, which describes
these files for the source `table`, and `corrections.jsonl`, of which `labels.csv` is made. Deleting files of `events`
forgets these months.
"""

import csv
import dataclasses
import io
import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from hearth.common.files import iterate_json_lines, json_line, write_text
from hearth.common.schemas import read_yaml
from hearth.homes.home import load_home
from hearth.service.corrections import (
    Correction,
    CorrectionError,
    LabelledPeriod,
    LoggedEvent,
    from_record,
    label_periods,
    read_correction,
    resolve,
    select_events,
    shown_events,
    to_record,
)
from hearth.service.messages import AnsweredWindow

EVENTS, LABELS, CORRECTIONS, HOME = "events", "labels.csv", "corrections.jsonl", "home.yaml"
_COLUMNS = ("time", "sensor", "state", "event", "window", "answer", "confidence")
_STEP = timedelta(milliseconds=1)  # the resolution of times in event tables
_NUDGED = timedelta(seconds=1)
_LONGEST_LINE = 65_536  # bytes
_REDELIVERED = 100  # corrections among which one is looked for that the broker delivers again
_LABEL_COLUMNS = ("begin", "end", "activity")
_RECORDING = {
    "files": f"{EVENTS}/*.csv",
    "columns": {"time": "time", "sensor": "sensor", "state": "state"},
    "intervals": {"files": LABELS, "columns": {name: name for name in _LABEL_COLUMNS}},
    "unlabelled": "drop",
    "sessions": {"by": "day"},
    "ignored_files": [CORRECTIONS],
}


class EventLog:
    """The event log in `folder` of the home whose yaml is `home`. Threads may share it.

    Adding a window again, as after a restart, changes nothing.
    """

    def __init__(self, folder: Path, home: Path):
        self._folder, self._home = folder, load_home(home)
        self._lock = threading.Lock()
        # From the state in words, which events of a service have, to that of the data. States of the same words are the
        # same in prompts.
        self._states = {
            sensor: {words: state for state, words in reversed(spec.states.items())}
            for sensor, spec in self._home.sensors.items()
        }
        (folder / EVENTS).mkdir(parents=True, exist_ok=True)
        for path in [*self._months(), folder / CORRECTIONS]:
            _cut_torn_line(path)
        described = read_yaml(home) | {"recording": _RECORDING}
        write_text(folder / HOME, yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=110))
        self._write_labels()
        last = self._last_event()
        self.last_window, self._last = (last.window, last.event) if last else (0, 0)
        self._last_time = last.time if last else datetime.min

    def add(self, window: AnsweredWindow) -> None:
        """Add the events of an answered window that the log does not have yet; they are on the disk afterwards."""
        months: dict[Path, list[dict[str, object]]] = {}
        with self._lock:
            for event in window["events"]:
                if event["event"] <= self._last:
                    continue
                time = self._own_time(datetime.fromisoformat(event["time"]))
                row = {
                    "time": time.isoformat(timespec="milliseconds"),
                    "sensor": event["sensor"],
                    "state": self._states.get(event["sensor"], {}).get(event["state"], event["state"]),
                    "event": event["event"],
                    "window": window["window"],
                    "answer": event["label"],
                    "confidence": event.get("confidence"),
                }
                months.setdefault(self._folder / EVENTS / f"{time:%Y-%m}.csv", []).append(row)
            for path, rows in months.items():
                _append_rows(path, rows)
            self.last_window = window["window"]
            self._last = max(self._last, *(event["event"] for event in window["events"]))

    def _own_time(self, time: datetime) -> datetime:
        """Return the time of the next event in the log: a millisecond after the last one if it is not later.

        Labels are those of periods, so two events of one time could have no labels of their own. A time that goes back
        by more is that of a clock that was put back.
        """
        time = time.replace(microsecond=time.microsecond // 1000 * 1000)
        if timedelta(0) <= self._last_time - time < _NUDGED:
            time = self._last_time + _STEP
        self._last_time = time
        return time

    def correct(self, payload: bytes, now: datetime, packet: int = 0) -> Correction:
        """Add the correction of a message, which came `now` (UTC), and return it with the label that is now right.

        This is the label of the last of its events; None if the correction takes labels back. `packet` is the packet
        identifier of the message, by which `has_correction` knows it; 0 for none. Raises CorrectionError.
        """
        correction = read_correction(payload, self._home)
        with self._lock:
            events = shown_events(correction, self._read_events(correction))
            periods = label_periods(correction, events)
            record = {
                "received": now.isoformat(timespec="milliseconds"),
                "said": payload.decode(),
                "events": [events[0].event, events[-1].event],
                "answers": list(dict.fromkeys(event.answer for event in events)),
                "periods": [to_record(period) for period in periods],
            } | ({"packet": packet} if packet else {})
            _append(self._folder / CORRECTIONS, json_line(record))
            self._write_labels()
        return dataclasses.replace(correction, label=periods[-1].label)

    def has_correction(self, payload: bytes, packet: int) -> bool:
        """Return whether one of the last corrections is of a message with this payload and packet identifier."""
        path = self._folder / CORRECTIONS
        with self._lock:
            records = deque(iterate_json_lines(path) if path.exists() else (), maxlen=_REDELIVERED)
        said = payload.decode("utf-8", "replace")
        return any((record["said"], record.get("packet", 0)) == (said, packet) for record in records)

    def _months(self) -> list[Path]:
        """Return the files of events by month."""
        return sorted((self._folder / EVENTS).glob("*.csv"))

    def _last_event(self) -> LoggedEvent | None:
        """Return the last event of the log, which a wrong clock may have put into any month; None if it is empty."""
        lasts = (event for path in self._months() for event in _parse_rows(path, _last_line(path), _COLUMNS))
        return max(lasts, key=lambda event: event.event, default=None)

    def _read_events(self, correction: Correction) -> list[LoggedEvent]:
        """Return the events of the log that a correction may mean; of the last window, if it names no other."""
        if correction.is_shown:
            correction = dataclasses.replace(correction, window=self.last_window)
        events: list[LoggedEvent] = []
        for path in reversed(self._months()):
            events[:0] = select_events(correction, _read_month(path))
            first = next(iter(_read_month(path)), None)
            if first is not None and _is_complete(events, first, correction):
                break
        return events

    def _write_labels(self) -> None:
        """Write the labels of periods from the corrections."""
        path = self._folder / CORRECTIONS
        records = iterate_json_lines(path) if path.exists() else iter(())
        periods = resolve(from_record(period) for record in records for period in record["periods"])
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(_LABEL_COLUMNS)
        rows.writerows(_label_row(period) for period in periods)
        write_text(self._folder / LABELS, text.getvalue())


def _is_complete(events: Sequence[LoggedEvent], first: LoggedEvent, correction: Correction) -> bool:
    """Return whether no earlier month has more of the events that a correction names.

    `events` are those that were found, and `first` is the first event of the last month that was read. Numbers increase
    from month to month only if the machine's clock was always right.
    """
    if correction.begin is not None:
        return first.time < correction.begin
    if correction.event is not None:
        return bool(events)
    return bool(events) and correction.window is not None and first.window < correction.window


def _label_row(period: LabelledPeriod) -> tuple[str | None, ...]:
    record = to_record(period)
    return record["begin"], record["end"], record["label"]


def _read_month(path: Path) -> Iterator[LoggedEvent]:
    """Yield the events of a month's file. Raises CorrectionError if somebody has changed the file."""
    with open(path, encoding="utf-8", newline="") as lines:
        yield from _parse_rows(path, lines)


def _last_line(path: Path) -> list[str]:
    """Return the last line of a month's file, in a list, which is empty if there is none below the names."""
    with open(path, "rb") as file:
        names = file.readline()
        file.seek(max(len(names), path.stat().st_size - _LONGEST_LINE))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return lines[-1:]


def _parse_rows(path: Path, lines: Iterable[str], columns: Sequence[str] | None = None) -> Iterator[LoggedEvent]:
    """Yield the events of lines; the first of them has the names of the columns, unless they are given."""
    for row in csv.DictReader(lines, columns):
        try:
            time, answer = datetime.fromisoformat(row["time"]), row["answer"] or None
            yield LoggedEvent(int(row["window"]), int(row["event"]), time, row["sensor"], row["state"], answer)
        except (KeyError, ValueError, TypeError):
            raise CorrectionError(f"{path}: a row of this file was changed: {json.dumps(row)}") from None


def _append_rows(path: Path, rows: Iterable[dict[str, object]]) -> None:
    """Append rows to a month's file, with the names of the columns if it is new."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    if not path.exists() or path.stat().st_size == 0:
        writer.writeheader()
    writer.writerows(rows)
    _append(path, text.getvalue().encode("utf-8"))


def _append(path: Path, data: bytes) -> None:
    """Append bytes to a file; they are on the disk afterwards."""
    with open(path, "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _cut_torn_line(path: Path) -> None:
    """Remove the end of a file that a loss of power left in the middle of a line."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        is_torn = file.read(1) != b"\n"
    if is_torn:
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
