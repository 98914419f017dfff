"""Find mistakes in the `recording` part of a home's yaml that its schema cannot express."""

import re
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hearth.common.schemas import Problem, nearest
from hearth.homes.path_columns import path_column_names, path_column_problems
from hearth.homes.raw_format import BY_COLUMN, DROP, EPOCH_UNITS, JOINED, as_tuple

_CSV_KEYS = ("delimiter", "header", "preamble", "comments", "short_rows", "line_groups")
# By format, the keys of files that have no effect.
_UNUSED_BY_FORMAT = {
    "tsv": ("delimiter",),
    "json-lines": _CSV_KEYS,
    "home-assistant": _CSV_KEYS,
    "openhab": _CSV_KEYS,
    "parquet": (*_CSV_KEYS, "encoding"),
}
_DAY_CODES = ("%d", "%j", "%x", "%c", "%D", "%F")


def recording_problems(raw: Mapping[str, Any], labels: Sequence[str]) -> Iterator[Problem]:
    """Yield the problems of `raw`, which must be valid by the schema; their keys are relative to `recording`."""
    columns = {role: names for role, names in raw.get("columns", {}).items() if names}
    wide, intervals = raw.get("wide"), raw.get("intervals")
    if columns or wide:
        yield from _column_problems(columns, raw)
    yield from _unused_key_problems(columns, raw)
    roles = {("columns", role): names for role, names in columns.items()}
    roles |= {("groups", key): name for key, name in raw.get("groups", {}).items()}
    yield from _header_problems(roles, raw)
    yield from _line_group_problems(roles, raw)
    yield from _encoding_problems(raw)
    yield from _time_problems(raw.get("time", {}))
    if wide:
        yield from _wide_problems(wide, columns, raw)
    if intervals:
        label_roles = {("columns", role): name for role, name in intervals["columns"].items() if name}
        time = {key: text for key, text in intervals.get("time", {}).items() if text is not None}
        for problems in (
            _header_problems(label_roles, intervals),
            _encoding_problems(intervals),
            _time_problems(time),
            _hold_problems(intervals),
        ):
            yield from ((["intervals", *below], message) for below, message in problems)
    for name, label in raw.get("activities", {}).items():
        if label is not None and label not in labels:
            yield ["activities", name], f"unknown label {label!r}{nearest(label, labels)}"
    unlabelled = raw.get("unlabelled", DROP)
    if unlabelled != DROP and unlabelled not in labels:
        yield ["unlabelled"], f"{unlabelled!r} is neither drop nor a label{nearest(unlabelled, [DROP, *labels])}"


