"""Test the `recording` part of a home's yaml: its defaults, and that each mistake is reported with its key."""

import pytest
import yaml
from config_factories import SCHEMAS
from hearth.homes.home import HomeError, load_home
from hearth.homes.raw_format import Recording, parse_recording
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
        ("time", {"zone": "Paris"}, "recording.time.zone: unknown time zone 'Paris'"),
        ("encoding", "utf8000", "recording.encoding: unknown encoding 'utf8000'"),
        ("several", "all", "recording.several: 'all' is not one of the valid values"),
        ("sessions", {"by": "column"}, "recording.columns: `session` is missing, but `sessions.by` is column"),
        ("header", ["time"], "recording.columns.sensor: 'device' is not in `header`"),
        ("intervals", {"files": "x"}, "recording.intervals: 'columns' is missing"),
        ("delimiter", ", ", "recording.delimiter: ', ' does not match"),
    ],
)
def test_a_mistake_in_recording_is_named_with_its_key(tmp_path, key, value, message):
    document = yaml.safe_load(TEMPLATE.read_text())
    document["recording"][key] = value
    (tmp_path / "home.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(HomeError) as raised:
        load_home(tmp_path / "home.yaml")
    assert f"home.yaml: {message}" in str(raised.value)
