"""Test how event tables are built, and that invalid ones are rejected."""

import pytest
from event_factories import FLAT, flat_events, flat_row
from hearth.data.events import COLUMNS, check_events, event_table, natural_key


def test_events_are_numbered_from_zero_in_every_session():
    assert list(flat_events()["event"]) == [0, 1, 0]
    assert tuple(flat_events().columns) == COLUMNS


def test_a_table_without_events_still_has_the_columns_and_types():
    empty = event_table([])
    assert tuple(empty.columns) == COLUMNS
    assert empty["time"].dtype == "datetime64[ms]"


def test_sessions_sort_by_the_numbers_in_their_names():
    names = ["A1a-instance10", "B1a-instance1", "A1a-instance2", "01", "2", "10", "1"]
    assert sorted(names, key=natural_key) == [
        "01",
        "1",
        "2",
        "10",
        "A1a-instance2",
        "A1a-instance10",
        "B1a-instance1",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([flat_row(sensor="E9")], "session 'day2', event 0, column sensor"),
        ([flat_row(), flat_row(room="bath")], "event 1, column room"),
        ([flat_row(state="ON")], "column state"),
        ([flat_row(description="stove on")], "column description"),
        ([flat_row(activity="cooking")], "column activity"),
        ([flat_row(residents=["B", "A"])], "column residents"),
        ([flat_row(residents="A")], "column residents"),
        ([flat_row(second=1), flat_row(second=0)], "event 1, column time"),
        ([flat_row(time=None)], "column time"),
        ([flat_row(activity=None)], "column activity"),
        ([flat_row("day10"), flat_row("day2")], "session 'day2', event 0, column session"),
        ([flat_row("day2"), flat_row("day3"), flat_row("day2")], "column session"),
    ],
)
def test_check_names_session_event_and_column_at_fault(rows, message):
    with pytest.raises(ValueError, match=message):
        check_events(event_table(rows), FLAT)


def test_every_session_has_one_group_of_every_key():
    events = event_table([flat_row(), flat_row("day10")], {"flat": {"day2": "F1", "day10": "F2"}})
    check_events(events, FLAT)
    assert list(events["group_flat"]) == ["F1", "F2"]
    with pytest.raises(ValueError, match=r"event 1, column group_flat: 'G', but an earlier event .* has 'F'"):
        check_events(flat_events().assign(group_flat=["F", "G", "F"]), FLAT)
    with pytest.raises(ValueError, match="event 1, column group_flat: nan is not text"):
        check_events(flat_events().assign(group_flat=["F", None, "F"]), FLAT)


def test_check_refuses_gaps_in_the_numbering_and_other_columns():
    with pytest.raises(ValueError, match="column event"):
        check_events(flat_events().assign(event=[0, 2, 0]), FLAT)
    with pytest.raises(ValueError, match="expected session, event, time"):
        check_events(flat_events().drop(columns="room"), FLAT)
    with pytest.raises(ValueError, match="column time"):
        check_events(flat_events().assign(time=flat_events()["time"].dt.tz_localize("UTC")), FLAT)
