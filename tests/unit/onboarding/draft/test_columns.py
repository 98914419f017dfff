"""Test the roles that a draft gives to columns."""

import unicodedata

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


def wide_rows(*cells):
    """Return 60 rows of a time, three sensors of two states, `cells`, and an activity."""
    return [
        (
            f"2024-02-0{3 + n // 30} 08:00:{n % 30:02d}",
            *("on" if n // every % 2 else "off" for every in (2, 3, 5)),
            *(cell if isinstance(cell, str) else cell(n) for cell in cells),
            "ab"[n // 10 % 2],
        )
        for n in range(60)
    ]


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (("binary_sensor.bath", "binary_sensor.bed", "binary_sensor.door"), {}),
        (("sensor_bath", "sensor_bed", "sensor_door"), {}),
        (("bath_sensor", "BedSensor", "door_status"), {}),
        (("item 1", "item 2", "tag_3"), {}),
        (("bath", "bed", "door"), {"sensor.temperature": lambda n: f"{20 + n / 10}"}),
        (("binary_sensor.bath", "binary_sensor.bed", "binary_sensor.door"), {"sensor.mode": lambda n: "xyz"[n % 3]}),
        (("binary_sensor.bath_activity", "binary_sensor.person_in_bed", "binary_sensor.door"), {}),
    ],
)
def test_columns_of_two_states_are_sensors_whatever_their_names(tmp_path, names, cells):
    lines = table(rows=wide_rows(*cells.values()), names=("timestamp", *names, *cells, "activity"))
    text, home, events, _ = load(write(tmp_path / "data", *lines), tmp_path)
    assert home.recording.wide.sensors == names
    assert home.recording.columns["activity"] == ("activity",)
    assert len(events) == 29 + 19 + 11
    assert all(f"columns that are not used: {name}" in head(text) for name in cells)


def test_a_table_with_a_column_of_sensors_may_have_columns_of_two_states(tmp_path):
    names = ("time", "sensor_id", "sensor_state", "sensor_ok", "valid", "activity")
    rows = [(*row[:2], "on" if n % 2 else "off", "1", "true", row[3]) for n, row in enumerate(ROWS)]
    _, home, events, _ = load(write(tmp_path / "data", *table(rows=rows, names=names)), tmp_path)
    assert (home.recording.wide, home.recording.columns["sensor"]) == (None, ("sensor_id",))
    assert len(events) == 4


@pytest.mark.parametrize(
    ("odd", "ignored"),
    [(("unavailable", "unknown"), ("unavailable", "unknown")), (("None",), ("None",)), (("onn",), ())],
)
def test_a_few_cells_without_an_answer_leave_no_sensor_out(tmp_path, odd, ignored):
    rows = wide_rows()
    for at, state in enumerate(odd):
        rows[20 + at] = (*rows[20 + at][:2], state, *rows[20 + at][3:])
    lines = table(rows=rows, names=("timestamp", "bath", "bed", "door", "activity"))
    text, home, events, report = load(write(tmp_path / "data", *lines), tmp_path)
    assert home.recording.wide.sensors == ("bath", "bed", "door")
    assert home.recording.ignored_states == ignored
    assert report.broken == []
    if ignored:
        assert len(events) == 29 + 19 + 11
        assert sum(report.skipped[f"state {state} (ignored_states)"] for state in odd) == len(odd)
    else:
        assert "the states 'onn'" in head(text)


@pytest.mark.parametrize(
    "names",
    [
        ("Zeit", "Gerät", "Wert", "Aktivität"),
        ("Zeitstempel", "Sensor", "Zustand", "Tätigkeit"),
        ("ZEIT", "MELDER", "Meldung", "Taetigkeit"),
        ("Zeit", "Sensor", "Wert", unicodedata.normalize("NFD", "Aktivität")),
        ("time", "sensor", "étape", "activity"),
        ("time", "sensor", "показание", "activity"),
    ],
)
def test_columns_are_told_by_german_names_and_states_by_their_cells(tmp_path, names):
    rows = [(*row[:2], "ein" if n % 2 else "aus", row[3]) for n, row in enumerate(ROWS)]
    _, home, events, _ = load(write(tmp_path / "data", *table(";", rows, names)), tmp_path)
    roles = dict(zip(("time", "sensor", "state", "activity"), names, strict=True))
    assert home.recording.columns == {role: (name,) for role, name in roles.items()}
    assert events["state"].tolist() == ["turned OFF", "turned ON"] * 2
    assert len(home.labels) == 2


@pytest.mark.parametrize("column", ["Doing", "Occupation", "Занятие"])
def test_an_unused_column_that_may_hold_activities_is_named(tmp_path, column):
    rows = [
        (
            f"2024-02-0{3 + n // 10} 08:00:{n:02d}",
            "pir",
            "on" if n % 2 else "off",
            ["cook", "tea", "read"][n // 4 % 3],
            "v1",
        )
        for n in range(20)
    ]
    text = draft_home(
        write(tmp_path, *table(rows=rows, names=("time", "sensor", "state", column, "version"))), "schema"
    )
    assert f"name one of {column} in columns.activity, or write labels.csv" in head(text)
