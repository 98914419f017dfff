"""Test activities of label files without ends: each holds until the next one of its resident."""

import pytest
from hearth.data.sources.held_labels import LabelRow, hold_until_next
from hearth.data.sources.times import HOUR
from hearth.homes.raw_format import Intervals
from table_factories import COLUMNS, home_with, load, write_csv


def of_rows(*begins, file="a", **changes):
    return [LabelRow(file, line, begin, None, **changes) for line, begin in enumerate(begins, start=2)]


def ends(rows, hours=24):
    return [row.end for row in hold_until_next(rows, hours)[0]]


@pytest.mark.parametrize(
    ("begins", "expected"),
    [
        ((0, 10, 30), [9, 29, 30 + HOUR]),
        ((30, 0, 10), [30 + HOUR, 9, 29]),
        ((0, 2 * HOUR), [HOUR, 3 * HOUR]),
        ((0, HOUR), [HOUR - 1, 2 * HOUR]),
        ((5, 5, 9), [8, 9 + HOUR]),
        ((), []),
    ],
)
def test_an_activity_holds_until_the_next_but_not_longer_than_said(begins, expected):
    assert ends(of_rows(*begins), hours=1) == expected


def test_an_activity_of_another_resident_ends_none_and_files_do_not_matter():
    rows = [
        *of_rows(0, 20, residents=("A",)),
        *of_rows(10, file="b", residents=("B",)),
        *of_rows(30, file="c", residents=("A",)),
    ]
    assert ends(rows, hours=1) == [19, 29, 10 + HOUR, 30 + HOUR]


def test_an_activity_of_two_residents_holds_for_each_until_the_next_of_theirs():
    rows = [LabelRow("a", 2, 0, None, residents=("A", "B")), LabelRow("a", 3, 10, None, residents=("B",))]
    held, _ = hold_until_next(rows, 1)
    assert [(row.residents, row.end) for row in held] == [(("A",), HOUR), (("B",), 9), (("B",), 10 + HOUR)]


def test_before_a_row_with_an_unreadable_time_the_end_is_unknown():
    rows = [*of_rows(0), LabelRow("a", 3, None, None, fault="no time"), LabelRow("a", 4, 50, None)]
    held, _ = hold_until_next(rows, 1)
    assert [(row.begin, row.end, bool(row.fault)) for row in held] == [
        (0, 0, False),
        (1, 49, True),
        (None, None, True),
        (50, 50 + HOUR, False),
    ]


def test_an_unreadable_row_of_a_resident_ends_the_activity_of_no_other():
    rows = [
        *of_rows(0, residents=("A",)),
        *of_rows(10, residents=("B",)),
        LabelRow("a", 4, None, None, residents=("A",), fault="no time"),
        *of_rows(100, residents=("A",)),
    ]
    held, _ = hold_until_next(rows, 1)
    known = [(row.residents, row.begin, row.end) for row in held if not row.fault]
    assert known == [(("A",), 0, 0), (("B",), 10, 10 + HOUR), (("A",), 100, 100 + HOUR)]


def test_an_unreadable_row_without_a_resident_may_be_anybodys():
    rows = [
        *of_rows(0, residents=("A",)),
        *of_rows(10, residents=("B",)),
        LabelRow("a", 4, None, None, fault="9 cells"),
        *of_rows(100, residents=("A",)),
    ]
    held, _ = hold_until_next(rows, 1)
    assert [(row.residents, row.begin, row.end) for row in held if row.fault and row.begin] == [
        (("A",), 1, 99),
        (("B",), 11, 10 + HOUR),
    ]


def test_an_unreadable_first_row_of_a_file_may_end_the_activity_of_the_file_before():
    rows = [*of_rows(0), LabelRow("b", 2, None, None, fault="no time"), *of_rows(50, file="b")]
    held, _ = hold_until_next(rows, 1)
    assert [(row.begin, row.end) for row in held if not row.fault] == [(0, 0), (50, 50 + HOUR)]


