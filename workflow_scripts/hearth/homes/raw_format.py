"""The `recording` part of a home's yaml: how the sources `table` and `casas` read its raw files.

`config/schemas/home.schema.yaml` describes every key and its default. This module also checks rules that a schema
cannot express.
"""

import codecs
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hearth.common.schemas import Problem, nearest

# Milliseconds in each unit in which times since 1970 may be counted.
EPOCH_UNITS = {"seconds": 1000, "milliseconds": 1, "microseconds": 1 / 1000, "nanoseconds": 1 / 1_000_000}
DROP = "drop"
_DAY_CODES = ("%d", "%j", "%x", "%c", "%D", "%F")


@dataclass(frozen=True)
class Intervals:
    """Label files beside the event files; each of their rows gives the activity of a time span.

    `files` holds glob patterns. `columns` maps "begin", "end", "activity" and, optionally, "resident" to column names.
    """

    files: tuple[str, ...]
    columns: dict[str, str]


@dataclass(frozen=True)
class Recording:
    """The checked content of a home's `recording`. The schema describes each key."""

    files: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    time_format: str = "iso8601"
    time_zone: str = ""
    interval_states: tuple[str, ...] = ("ON", "OFF")
    separator: str = ""
    activities: dict[str, str | None] = field(default_factory=dict)
    several: str = "first"
    unlabelled: str = DROP
    intervals: Intervals | None = None
    ignored_sensors: tuple[str, ...] = ()
    groups: dict[str, str] = field(default_factory=dict)
    sessions: str = "file"
    gap_minutes: float = 30

    @property
    def rows_are_intervals(self) -> bool:
        """Whether each row is a time span in which a sensor was on, and so gives two events."""
        return "begin" in self.columns


def parse_recording(raw: Mapping[str, Any]) -> Recording:
    """Return the settings in `raw`, which must be valid by the schema and have no `recording_problems`."""
    settings: dict[str, Any] = {
        key: raw[key] for key in raw.keys() & {"delimiter", "encoding", "separator", "activities", "several", "groups"}
    }
    for key in raw.keys() & {"files", "header", "interval_states", "ignored_sensors"}:
        settings[key] = _as_tuple(raw[key])
    nested = {
        "time": {"format": "time_format", "zone": "time_zone"},
        "sessions": {"by": "sessions", "minutes": "gap_minutes"},
    }
    for key, names in nested.items():
        for inner, name in names.items():
            if inner in raw.get(key, {}):
                settings[name] = raw[key][inner]
    intervals = raw.get("intervals")
    return Recording(
        **settings,
        columns={role: _as_tuple(names) for role, names in raw.get("columns", {}).items() if names},
        unlabelled=raw.get("unlabelled", DROP),
        intervals=Intervals(_as_tuple(intervals["files"]), dict(intervals["columns"])) if intervals else None,
    )


def _as_tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def recording_problems(raw: Mapping[str, Any], labels: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of `raw`, which must be valid by the schema; their keys are relative to `recording`."""
    columns = {role: names for role, names in raw.get("columns", {}).items() if names}
    if columns:
        yield from _column_problems(columns, raw)
    if raw.get("header"):
        roles = {("columns", role): names for role, names in columns.items()}
        for place, names in (roles | {("groups", key): name for key, name in raw.get("groups", {}).items()}).items():
            for name in _as_tuple(names):
                if name not in raw["header"]:
                    yield [*place], f"{name!r} is not in `header`{nearest(name, raw['header'])}"
    try:
        codecs.lookup(raw.get("encoding", "utf-8"))
    except LookupError:
        yield ["encoding"], f"unknown encoding {raw['encoding']!r}; write utf-8, latin-1 or cp1252"
    yield from _time_problems(raw.get("time", {}))
    for name, label in raw.get("activities", {}).items():
        if label is not None and label not in labels:
            yield ["activities", name], f"unknown label {label!r}{nearest(label, labels)}"
    unlabelled = raw.get("unlabelled", DROP)
    if unlabelled != DROP and unlabelled not in labels:
        yield ["unlabelled"], f"{unlabelled!r} is neither drop nor a label{nearest(unlabelled, [DROP, *labels])}"


def _column_problems(columns: Mapping[str, str | list[str]], raw: Mapping[str, Any]) -> Iterator[Problem]:
    times = sorted(columns.keys() & {"time", "begin", "end"})
    if times not in (["time"], ["begin", "end"]):
        yield ["columns"], "name either `time`, or `begin` and `end` if a row is a time span in which a sensor was on"
    if "sensor" not in columns:
        yield ["columns"], "`sensor` is missing: the column with the sensor's id"
    if ("state" in columns) == ("begin" in columns):
        yield ["columns"], "name `state` with `time`, not with `begin` and `end`: their states are in `interval_states`"
    if "activity" in columns and raw.get("intervals"):
        yield ["intervals"], "labels are in a column (`columns.activity`) and in label files (`intervals`); remove one"
    if "activity" not in columns and not raw.get("intervals"):
        yield ["columns"], "`activity` is missing: name a column of labels, or label files in `intervals`"
    if raw.get("sessions", {}).get("by") == "column" and "session" not in columns:
        yield ["columns"], "`session` is missing, but `sessions.by` is column"


def _time_problems(time: Mapping[str, str]) -> Iterator[Problem]:
    form = time.get("format", "iso8601")
    known = ("iso8601", *EPOCH_UNITS)
    if form not in known:
        if "%" not in form:
            message = f"{form!r} is neither one of {', '.join(known)} nor a pattern such as '%d.%m.%Y %H:%M:%S'"
            yield ["time", "format"], message
        elif not any(code in form for code in _DAY_CODES):
            yield ["time", "format"], f"{form!r} has no day; add it, with `columns.time: [date, time]` for two columns"
    zone = time.get("zone", "")
    try:
        if zone:
            zoneinfo.ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        yield ["time", "zone"], f"unknown time zone {zone!r}; write an IANA name such as 'UTC' or 'Europe/Rome'"
