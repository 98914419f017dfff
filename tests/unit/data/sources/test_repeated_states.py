"""Test that rows which repeat the last state of their sensor are left out where the home's yaml says so."""

import pytest
from hearth.data.sources.repeated_states import REPEATED
from table_factories import columns_with, home_with, load, row, write_csv

SKIP = {"repeated_states": "skip"}


def states(events):
    return [state.split()[-1] for state in events["state"]]


def test_all_rows_are_events_by_default(tmp_path):
    write_csv(tmp_path / "a.csv", row(0), row(1), row(2, state="OFF"))
    assert states(load(tmp_path)[0]) == ["ON", "ON", "OFF"]


def test_rows_that_repeat_the_last_state_of_their_sensor_are_skipped_and_counted(tmp_path):
    rows = [row(0), row(1), row(1, "E2"), row(2, state="OFF"), row(3, state="OFF"), row(4), row(5, "E2"), row(6)]
    write_csv(tmp_path / "a.csv", *rows)
    events, report = load(tmp_path, home_with(**SKIP))
    assert states(events) == ["ON", "ON", "OFF", "ON"]
    assert report.skipped == {REPEATED: 4}
    assert report.places[REPEATED] == ["a.csv:3", "a.csv:6", "a.csv:8", "a.csv:9"]
    assert report.warnings == []


def test_the_order_of_time_decides_not_that_of_rows(tmp_path):
    write_csv(tmp_path / "a.csv", row(3), row(1), row(2, state="OFF"))
    assert states(load(tmp_path, home_with(**SKIP))[0]) == ["ON", "OFF", "ON"]


def test_the_first_state_of_a_file_is_an_event(tmp_path):
    write_csv(tmp_path / "a.csv", row(0), row(1))
    write_csv(tmp_path / "b.csv", row(2))
    assert len(load(tmp_path, home_with(**SKIP))[0]) == 2


def test_the_first_state_of_a_session_of_a_column_is_an_event(tmp_path):
    write_csv(tmp_path / "a.csv", row(0) + ",x", row(1) + ",x", row(2) + ",y", header="time,sensor,state,activity,who")
    home = home_with(sessions="column", columns=columns_with(session="who"), **SKIP)
    assert load(tmp_path, home)[0]["session"].astype(str).tolist() == ["x", "y"]


def test_an_event_without_a_label_still_is_the_last_state(tmp_path):
    write_csv(tmp_path / "a.csv", row(0), row(1, state="OFF", activity=""), row(2), row(3))
    events, report = load(tmp_path, home_with(**SKIP))
    assert states(events) == ["ON", "ON"]
    assert report.skipped == {REPEATED: 1, "no activity (unlabelled: drop)": 1}


@pytest.mark.parametrize(("ignored", "left"), [((), ["ON", "ON"]), (("off",), ["ON"])])
def test_an_unknown_state_is_a_state_and_an_ignored_one_is_none(tmp_path, ignored, left):
    write_csv(tmp_path / "a.csv", row(0), row(1, state="off"), row(2))
    events, report = load(tmp_path, home_with(ignored_states=ignored, **SKIP))
    assert states(events) == left
    assert len(report.broken) == (not ignored)


def test_times_with_and_without_an_offset_are_ordered_together(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-02-03T07:00:01Z,E1,OFF,cooking", row(0), row(2, state="OFF"))
    assert states(load(tmp_path, home_with(**SKIP))[0]) == ["ON", "OFF"]
