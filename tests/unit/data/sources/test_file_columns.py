"""Test that columns may be parts of a file's path, and may have another name in some files."""

import pytest
from hearth.homes.raw_format import Wide
from table_factories import columns_with, home_with, load, write_csv

ROWS = "time,state,activity"


def of_sensors(**changes):
    return home_with(
        path_columns="{day}/*/{sensor}.csv", sessions="column", columns=columns_with(session="day"), **changes
    )


def write_states(path, *states, hour=8):
    rows = (f"2024-02-03 {hour:02d}:00:{second:02d},{state},cooking" for second, state in enumerate(states))
    return write_csv(path, *rows, header=ROWS)


def test_sensor_and_session_may_be_parts_of_the_path(tmp_path):
    write_states(tmp_path / "one/stoves/E1.csv", "ON", "OFF")
    write_states(tmp_path / "one/fans/E2.csv", "ON")
    write_states(tmp_path / "two/stoves/E1.csv", "ON", hour=9)
    events, report = load(tmp_path, of_sensors())
    assert events["session"].astype(str).tolist() == ["one", "one", "one", "two"]
    assert sorted(events["sensor"]) == ["E1", "E1", "E1", "E2"]
    assert report.warnings == []


def test_equal_rows_of_two_sensors_are_no_copies_but_those_of_one_are(tmp_path):
    for path in ("one/a/E1.csv", "one/b/E2.csv", "one/c/E1.csv"):
        write_states(tmp_path / path, "ON")
    events, report = load(tmp_path, of_sensors())
    assert sorted(events["sensor"]) == ["E1", "E2"]
    assert report.skipped == {"in a copy of one/a/E1.csv": 1}


def test_a_file_with_another_path_is_an_error(tmp_path):
    write_states(tmp_path / "E1.csv", "ON")
    with pytest.raises(ValueError, match=r"E1.csv: its path does not end as path_columns"):
        load(tmp_path, of_sensors())


def test_an_unknown_sensor_of_a_path_breaks_its_rows(tmp_path):
    write_states(tmp_path / "one/a/E1.csv", "ON")
    write_states(tmp_path / "one/a/E9.csv", "ON", "ON")
    _, report = load(tmp_path, of_sensors())
    assert [(problem.file, problem.line) for problem in report.broken] == [("one/a/E9.csv", 2), ("one/a/E9.csv", 3)]
    assert "unknown sensor 'E9'" in report.broken[0].reason


def test_a_header_alone_may_lack_columns_and_is_said(tmp_path):
    write_states(tmp_path / "one/a/E1.csv", "ON")
    write_csv(tmp_path / "one/a/E2.csv", header="time")
    _, report = load(tmp_path, of_sensors())
    assert report.files == 2
    assert "one/a/E2.csv holds no rows" in report.notes


def test_a_header_that_lacks_columns_above_rows_is_an_error(tmp_path):
    write_csv(tmp_path / "one/a/E2.csv", "2024-02-03 08:00:00", header="time")
    with pytest.raises(ValueError, match="no column 'state'"):
        load(tmp_path, of_sensors())


def test_a_column_may_have_another_name_in_some_files(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-02-03 08:00:00,E1,ON,cooking")
    write_csv(tmp_path / "b.csv", "E1,2024-02-04 08:00:00,ON,cooking", header="sensor,DATE,state,activity")
    events, report = load(tmp_path, home_with(column_aliases={"time": ("DATE", "when")}))
    assert events["time"].dt.day.tolist() == [3, 4]
    assert "column DATE is read as time in 1 files (column_aliases), first b.csv" in report.notes


def test_a_column_under_two_names_is_an_error(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-02-03 08:00:00,x,E1,ON,cooking", header="time,DATE,sensor,state,activity")
    with pytest.raises(ValueError, match="columns 'time' and 'DATE' are both there"):
        load(tmp_path, home_with(column_aliases={"time": ("DATE",)}))


def test_a_file_with_neither_name_lacks_the_column(tmp_path):
    write_csv(tmp_path / "a.csv", "x,E1,ON,cooking", header="day,sensor,state,activity")
    with pytest.raises(ValueError, match="no column 'time'"):
        load(tmp_path, home_with(column_aliases={"time": ("DATE",)}))


def of_scenes(time_format="%Y-%m-%d %H-%M"):
    columns = {"time": ("date", "clock"), "activity": ("activity",)}
    return home_with(time_format, path_columns="*_{date} {clock}.csv", wide=Wide(("E*",), seconds=2), columns=columns)


def test_a_wide_file_may_begin_at_the_time_in_its_path(tmp_path):
    for name, last in {"early_2024-02-03 08-10.csv": "eating", "late_2024-02-03 20-00.csv": "other"}.items():
        write_csv(tmp_path / name, "OFF,cooking", "ON,cooking", "ON,eating", f"OFF,{last}", header="E1,activity")
    events, _ = load(tmp_path, of_scenes())
    assert events["time"].dt.strftime("%H:%M:%S").tolist() == ["08:10:02", "08:10:06", "20:00:02", "20:00:06"]
    assert events["activity"].tolist() == ["cooking", "eating", "cooking", "other"]


def test_an_unreadable_time_in_the_path_of_a_wide_file_is_an_error(tmp_path):
    write_csv(tmp_path / "a_2024-02-03 late.csv", "OFF,cooking", header="E1,activity")
    with pytest.raises(ValueError, match="'2024-02-03 late' of its path is no time in"):
        load(tmp_path, of_scenes())


def test_equal_files_of_different_times_are_copies(tmp_path):
    for name in ("a_2024-02-03 08-10.csv", "b_2024-02-04 08-10.csv"):
        write_csv(tmp_path / name, "OFF,cooking", "ON,cooking", header="E1,activity")
    events, report = load(tmp_path, of_scenes())
    assert len(events) == 1
    assert report.skipped["in a copy of a_2024-02-03 08-10.csv"] == 1
