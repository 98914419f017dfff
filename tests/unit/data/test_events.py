"""The event contract: what check accepts, what a file keeps, what the card tells."""

from datetime import datetime

import pandas as pd
import pytest
from hearth.data.dataset_card import dataset_card
from hearth.data.event_files import digest_events, read_events, write_events
from hearth.data.events import COLUMNS, check_events, event_table, natural_key
from hearth.data.load_report import LoadReport, RowProblem
from hearth.homes.home import Home, Sensor

HOME = Home(
    name="Flat",
    about="A flat for two.",
    timezone="UTC",
    rooms={"kitchen": "stove"},
    sensors={
        "E1": Sensor("kitchen", "stove", {"ON": "turned ON", "OFF": "turned OFF"}),
        "S1": Sensor("", "phone", {"ON": "rang"}),
    },
    labels=("COOKING", "drinking water, coffee or drinks"),
    rules=(),
    example={},
    transition="keep",
)


def row(session="day2", second=0, **changes):
    return {
        "session": session,
        "time": datetime(2024, 1, 2, 8, 0, second),
        "room": "kitchen",
        "sensor": "E1",
        "state": "turned ON",
        "description": "kitchen stove turned ON",
        "residents": ["A", "B"],
        "activity": "COOKING",
    } | changes


def table():
    phone = {"room": "", "sensor": "S1", "state": "rang", "description": "phone rang", "residents": []}
    return event_table([row(), row(second=1), row("day10", **phone, activity="drinking water, coffee or drinks")])


def test_events_are_numbered_from_zero_in_every_session():
    assert list(table()["event"]) == [0, 1, 0]
    assert tuple(table().columns) == COLUMNS


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


def test_events_come_back_from_their_file_as_they_were(tmp_path):
    write_events(tmp_path / "events.parquet", table())
    again = read_events(tmp_path / "events.parquet")
    check_events(again, HOME)
    assert again.to_dict("records") == table().to_dict("records")
    assert again.dtypes["time"] == table().dtypes["time"]
    assert digest_events(again) == digest_events(table())


def test_equal_events_give_equal_files(tmp_path):
    for name in ("one", "two"):
        write_events(tmp_path / name, table())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("activity", "drinking water, coffee or drinks"),
        ("residents", ["A"]),
        ("time", datetime(2024, 1, 2, 8, 0, 0, 1000)),
    ],
)
def test_the_digest_changes_with_any_value(column, value):
    assert digest_events(event_table([row(**{column: value})])) != digest_events(event_table([row()]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(sensor="E9")], "session 'day2', event 0, column sensor"),
        ([row(), row(room="bath")], "event 1, column room"),
        ([row(state="ON")], "column state"),
        ([row(description="stove on")], "column description"),
        ([row(activity="cooking")], "column activity"),
        ([row(residents=["B", "A"])], "column residents"),
        ([row(residents="A")], "column residents"),
        ([row(second=1), row(second=0)], "event 1, column time"),
        ([row(time=None)], "column time"),
        ([row(activity=None)], "column activity"),
        ([row("day10"), row("day2")], "session 'day2', event 0, column session"),
        ([row("day2"), row("day3"), row("day2")], "column session"),
    ],
)
def test_check_names_session_event_and_column_of_what_is_wrong(rows, message):
    with pytest.raises(ValueError, match=message):
        check_events(event_table(rows), HOME)


def test_check_refuses_gaps_in_the_numbering_and_other_columns():
    with pytest.raises(ValueError, match="column event"):
        check_events(table().assign(event=[0, 2, 0]), HOME)
    with pytest.raises(ValueError, match="expected session, event, time"):
        check_events(table().drop(columns="room"), HOME)
    with pytest.raises(ValueError, match="column time"):
        check_events(table().assign(time=table()["time"].dt.tz_localize("UTC")), HOME)


def test_reading_another_file_names_it(tmp_path):
    (tmp_path / "text").write_text("session,event")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other")
    for name in ("text", "other", "missing"):
        with pytest.raises(ValueError, match=name):
            read_events(tmp_path / name)


def test_the_card_tells_what_was_read_and_what_is_in_it():
    report = LoadReport(
        files=2, rows=6, loaded=3, broken=[RowProblem("x.csv", 7, "unknown `sensor`\n'Q'")], notes=["odd"]
    )
    report.skipped["duplicate row"] += 2
    card = dataset_card(HOME, table(), report, simulated=True)
    for line in [
        "# Flat",
        "- rows: 6",
        "- loaded: 3",
        "- broken: 1",
        "- skipped: 2",
        "  - duplicate row: 2",
        "- `x.csv:7: unknown 'sensor' 'Q'`",
        "- odd",
        "2 sessions, 3 events, 2 residents, 2 of 2 sensors, 2 of 2 labels.",
        "| day2 | 2 | A B | 08:00:00 | 08:00:01 |",
        "| drinking water, coffee or drinks | 1 |",
        "| E1 | kitchen | stove | 2 |",
    ]:
        assert line in card.splitlines()
    assert "simulated" in card
    assert "simulated" not in dataset_card(HOME, table(), report, simulated=False)


def test_the_card_lists_fifty_broken_rows_and_counts_the_rest():
    report = LoadReport(rows=63, loaded=3, broken=[RowProblem("x.csv", line, "bad") for line in range(2, 62)])
    card = dataset_card(HOME, table(), report, simulated=False).splitlines()
    assert sum(line.startswith("- `x.csv:") for line in card) == 50
    assert "- and 10 more" in card
