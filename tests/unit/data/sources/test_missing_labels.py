"""Test that missing label files are told by those of other residents, and by activities that hold for long."""

import numpy as np
import pytest
from hearth.data.sources.held_labels import LabelRow
from hearth.data.sources.missing_labels import days_without_rows, missing_files
from hearth.data.sources.times import HOUR
from hearth.homes.raw_format import Intervals
from table_factories import COLUMNS, home_with, load, write_csv

EVENTS = {role: names for role, names in COLUMNS.items() if role != "activity"}


def diaries(pattern="{who}.csv"):
    columns = {"begin": ("from",), "activity": ("what",)} | ({"resident": ("who",)} if "{who}" in pattern else {})
    return Intervals(("**/labels/*",), columns, path_columns=pattern)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("1/ann.csv 1/bob.csv 2/ann.csv 2/bob.csv", []),
        ("1/ann.csv 1/bob.csv 2/bob.csv", ["2/ann.csv"]),
        ("1/ann.csv 1/bob.csv 2/bob.csv 3/ann.csv", ["2/ann.csv", "3/bob.csv"]),
        ("ann/ann.csv ann/bob.csv bob/ann.csv", ["bob/bob.csv"]),
        ("1/ann.csv 2/bob.csv", []),  # no place has both: these may be homes of one resident each
        ("1/ann.csv 1/bob.csv 2/ann.csv 2/bob.csv 3/eve.csv", []),
        ("ann.csv", []),
    ],
)
def test_the_files_of_a_resident_are_where_those_of_others_are(names, expected):
    assert missing_files(names.split(), diaries()) == expected


def test_files_that_name_the_day_too_are_told_by_day():
    names = ["d1_ann.csv", "d1_bob.csv", "d2_bob.csv"]
    assert missing_files(names, diaries("d*_{who}.csv")) == ["d2_ann.csv"]


def test_files_that_name_no_resident_have_none_missing():
    assert missing_files(["1/a.csv", "1/b.csv", "2/a.csv"], diaries("*.csv")) == []


def test_a_missing_diary_of_one_resident_is_named(tmp_path):
    for day in (3, 4):
        moments = [f"2024-02-{day:02d} {clock}" for clock in ("08:00:00", "09:00:00")]
        write_csv(tmp_path / f"{day}/events.csv", *(f"{each},E1,ON" for each in moments), header="time,sensor,state")
        for who in ("ann", "bob")[day - 3 :]:
            write_csv(tmp_path / f"{day}/labels/{who}.csv", f"{moments[0]},cooking", header="from,what")
    home = home_with(columns=EVENTS, intervals=diaries(), files=("*/events.csv",), several="any")
    _, report = load(tmp_path, home)
    assert any("no label file 4/labels/ann.csv, though" in text for text in report.warnings)


def write_diary(root, *begins):
    write_csv(root / "labels/d.csv", *(f"{begin},{what}" for begin, what in begins), header="from,what")


@pytest.mark.parametrize(
    ("zone", "bare"),
    [("", "2024-02-04 (2 rows)"), ("Z", "2024-02-04 (1 row), 2024-02-05 (1 row)")],
)
def test_a_day_without_a_row_of_the_diary_is_named(tmp_path, zone, bare):
    moments = ["2024-02-03 08:00:00", "2024-02-04 10:00:00", "2024-02-04 23:30:00", "2024-02-06 08:00:00"]
    if zone:  # the same day of the home's clock, but not of UTC
        moments[2] = "2024-02-05 00:30:00"
    write_csv(tmp_path / "events.csv", *(f"{each}{zone},E1,ON" for each in moments), header="time,sensor,state")
    write_diary(tmp_path, (f"2024-02-03 08:00:00{zone}", "eating"), (f"2024-02-06 07:00:00{zone}", "cooking"))
    home = home_with(columns=EVENTS, intervals=diaries("*.csv"), files=("events.csv",))
    _, report = load(tmp_path, home)
    (text,) = [each for each in report.warnings if "no row of a label file" in each]
    assert f"no row of a label file: {bare}; activities that began before hold on there" in text


def at(day, hour=8, who="ann"):
    return LabelRow("d.csv", 7, day * 24 * HOUR + hour * HOUR, None, ("sleeping",), (who,) if who else ())


@pytest.mark.parametrize(
    ("rows", "days", "expected"),
    [
        ([at(0), at(1)], [0, 1], []),
        ([at(0), at(2)], [0, 2], []),  # a day without events lacks nothing
        ([at(0)], [0, 1], ["1 of 2 days with events have no row of a label file of ann: 1970-01-02"]),
        ([at(0), at(1), at(1, who="bob")], [0, 1], ["1 of 2 days with events have no row of a label file of bob"]),
        ([at(0, who="")], [0, *range(3, 10)], ["7 of 8 days with events have no row of a label file: 1970-01-04"]),
        ([], [0], []),
        ([at(0)], [], []),
    ],
)
def test_days_are_told_for_each_resident(rows, days, expected):
    texts = days_without_rows(rows, np.array([day * 24 * HOUR + 9 * HOUR for day in days], dtype=np.int64), "UTC")
    assert [text[: len(start)] for text, start in zip(texts, expected, strict=True)] == expected
    assert all(("and 2 more" in text) == (len(days) == 8) for text in texts)


@pytest.mark.parametrize("own", ["08:00:00", "08:30:00"])
def test_events_that_another_folders_label_file_labels_are_named(tmp_path, own):
    day = "2024-02-03"
    spans = {"a": (own, "08:40:00"), "b": ("08:10:00", "08:20:00")}
    for folder, (begin, end) in spans.items():
        write_csv(
            tmp_path / f"{folder}/events.csv", f"{day} 08:1{int(folder == 'b')}:00,E1,ON", header="time,sensor,state"
        )
        write_csv(tmp_path / f"{folder}/labels.csv", f"{day} {begin},{day} {end},cooking", header="from,to,what")
    columns = {"begin": ("from",), "end": ("to",), "activity": ("what",)}
    home = home_with(columns=EVENTS, intervals=Intervals(("*/labels.csv",), columns), files=("*/events.csv",))
    _, report = load(tmp_path, home)
    texts = [text for text in report.warnings if "in another folder alone" in text]
    assert [text.partition(": ")[2] for text in texts] == ([] if own == "08:00:00" else ["a/events.csv (1)"])
