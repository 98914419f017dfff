"""The `recording` part of a home's yaml: how the sources `table` and `casas` read its raw files.

`config/schemas/home.schema.yaml` describes every key and its default. `recording_problems.py` checks rules that a
schema cannot express.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from hearth.homes.path_columns import path_column_names

# Milliseconds in each unit in which times since 1970 may be counted.
EPOCH_UNITS = {"seconds": 1000, "milliseconds": 1, "microseconds": 1 / 1000, "nanoseconds": 1 / 1_000_000}
DROP = "drop"
# Roles whose cells are joined if they have several columns.
JOINED = ("sensor", "state", "session")
# Values of `sessions.by` for which a column names the session.
BY_COLUMN = ("column", "file-column")


@dataclass(frozen=True)
class LineGroups:
    """Files in groups of lines: one line with a cell for each name in `head`, then a list for each name in `lists`."""

    head: tuple[str, ...]
    lists: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of the rows that groups are made into."""
        return (*self.head, *self.lists)


@dataclass(frozen=True)
class FileForm:
    """The form of files of rows. The schema describes each key; `key` is the part of the yaml that has them.

    `empty_rows` says whether lines of empty cells are rows; the yaml has no key for it.
    """

    key: str = "recording"
    format: str = "auto"
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    preamble: int = 0
    comments: tuple[str, ...] = ()
    short_rows: str = "broken"
    line_groups: LineGroups | None = None
    empty_rows: bool = False


@dataclass(frozen=True)
class TimeForm:
    """The format of times, and the time zone of times without an offset ('' for the home's)."""

    format: str = "iso8601"
    zone: str = ""


@dataclass(frozen=True)
class Intervals:
    """Label files beside the event files; each of their rows gives the activity of a time span.

    `files` holds glob patterns. `columns` maps "begin", "activity" and, optionally, "end" and "resident" to their
    columns. Without "end", an activity holds until the next one, for `hold_hours` at most.
    """

    files: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    form: FileForm = FileForm()
    time: TimeForm = TimeForm()
    separator: str = ""
    path_columns: str = ""
    column_aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    hold_hours: float = 24


@dataclass(frozen=True)
class LabelRows:
    """Rows among the events that label: those of `sensor`, whose state is `begin` or `end` followed by an activity.

    If both are '', the state is the activity up to the next such row.
    """

    sensor: str
    begin: str = ""
    end: str = ""


@dataclass(frozen=True)
class Wide:
    """Tables with a column for each sensor. `start` is '' if a column has the times."""

    sensors: tuple[str, ...]
    start: str = ""
    seconds: float = 1


@dataclass(frozen=True)
class Recording:
    """The checked content of a home's `recording`. The schema describes each key; `keys` are those that the yaml sets.

    A key within a key has dots: `time.zone`.
    """

    files: tuple[str, ...] = ()
    form: FileForm = FileForm()
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    path_columns: str = ""
    column_aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    joiner: str = " "
    time: TimeForm = TimeForm()
    label_rows: LabelRows | None = None
    wide: Wide | None = None
    interval_states: tuple[str, ...] = ("ON", "OFF")
    separator: str = ""
    activities: dict[str, str | None] = field(default_factory=dict)
    several: str = "first"
    equal_rows: str = "separate"
    unlabelled: str = DROP
    intervals: Intervals | None = None
    ignored_sensors: tuple[str, ...] = ()
    ignored_states: tuple[str, ...] = ()
    ignored_files: tuple[str, ...] = ()
    repeated_states: str = "keep"
    groups: dict[str, str] = field(default_factory=dict)
    sessions: str = "file"
    gap_minutes: float = 30
    keys: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def rows_are_intervals(self) -> bool:
        """Whether each row is a time span in which a sensor was on, and so gives two events."""
        return "begin" in self.columns

    @property
    def starts_in_path(self) -> bool:
        """Whether the path of a file of a wide table has the time of its first row."""
        names = self.columns.get("time", ())
        return self.wide is not None and bool(names) and set(names) <= set(path_column_names(self.path_columns))

    @property
    def sessions_in_column(self) -> bool:
        """Whether a column names the session of each row."""
        return self.sessions in BY_COLUMN


def parse_recording(raw: Mapping[str, Any]) -> Recording:
    """Return the settings in `raw`, which must be valid by the schema and have no `recording_problems`."""
    texts = {
        "joiner",
        "separator",
        "activities",
        "several",
        "unlabelled",
        "groups",
        "path_columns",
        "repeated_states",
        "equal_rows",
    }
    settings: dict[str, Any] = {key: raw[key] for key in raw.keys() & texts}
    for key in raw.keys() & {"files", "interval_states", "ignored_sensors", "ignored_states", "ignored_files"}:
        settings[key] = as_tuple(raw[key])
    for key, name in {"by": "sessions", "minutes": "gap_minutes"}.items():
        if key in raw.get("sessions", {}):
            settings[name] = raw["sessions"][key]
    form, time = _parse_form(raw), TimeForm(**raw.get("time", {}))
    intervals, label_rows, wide = (raw.get(key) for key in ("intervals", "label_rows", "wide"))
    return Recording(
        **settings,
        form=form,
        time=time,
        columns={role: as_tuple(names) for role, names in raw.get("columns", {}).items() if names},
        column_aliases=_aliases(raw),
        label_rows=LabelRows(**label_rows) if label_rows else None,
        wide=Wide(**(wide | {"sensors": as_tuple(wide["sensors"])})) if wide else None,
        intervals=Intervals(
            as_tuple(intervals["files"]),
            {role: as_tuple(names) for role, names in intervals["columns"].items() if names},
            # Label files have columns of their own, and so lines above their rows of their own.
            _parse_form(intervals, replace(form, header=(), preamble=0, line_groups=None, key="recording.intervals")),
            replace(time, **{key: text for key, text in intervals.get("time", {}).items() if text is not None}),
            raw.get("separator", "") if intervals.get("separator") is None else intervals["separator"],
            column_aliases=_aliases(intervals),
            **{key: intervals[key] for key in intervals.keys() & {"path_columns", "hold_hours"}},
        )
        if intervals
        else None,
        keys=frozenset(_dotted_keys(raw)),
    )


def _aliases(raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {column: tuple(names) for column, names in raw.get("column_aliases", {}).items()}


def _parse_form(raw: Mapping[str, Any], default: FileForm = FileForm()) -> FileForm:
    """Return the form of files that the keys of `raw` describe; those that it lacks are as in `default`."""
    given = {each.name: raw[each.name] for each in fields(FileForm) if raw.get(each.name) is not None}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    if groups := given.get("line_groups"):
        given["line_groups"] = LineGroups(tuple(groups["head"]), tuple(groups["lists"]))
    return FileForm(**vars(default) | given)


def _dotted_keys(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of `recording` that are set; keys of its objects with the name of the object and a dot."""
    for key, value in raw.items():
        if isinstance(value, Mapping) and key not in ("activities", "groups", "column_aliases"):
            yield from (f"{key}.{inner}" for inner in value)
        else:
            yield key


def as_tuple(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names that a key gives, which may be one text or a list."""
    return (value,) if isinstance(value, str) else tuple(value)