def test_notes_say_what_was_assumed():
    _, notes = hold_until_next(of_rows(0, 0, 5), 1.5)
    assert [note.split()[0] for note in notes] == ["3", "1", "1"]
    assert "for 1.5 hours" in notes[1]


def diary(resident=(), **changes):
    columns = {"begin": ("from",), "activity": ("what",)} | ({"resident": resident} if resident else {})
    events = {role: names for role, names in COLUMNS.items() if role != "activity"}
    intervals = Intervals(("labels*",), columns, hold_hours=2, **changes)
    return home_with(columns=events, intervals=intervals, several="any")


def write_diary(path, *lines, header="from,what", name="labels.csv"):
    write_csv(path / name, *(f"2024-02-03 {line}" for line in lines), header=header)


def write_events(path, *clocks):
    write_csv(path / "events.csv", *(f"2024-02-03 {clock},E1,ON" for clock in clocks), header="time,sensor,state")


def test_a_diary_of_begins_labels_events(tmp_path):
    write_events(tmp_path, "07:59:59", "08:00:00", "08:29:59", "08:30:00", "10:30:00", "10:30:01")
    write_diary(tmp_path, "08:00:00,cooking", "08:30:00,eating")
    events, report = load(tmp_path, diary())
    assert events["activity"].tolist() == ["cooking", "cooking", "eating", "eating"]
    assert report.skipped == {"no activity (unlabelled: drop)": 2}
    assert "2 activities of label files hold until the next one of their resident" in report.notes


def test_activities_after_a_broken_row_of_a_diary_are_lost(tmp_path):
    write_events(tmp_path, "08:00:00", "08:10:00", "08:40:00", "09:30:00")
    write_diary(tmp_path, "08:00:00,cooking", "08h20,eating", "09:00:00,other")
    events, report = load(tmp_path, diary())
    assert events["activity"].tolist() == ["cooking", "other"]
    assert report.skipped == {"its activity is in a broken label row": 2}
    assert [problem.line for problem in report.broken_labels] == [3]


def test_activities_of_a_resident_after_a_broken_row_are_lost_among_rows_of_others(tmp_path):
    write_events(tmp_path, "08:00:00", "08:40:00", "09:30:00")
    write_diary(
        tmp_path,
        "08:00:00,cooking,A",
        "08:00:00,other,B",
        "08h20,eating,A",
        "09:00:00,eating,A",
        header="from,what,who",
    )
    events, _ = load(tmp_path, diary(("who",)))
    assert [set(right) for right in events["alternatives"]] == [{"cooking", "other"}, {"other"}, {"eating", "other"}]


def test_an_unknown_activity_of_a_diary_ends_the_one_before(tmp_path):
    write_events(tmp_path, "08:00:00", "08:40:00", "09:30:00")
    write_diary(tmp_path, "08:00:00,cooking", "08:20:00,eatin", "09:00:00,other")
    events, report = load(tmp_path, diary())
    assert events["activity"].tolist() == ["cooking", "other"]
    assert report.skipped == {"its activity is in a broken label row": 1}


def test_each_file_of_a_diary_may_be_a_residents_with_a_column_of_its_own(tmp_path):
    write_events(tmp_path, "08:00:00", "08:20:00", "08:40:00")
    write_diary(tmp_path, "08:00:00,cooking", "08:30:00,other", header="from,does_ann", name="labels_ann.csv")
    write_diary(tmp_path, "08:10:00,eating", header="from,does_bob", name="labels_bob.csv")
    home = diary(("who",), path_columns="labels_{who}.csv", column_aliases={"what": ("does_ann", "does_bob")})
    events, _ = load(tmp_path, home)
    assert [list(names) for names in events["residents"]] == [["ann"], ["ann", "bob"], ["ann", "bob"]]
    assert [set(right) for right in events["alternatives"]] == [{"cooking"}, {"cooking", "eating"}, {"eating", "other"}]
