"""Test that rows are assigned to sessions by file, day, gap or column."""

import pytest
from table_factories import HEADER, columns_with, home_with, load, row, write_csv


def test_sessions_may_be_files_days_gaps_or_a_column(tmp_path):
    days = [f"2024-02-03 {clock}" for clock in ("08:00", "08:20", "09:00", "23:50")] + ["2024-02-04 00:10"]
    write_csv(
        tmp_path / "b.csv",
        *(f"{day}:00,E1,ON,cooking,s{len(day) % 2}x{n % 2}" for n, day in enumerate(days)),
        header=HEADER + ",visit",
    )
    write_csv(tmp_path / "a/c.csv", "2024-02-05 08:00:00,E1,ON,cooking,s9", header=HEADER + ",visit")
    sessions = {
        by: load(tmp_path, home_with(sessions=by, columns=columns_with(session="visit")))[0]["session"]
        .astype(str)
        .tolist()
        for by in ("file", "day", "gap", "column")
    }
    assert sessions == {
        "file": ["a-c", *["b"] * 5],
        "day": [*["2024-02-03"] * 4, "2024-02-04", "2024-02-05"],
        "gap": ["2024-02-03-1"] * 2 + ["2024-02-03-2"] + ["2024-02-03-3"] * 2 + ["2024-02-05-1"],
        "column": ["s0x0"] * 3 + ["s0x1"] * 2 + ["s9"],
    }


def test_a_row_without_a_session_is_reported(tmp_path):
    write_csv(tmp_path / "a.csv", row(1) + ",x", row(2) + ",", header=HEADER + ",visit")
    _, report = load(tmp_path, home_with(sessions="column", columns=columns_with(session="visit")))
    assert [str(problem) for problem in report.broken] == ["a.csv:3: column visit: no session"]


def test_two_files_that_would_be_one_session_are_refused(tmp_path):
    write_csv(tmp_path / "a/b.csv", row(1))
    write_csv(tmp_path / "a-b.csv", row(2))
    with pytest.raises(ValueError, match=r"a-b\.csv and a/b\.csv would both be session 'a-b'"):
        load(tmp_path)


def write_visits(path, *visits, day=3, sensor="E1"):
    """Write an event a minute, each in the visit of the column `visit`."""
    lines = [f"2024-02-{day:02d} 08:{minute:02d}:00,{sensor},ON,cooking,{visit}" for minute, visit in enumerate(visits)]
    return write_csv(path, *lines, header=HEADER + ",visit")


def in_column(by="column"):
    return home_with(sessions=by, columns=columns_with(session="visit"))


def test_a_session_in_two_files_with_another_between_is_refused_unless_files_part_them(tmp_path):
    write_visits(tmp_path / "mon.csv", 1, 2)
    write_visits(tmp_path / "tue.csv", 1, 2, day=4)
    with pytest.raises(
        ValueError, match=r"session '1' is in mon\.csv and, later, in tue\.csv; .*`sessions\.by: file-column`"
    ):
        load(tmp_path, in_column())
    events, report = load(tmp_path, in_column("file-column"))
    assert events["session"].astype(str).tolist() == ["mon-1", "mon-2", "tue-1", "tue-2"]
    assert report.warnings == []


def test_a_session_that_goes_on_in_the_next_file_is_said(tmp_path):
    write_visits(tmp_path / "mon.csv", 1, 2)
    write_visits(tmp_path / "tue.csv", 2, 3, day=4)
    events, report = load(tmp_path, in_column())
    assert events["session"].astype(str).tolist() == ["1", "2", "2", "3"]
    assert [text.split(";")[0] for text in report.warnings] == ["session '2' is in mon.csv and, later, in tue.csv"]


def test_files_of_one_session_at_the_same_time_are_one_session(tmp_path):
    write_visits(tmp_path / "door.csv", 1, 1, 2)
    write_visits(tmp_path / "stove.csv", 1, 1, 2, 2, sensor="E2")
    events, report = load(tmp_path, in_column())
    assert len(set(events["session"])) == 2
    assert report.warnings == []


def test_names_of_sessions_may_have_slashes_and_may_be_joined(tmp_path):
    write_visits(tmp_path / "a.csv", "x/1", "x/2")
    assert set(load(tmp_path, in_column())[0]["session"]) == {"x/1", "x/2"}
    joined = home_with(sessions="column", joiner="/", columns=columns_with(session=("activity", "visit")))
    assert set(load(tmp_path, joined)[0]["session"]) == {"cooking/x/1", "cooking/x/2"}
