"""How a home's raw files are read: the `recording` part of its yaml, for the sources `table` and `casas`.

`config/schemas/home.schema.yaml` describes every key and has the defaults; here is what a schema cannot say.
"""

import codecs
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hearth.common.schemas import Problem, nearest

EPOCH_UNITS = {"seconds": 1000, "milliseconds": 1, "microseconds": 1 / 1000, "nanoseconds": 1 / 1_000_000}
DROP = "drop"


@dataclass(frozen=True)
class Intervals:
    """Labels that stand apart from the events: files of (begin, end, activity) rows; `resident` may be ''."""

    files: tuple[str, ...]
    columns: dict[str, str]


@dataclass(frozen=True)
class Recording:
    """What a home's `recording` says, checked. The schema describes each key."""

    files: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    time_format: str = "iso8601"
    time_zone: str = ""
    interval_states: tuple[str, str] = ("ON", "OFF")
    separator: str = ""
    activities: dict[str, str | None] = field(default_factory=dict)
    several: str = "first"
    unlabelled: str = DROP
    intervals: Intervals | None = None
    ignored_sensors: tuple[str, ...] = ()
    sessions: str = "file"
    gap_minutes: float = 30

    @property
    def two_ended(self) -> bool:
        """Whether a row is a time during which a sensor was on, so that it gives two events."""
        return "begin" in self.columns


def recording(raw: dict) -> Recording:
    """The settings of a `recording` that has passed its schema and `problems`."""
    plain = {key: raw[key] for key in raw.keys() & {"delimiter", "encoding", "separator", "activities", "several"}}
    listed = {key: _names(raw[key]) for key in raw.keys() & {"files", "header", "interval_states", "ignored_sensors"}}
    nested = {
        "time": {"format": "time_format", "zone": "time_zone"},
        "sessions": {"by": "sessions", "minutes": "gap_minutes"},
    }
    renamed = {
        name: raw[key][inner]
        for key, names in nested.items()
        for inner, name in names.items()
        if inner in raw.get(key, {})
    }
    intervals = raw.get("intervals")
    return Recording(
        **plain,
        **listed,
        **renamed,
        columns={role: _names(names) for role, names in raw.get("columns", {}).items() if names},
        unlabelled=raw.get("unlabelled", DROP),
        intervals=Intervals(_names(intervals["files"]), dict(intervals["columns"])) if intervals else None,
    )


def _names(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def problems(raw: dict, labels: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with a `recording` that has passed its schema; places are below `recording`."""
    columns = {role: names for role, names in raw.get("columns", {}).items() if names}
    if columns:
        yield from _column_problems(columns, raw)
    if raw.get("header"):
        for role, names in columns.items():
            for name in _names(names):
                if name not in raw["header"]:
                    yield ["columns", role], f"{name!r} is not in `header`{nearest(name, raw['header'])}"
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


def _column_problems(columns: dict, raw: dict) -> Iterator[Problem]:
    times = sorted(columns.keys() & {"time", "begin", "end"})
    if times not in (["time"], ["begin", "end"]):
        yield ["columns"], "name either `time`, or `begin` and `end` of sensors that were on for a while"
    if "sensor" not in columns:
        yield ["columns"], "`sensor` is missing: the column with the sensor's id"
    if ("state" in columns) == ("begin" in columns):
        yield ["columns"], "`state` goes with `time`; with `begin` and `end` the states are `interval_states`"
    if "activity" in columns and raw.get("intervals"):
        yield ["intervals"], "labels are either in a column (`columns.activity`) or in files of their own; remove one"
    if "activity" not in columns and not raw.get("intervals"):
        yield ["columns"], "`activity` is missing: a column of labels, or else `intervals` with files of labels"
    if raw.get("sessions", {}).get("by") == "column" and "session" not in columns:
        yield ["columns"], "`session` is missing, and sessions are by column"


def _time_problems(time: dict) -> Iterator[Problem]:
    form = time.get("format", "iso8601")
    if form not in ("iso8601", *EPOCH_UNITS):
        if "%" not in form:
            known = ["iso8601", *EPOCH_UNITS]
            yield (
                ["time", "format"],
                f"{form!r} is none of {', '.join(known)}, nor a pattern such as '%d.%m.%Y %H:%M:%S'",
            )
        elif not any(mark in form for mark in ("%d", "%j", "%x", "%c", "%D", "%F")):
            yield ["time", "format"], f"{form!r} has no day; add the date, with `columns.time: [date, time]` if need be"
    zone = time.get("zone", "")
    try:
        if zone:
            zoneinfo.ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        yield ["time", "zone"], f"unknown time zone {zone!r}; write an IANA name such as 'UTC' or 'Europe/Rome'"
