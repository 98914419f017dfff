"""Test how the `recording` part of a home's yaml is parsed, and that its defaults are those of the schema."""

import yaml
from config_factories import SCHEMAS
from hearth.homes.raw_format import Recording, parse_recording


def schema_defaults(schema):
    """Return a dict from each key of an object in a schema to its default; a nested object gives a nested dict."""
    return {
        name: schema_defaults(part) if part["default"] == {} and "properties" in part else part["default"]
        for name, part in schema["properties"].items()
    }


def test_defaults_are_the_schemas():
    schema = yaml.safe_load((SCHEMAS / "home.schema.yaml").read_text(encoding="utf-8"))["properties"]["recording"]
    assert parse_recording(schema_defaults(schema)) == Recording() == parse_recording({})


def test_the_keys_that_a_yaml_sets_are_known_with_dots():
    raw = {"files": "a.csv", "time": {"zone": "UTC"}, "activities": {"x": None}, "sessions": {"by": "day"}}
    assert parse_recording(raw).keys == {"files", "time.zone", "activities", "sessions.by"}


def test_label_files_have_lines_above_their_rows_of_their_own():
    columns = {"begin": "b", "end": "e", "activity": "a"}
    raw = {"preamble": 21, "comments": ["--"], "line_groups": {"head": ["a"], "lists": ["t"]}}
    labels = parse_recording(raw | {"intervals": {"files": "x", "columns": columns}}).intervals.form
    assert (labels.preamble, labels.comments, labels.line_groups) == (0, ("--",), None)
    own = parse_recording(raw | {"intervals": {"files": "x", "columns": columns, "preamble": 12}})
    assert (own.form.preamble, own.intervals.form.preamble) == (21, 12)
