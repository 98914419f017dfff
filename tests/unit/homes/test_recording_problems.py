"""Test that each mistake in the `recording` part of a home's yaml is reported with its key."""

import pytest
import yaml
from hearth.homes.home import HomeError, load_home
from hearth.homes.recording_problems import recording_problems
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config/homes/TEMPLATE.yaml"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("columns", {"time": "time"}, "recording.columns: `sensor` is missing"),
        ("columns", {"time": "t", "begin": "b"}, "recording.columns: name either `time`, or `begin`"),
        ("colums", {}, "recording.colums: unknown key 'colums'; did you mean 'columns'?"),
        (
            "activities",
            {"x": "makng tea"},
            "recording.activities.x: unknown label 'makng tea'; did you mean 'making tea'?",
        ),
        ("unlabelled", "nothing", "recording.unlabelled: 'nothing' is neither drop nor a label"),
        ("time", {"format": "%H:%M"}, "recording.time.format: '%H:%M' has no day"),
        ("time", {"format": "iso"}, "recording.time.format: 'iso' is neither one of iso8601, seconds"),
        ("time", {"format": "%d.%m.%Y"}, "recording.time.format: '%d.%m.%Y': has no hour"),
        ("time", {"format": "%d.%m.%Y %H:%M %p"}, "recording.time.format: '%d.%m.%Y %H:%M %p': %H counts hours to 23"),
        ("time", {"format": "%m/%d/%y %I:%M"}, "recording.time.format: '%m/%d/%y %I:%M': %I counts hours to 12"),
        ("time", {"format": "%d.%m.%Y %Q"}, "recording.time.format: '%d.%m.%Y %Q': 'Q' is a bad directive"),
        ("time", {"zone": "Paris"}, "recording.time.zone: unknown time zone 'Paris'"),
        ("encoding", "utf8000", "recording.encoding: unknown encoding 'utf8000'"),
        ("encoding", "rot13", "recording.encoding: unknown encoding 'rot13'"),
        ("several", "all", "recording.several: 'all' is not one of the valid values"),
        ("sessions", {"by": "column"}, "recording.columns: `session` is missing, but `sessions.by` is column"),
        ("header", ["time"], "recording.columns.sensor: 'device' is not in `header`"),
        ("path_columns", "{room}-{device}.csv", "recording.path_columns: 'room' has no role in `columns` or `groups`"),
        ("path_columns", "device.csv", "recording.path_columns: 'device.csv' names no column"),
        ("column_aliases", {"tme": ["t"]}, "recording.column_aliases.tme: no role has the column 'tme' of a file"),
        ("column_aliases", {"time": ["device"]}, "recording.column_aliases.time: 'device' has a role itself"),
        ("repeated_states", "drop", "recording.repeated_states: 'drop' is not one of the valid values"),
        ("intervals", {"files": "x"}, "recording.intervals: 'columns' is missing"),
        ("delimiter", ", ", "recording.delimiter: ', ' does not match"),
        ("interval_states", ["on", "off"], "recording.interval_states: unused without `columns.begin`"),
        ("joiner", "/", "recording.joiner: unused: no sensor, state, session has several columns"),
        ("sessions", {"by": "day", "minutes": 9}, "recording.sessions.minutes: unused with `sessions.by: day`"),
        (
            "sessions",
            {"by": "file-column"},
            "recording.columns: `session` is missing, but `sessions.by` is file-column",
        ),
        ("time", {"format": "seconds", "zone": "UTC"}, "recording.time.zone: unused: seconds since 1970 are in UTC"),
        (
            "label_rows",
            {"sensor": "x", "begin": "a", "end": "b"},
            "recording.columns: labels are in a column (`columns.",
        ),
        (
            "wide",
            {"sensors": "M*", "start": "2013-01-01 00:00:00"},
            "recording.columns.sensor: a table with a column for",
        ),
        ("wide", {"sensors": "M*", "start": "2013-01-01 00:00:00"}, "recording.wide.start: unused: the times are in"),
        (
            "intervals",
            {"files": "x", "columns": {"begin": "b", "end": "e", "activity": "a"}, "time": {"zone": "Rom"}},
            "recording.intervals.time.zone: unknown time zone 'Rom'",
        ),
        (
            "intervals",
            {"files": "x", "columns": {"begin": "b", "end": "e", "activity": "a"}, "header": ["b", "end", "a"]},
            "recording.intervals.columns.end: 'e' is not in `header`; did you mean 'end'?",
        ),
        (
            "intervals",
            {"files": "x", "columns": {"begin": "b", "end": "e", "activity": "a"}, "hold_hours": 9},
            "recording.intervals.hold_hours: unused: activities end at `columns.end`",
        ),
        (
            "intervals",
            {"files": "x", "columns": {"begin": "b", "activity": "a"}, "path_columns": "{who}.csv"},
            "recording.intervals.path_columns: 'who' has no role",
        ),
        (
            "line_groups",
            {"head": ["activity"], "lists": ["device", "value"]},
            "recording.columns.time: 'time' is not in `line_groups`",
        ),
        (
            "line_groups",
            {"head": ["time", "activity", "time"], "lists": ["device", "value", "person"]},
            "recording.line_groups: 'time' is named more than once",
        ),
        ("line_groups", {"head": ["a"]}, "recording.line_groups: 'lists' is missing"),
        ("preamble", -1, "recording.preamble: -1 is less than the minimum of 0"),
    ],
)
def test_a_mistake_in_recording_is_named_with_its_key(tmp_path, key, value, message):
    document = yaml.safe_load(TEMPLATE.read_text())
    document["recording"][key] = value
    (tmp_path / "home.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(HomeError) as raised:
        load_home(tmp_path / "home.yaml")
    assert f"home.yaml: {message}" in str(raised.value)


TABLE = {"columns": {"time": "t", "sensor": "s", "state": "v", "activity": "a"}}
WIDE = {"sensors": ["M*"], "start": "2013-01-01 00:00:00"}
GROUPS = {"head": ["a"], "lists": ["t", "s", "v"]}


@pytest.mark.parametrize(
    ("recording", "messages"),
    [
        ({"columns": {"activity": "a"}, "wide": WIDE}, []),
        ({"columns": {"activity": "a", "time": "t"}, "wide": {"sensors": "M*"}}, []),
        ({"columns": {"activity": "a"}, "wide": {"sensors": "M*"}}, ["no times: name their column in `columns.time`"]),
        ({"columns": {"activity": "a"}, "wide": WIDE | {"start": "2013-01-01"}}, ["'2013-01-01' is no time"]),
        ({"wide": WIDE}, ["`activity` is missing"]),
        ({"columns": {"activity": "a", "time": "t"}, "wide": {"sensors": "M*"}, "path_columns": "{t}.csv"}, []),
        (
            {"columns": {"activity": "a", "time": "t"}, "wide": WIDE, "path_columns": "{t}.csv"},
            ["unused: the path has the time of the first row"],
        ),
        (
            {
                "columns": {"activity": "a", "time": "t"},
                "wide": {"sensors": "M*"},
                "path_columns": "{t}.csv",
                "time": {"zone": "UTC"},
            },
            ["unused: the time in a path is on the home's clock"],
        ),
        ({"columns": {"activity": "a"}, "wide": WIDE, "time": {"zone": "UTC"}}, ["unused: no column has times"]),
        (TABLE | {"format": "parquet", "delimiter": ";"}, ["unused: files of the format parquet need none"]),
        (TABLE | {"format": "tsv", "header": ["t", "s", "v", "a"], "preamble": 3}, []),
        (TABLE | {"format": "json-lines", "preamble": 3}, ["unused: files of the format json-lines need none"]),
        (TABLE | {"line_groups": GROUPS}, []),
        (TABLE | {"line_groups": GROUPS, "delimiter": ";", "encoding": "latin-1", "format": "csv"}, []),
        (TABLE | {"line_groups": GROUPS, "header": ["t", "s", "v", "a"]}, ["unused with `line_groups`"]),
        (TABLE | {"line_groups": GROUPS, "preamble": 1, "comments": ["#"]}, ["unused with `line_groups`"] * 2),
        (TABLE | {"line_groups": GROUPS, "format": "openhab"}, ["unused: files of the format openhab need none"]),
        (
            {
                "columns": {"time": "t", "sensor": "s", "state": "v"},
                "label_rows": {"sensor": "x", "begin": "a", "end": "b"},
            },
            [],
        ),
        ({"columns": {"time": "t", "sensor": "s", "state": "v"}, "label_rows": {"sensor": "x"}}, []),
        (
            {"columns": {"time": "t", "sensor": "s", "state": "v"}, "label_rows": {"sensor": "x", "begin": "a"}},
            ["name both `begin` and `end`, or neither"],
        ),
    ],
)
def test_forms_of_files_need_their_keys_alone(recording, messages):
    found = [message for _, message in recording_problems(recording, ["tea", "nap"])]
    assert len(found) == len(messages)
    assert all(text.startswith(begin) for text, begin in zip(found, messages, strict=True))
