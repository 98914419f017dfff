"""Test the roles that a draft gives to columns."""

import pytest
import yaml
from draft_factories import ROWS, head, load, table, write
from hearth.onboarding.draft.home_draft import draft_home


@pytest.mark.parametrize(
    ("names", "rows", "columns"),
    [
        (("time", "sensor_type", "sensor_id", "state", "activity"), [("pir", "hall"), ("pir", "kitchen")], "sensor_id"),
        (("time", "place", "thing", "state", "activity"), [("hall", "door"), ("kitchen", "door")], ["place", "thing"]),
        (("time", "room", "item", "state", "activity"), [("hall", "door"), ("kitchen", "door")], ["room", "item"]),
        (("time", "Room", "Item", "state", "activity"), [("hall", "h1"), ("kitchen", "k1")], "Item"),
    ],
)
def test_the_sensor_is_what_tells_sensors_apart(tmp_path, names, rows, columns):
    cells = [(row[0], *rows[n % 2], *row[2:]) for n, row in enumerate(ROWS)]
    text = draft_home(write(tmp_path, *table(rows=cells, names=names)), "schema")
    assert yaml.safe_load(text)["recording"]["columns"]["sensor"] == columns
    assert len(yaml.safe_load(text)["sensors"]) == 2


def test_every_column_of_activities_counts_and_unused_columns_are_named(tmp_path):
    names = ("time", "sensor", "state", "R1_activity", "R2_activity", "battery")
    data = write(tmp_path / "data", *table(rows=[(*row, "Reading", "88") for row in ROWS], names=names))
    text, home, events, _ = load(data, tmp_path)
    assert home.recording.columns["activity"] == ("R1_activity", "R2_activity")
    assert events["alternatives"].tolist()[0] == ["Tea", "Reading"]
    assert "columns that are not used: battery" in head(text)
    assert "OPEN: activities: R1_activity, R2_activity" in text


def test_rows_of_periods_become_two_events(tmp_path):
    rows = [
        ("2024-02-03 07:58:12", "2024-02-03 07:58:20", "Bed", "Bedroom", "Sleeping"),
        ("2024-02-03 08:00:12", "2024-02-03 08:00:20", "Door", "Bedroom", "Leaving"),
        ("2024-02-04 07:58:12", "2024-02-04 07:58:20", "Door", "Kitchen", "Leaving"),
    ]
    names = ("Start time", "End time", "Location", "Place", "Activity")
    _, home, events, _ = load(write(tmp_path / "data", *table(rows=rows, names=names)), tmp_path)
    assert home.recording.rows_are_intervals
    assert sorted(home.sensors) == ["Bed Bedroom", "Door Bedroom", "Door Kitchen"]
    assert len(events) == 6
