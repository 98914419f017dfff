"""Test that sessions, days and files without any activity are named, as their labels may be missing."""

import pytest
from hearth.homes.raw_format import Intervals
from table_factories import COLUMNS, columns_with, home_with, load, row, write_csv

LABELLED = {role: names for role, names in COLUMNS.items() if role != "activity"}
INTERVALS = Intervals(("**/labels*",), {"begin": ("from",), "end": ("to",), "activity": ("what",)})


def found(root, home):
    return [text for text in load(root, home)[1].warnings if "has an activity" in text]


@pytest.mark.parametrize("unlabelled", ["drop", "other"])
def test_a_file_whose_label_file_is_missing_is_named(tmp_path, unlabelled):
    for day in (3, 4, 5):
        write_csv(tmp_path / f"{day}/events.csv", row(0, day=day), row(1, day=day))
        if day != 4:
            begin, end = (f"2024-02-{day:02d} {clock}" for clock in ("07:00:00", "09:00:00"))
            write_csv(tmp_path / f"{day}/labels.csv", f"{begin},{end},cooking", header="from,to,what")
    (text,) = found(tmp_path, home_with(columns=LABELLED, intervals=INTERVALS, unlabelled=unlabelled))
    assert text.startswith("no event of 1 of 3 files has an activity: 4/events.csv (2 events); first 4/events.csv:2")


@pytest.mark.parametrize("filled", ["cooking", ""])
def test_a_file_with_an_empty_column_of_activities_is_named(tmp_path, filled):
    write_csv(tmp_path / "a.csv", row(0), row(1))
    write_csv(tmp_path / "b.csv", row(2, activity=filled), row(3, activity=""))
    texts = found(tmp_path, home_with(unlabelled="drop"))
    assert [text.partition(": ")[2][:15] for text in texts] == ([] if filled else ["b.csv (2 events"])


def test_of_sessions_that_a_column_names_the_session_is_named_not_its_files(tmp_path):
    header = "time,sensor,state,activity,visit"
    for name in ("a", "b"):
        second = name == "b"
        write_csv(tmp_path / f"{name}.csv", f"{row(second)},one", f"{row(second + 2, activity='')},two", header=header)
    home = home_with(columns=columns_with(session="visit"), sessions="column", unlabelled="drop")
    (text,) = found(tmp_path, home)
    assert "1 of 2 sessions has an activity: two (2 events); first a.csv:3" in text


def test_days_are_those_of_the_homes_clock(tmp_path):
    rows = ["2024-02-03T22:59:00Z,E1,ON,cooking", "2024-02-03T23:01:00Z,E1,OFF,", "2024-02-05 09:00:00,E1,ON,eating"]
    write_csv(tmp_path / "a.csv", *rows)
    (text,) = found(tmp_path, home_with(sessions="day", unlabelled="drop"))
    assert "1 of 3 days has an activity: 2024-02-04 (1 event); first a.csv:3" in text


def test_files_beyond_five_are_counted(tmp_path):
    for number in range(9):
        write_csv(tmp_path / f"{number}.csv", row(number, activity="" if number else "cooking"))
    (text,) = found(tmp_path, home_with(unlabelled="drop"))
    assert "8 of 9 files" in text
    assert "5.csv (1 event) and 3 more" in text


def test_a_recording_without_labels_has_none_missing(tmp_path):
    for name in ("a", "b"):
        write_csv(tmp_path / f"{name}.csv", row(ord(name) % 10, activity=""))
    assert not found(tmp_path, home_with(unlabelled="other"))
