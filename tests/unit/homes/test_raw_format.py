"""Test the `recording` part of a home's yaml: its defaults, and that each mistake is reported with its key."""

import pytest
import yaml
from config_factories import SCHEMAS
from hearth.homes.home import HomeError, load_home
from hearth.homes.raw_format import Recording, parse_recording, recording_problems
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config/homes/TEMPLATE.yaml"


def schema_defaults(schema):
    """Return a dict from each key of an object in a schema to its default; a nested object gives a nested dict."""
    return {
        name: schema_defaults(part) if part["default"] == {} and "properties" in part else part["default"]
        for name, part in schema["properties"].items()
    }


def test_defaults_are_the_schemas():
    schema = yaml.safe_load((SCHEMAS / "home.schema.yaml").read_text(encoding="utf-8"))["properties"]["recording"]
    assert parse_recording(schema_defaults(schema)) == Recording() == parse_recording({})


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


@pytest.mark.parametrize(
    ("recording", "messages"),
    [
        ({"columns": {"activity": "a"}, "wide": WIDE}, []),
        ({"columns": {"activity": "a", "time": "t"}, "wide": {"sensors": "M*"}}, []),
        ({"columns": {"activity": "a"}, "wide": {"sensors": "M*"}}, ["no times: name their column in `columns.time`"]),
        ({"columns": {"activity": "a"}, "wide": WIDE | {"start": "2013-01-01"}}, ["'2013-01-01' is no time"]),
        ({"wide": WIDE}, ["`activity` is missing"]),
        ({"columns": {"activity": "a"}, "wide": WIDE, "time": {"zone": "UTC"}}, ["unused: no column has times"]),
        (TABLE | {"format": "parquet", "delimiter": ";"}, ["unused: files of the format parquet need none"]),
        (TABLE | {"format": "tsv", "header": ["t", "s", "v", "a"]}, []),
        (
            {
                "columns": {"time": "t", "sensor": "s", "state": "v"},
                "label_rows": {"sensor": "x", "begin": "a", "end": "b"},
            },
            [],
        ),
    ],
)
def test_wide_tables_and_label_rows_need_their_keys_alone(recording, messages):
    found = [message for _, message in recording_problems(recording, ["tea", "nap"])]
    assert len(found) == len(messages)
    assert all(text.startswith(begin) for text, begin in zip(found, messages, strict=True))


def test_the_keys_that_a_yaml_sets_are_known_with_dots():
    raw = {"files": "a.csv", "time": {"zone": "UTC"}, "activities": {"x": None}, "sessions": {"by": "day"}}
    assert parse_recording(raw).keys == {"files", "time.zone", "activities", "sessions.by"}