def _header_problems(roles: Mapping[tuple[str, str], str | list[str]], raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of columns with a role that `header`, `path_columns` or `column_aliases` contradict."""
    header, aliases = raw.get("header", []), raw.get("column_aliases", {})
    used = {name for names in roles.values() for name in as_tuple(names)}
    pattern = raw.get("path_columns", "")
    if pattern:
        yield from path_column_problems(pattern, used)
    given = path_column_names(pattern)
    for place, names in roles.items() if header else ():
        for name in as_tuple(names):
            if name not in [*header, *given]:
                yield [*place], f"{name!r} is not in `header`{nearest(name, header)}"
    for name, others in aliases.items():
        if name not in used or name in given:
            yield ["column_aliases", name], f"no role has the column {name!r} of a file{nearest(name, used)}"
        for other in others:
            if other in used:
                yield ["column_aliases", name], f"{other!r} has a role itself; remove it from one of the two"


def _hold_problems(intervals: Mapping[str, Any]) -> Iterator[Problem]:
    if "hold_hours" in intervals and intervals["columns"].get("end"):
        yield ["hold_hours"], "unused: activities end at `columns.end`; remove one"


def _line_group_problems(roles: Mapping[tuple[str, str], str | list[str]], raw: Mapping[str, Any]) -> Iterator[Problem]:
    if not (groups := raw.get("line_groups")):
        return
    names = [*groups["head"], *groups["lists"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield ["line_groups"], f"{name!r} is named more than once; each name is a column"
    for place, wanted in roles.items():
        for name in as_tuple(wanted):
            if name not in names:
                yield [*place], f"{name!r} is not in `line_groups`{nearest(name, names)}"
    for key in ("header", "preamble", "comments", "short_rows", "wide"):
        if raw.get(key):
            yield [key], "unused with `line_groups`, which name the columns and use each line; remove it"


def _encoding_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        "a".encode(raw.get("encoding") or "utf-8")  # Unlike codecs.lookup, this also refuses rot13 and the like.
    except LookupError:
        yield ["encoding"], f"unknown encoding {raw['encoding']!r}; write utf-8, utf-16, latin-1 or cp1252"


def _column_problems(columns: Mapping[str, str | list[str]], raw: Mapping[str, Any]) -> Iterator[Problem]:
    wide = raw.get("wide")
    times = sorted(columns.keys() & {"time", "begin", "end"})
    if wide:
        for role in sorted(columns.keys() & {"sensor", "state", "begin", "end"}):
            yield ["columns", role], "a table with a column for each sensor (`wide`) has no such column; remove one"
    else:
        if times not in (["time"], ["begin", "end"]):
            yield (
                ["columns"],
                "name either `time`, or `begin` and `end` if a row is a time span in which a sensor was on",
            )
        if "sensor" not in columns:
            yield ["columns"], "`sensor` is missing: the column with the sensor's id"
        if ("state" in columns) == ("begin" in columns):
            yield (
                ["columns"],
                "name `state` with `time`, not with `begin` and `end`: their states are in `interval_states`",
            )
    labels = [
        name
        for name, is_given in {
            "a column (`columns.activity`)": "activity" in columns,
            "label files (`intervals`)": raw.get("intervals"),
            "rows among the events (`label_rows`)": raw.get("label_rows"),
        }.items()
        if is_given
    ]
    if len(labels) > 1:
        yield ["columns"], f"labels are in {' and in '.join(labels)}; remove all but one"
    if not labels:
        yield (
            ["columns"],
            "`activity` is missing: name a column of labels, or label files in `intervals`, or `label_rows`",
        )
    if raw.get("label_rows") and (wide or "begin" in columns):
        yield ["label_rows"], "only rows with one time, a sensor and a state can label what follows; remove this key"
    if (marks := raw.get("label_rows")) and bool(marks.get("begin")) != bool(marks.get("end")):
        yield ["label_rows"], "name both `begin` and `end`, or neither if the state alone is the activity"
    if raw.get("sessions", {}).get("by") in BY_COLUMN and "session" not in columns:
        yield ["columns"], f"`session` is missing, but `sessions.by` is {raw['sessions']['by']}"


def _unused_key_problems(columns: Mapping[str, str | list[str]], raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each key that has no effect beside the other keys."""
    sessions, time = raw.get("sessions", {}), raw.get("time", {})
    by = sessions.get("by", "file")
    joined = [role for role in JOINED if not isinstance(columns.get(role, ""), str) and len(columns[role]) > 1]
    if "interval_states" in raw and "begin" not in columns:
        yield ["interval_states"], "unused without `columns.begin`: rows with a time have states; remove it"
    if "joiner" in raw and not joined:
        yield ["joiner"], f"unused: no {', '.join(JOINED)} has several columns; remove it"
    if "minutes" in sessions and by != "gap":
        yield ["sessions", "minutes"], f"unused with `sessions.by: {by}`; remove it, or set `by: gap`"
    if "session" in columns and by not in BY_COLUMN:
        yield ["columns", "session"], f"unused with `sessions.by: {by}`; remove it, or set `by: column`"
    if time.get("zone") and time.get("format") in EPOCH_UNITS:
        yield ["time", "zone"], f"unused: {time['format']} since 1970 are in UTC; remove it"
    if time and raw.get("wide") and "time" not in columns and not raw.get("intervals"):
        yield ["time"], "unused: no column has times (`wide.start`); remove it"
    for place, form in (([], raw), (["intervals"], raw.get("intervals") or {})):
        for key in _UNUSED_BY_FORMAT.get(form.get("format") or "auto", ()):
            if form.get(key):
                yield [*place, key], f"unused: files of the format {form['format']} need none; remove it"


def _wide_problems(
    wide: Mapping[str, Any], columns: Mapping[str, str | list[str]], raw: Mapping[str, Any]
) -> Iterator[Problem]:
    start = wide.get("start", "")
    given = path_column_names(raw.get("path_columns", ""))
    if "time" in columns and set(as_tuple(columns["time"])) <= set(given):
        if start:
            yield ["wide", "start"], "unused: the path has the time of the first row (`columns.time`); remove one"
        if raw.get("time", {}).get("zone"):
            yield ["time", "zone"], "unused: the time in a path is on the home's clock; remove it"
    elif "time" in columns:
        for key in sorted(wide.keys() & {"start", "seconds"}):
            yield ["wide", key], "unused: the times are in `columns.time`; remove one"
    elif not start:
        yield ["wide"], "no times: name their column in `columns.time`, or the time of the first row in `start`"
    else:
        try:
            datetime.strptime(start, "%Y-%m-%d %H:%M:%S")
        except ValueError:
            yield ["wide", "start"], f"{start!r} is no time; write YYYY-MM-DD HH:MM:SS"


def _time_problems(time: Mapping[str, str]) -> Iterator[Problem]:
    form = time.get("format", "iso8601")
    known = ("iso8601", *EPOCH_UNITS)
    if form not in known:
        if "%" not in form:
            message = f"{form!r} is neither one of {', '.join(known)} nor a pattern such as '%d.%m.%Y %H:%M:%S'"
            yield ["time", "format"], message
        elif not any(code in form for code in _DAY_CODES):
            yield ["time", "format"], f"{form!r} has no day; add it, with `columns.time: [date, time]` for two columns"
        elif message := _pattern_problem(form):
            yield ["time", "format"], f"{form!r}: {message}"
    zone = time.get("zone", "")
    try:
        if zone:
            zoneinfo.ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        yield ["time", "zone"], f"unknown time zone {zone!r}; write an IANA name such as 'UTC' or 'Europe/Rome'"


def _pattern_problem(pattern: str) -> str:
    """Return why a pattern of times cannot be meant, or '' if it can."""
    try:
        datetime.strptime("", pattern)
    except ValueError as error:
        if "does not match" not in str(error):
            return f"{error}; the codes are those of Python's strptime, such as %d, %m, %Y, %H, %M, %S, %f, %p and %z"
    codes = set(re.findall(r"%(.)", pattern.replace("%%", "")))
    if not codes & set("HIXc"):
        return "has no hour (%H, or %I with %p), so every event would be at midnight"
    if "p" in codes and "H" in codes:
        return "%H counts hours to 23 and ignores %p, so 8 PM would be 08:00; write %I instead of %H"
    if "I" in codes and "p" not in codes:
        return "%I counts hours to 12, so mornings and evenings are alike; add %p (AM or PM), or write %H"
    return ""
