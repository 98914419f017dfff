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
