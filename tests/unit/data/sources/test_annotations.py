"""Test labels and residents of table rows, from columns and from the intervals of label files."""

import pytest
from hearth.homes.raw_format import Intervals
from table_factories import COLUMNS, DRINKS, HEADER, columns_with, home_with, load, row, write_csv


def test_labels_are_mapped_left_out_or_filled_in(tmp_path):
    rows = [row(n, activity=name) for n, name in enumerate(["Cook", "eating", "noise", ""])]
    write_csv(tmp_path / "a.csv", *rows)
    names = {"Cook": "cooking", "noise": None}
    events, report = load(tmp_path, home_with(activities=names))
    assert events["activity"].tolist() == ["cooking", "eating"]
    assert report.skipped == {"no activity (unlabelled: drop)": 2}
    assert report.places == {"no activity (unlabelled: drop)": ["a.csv:4", "a.csv:5"]}
    assert load(tmp_path, home_with(activities=names, unlabelled="other"))[0]["activity"].tolist()[2:] == ["other"] * 2


@pytest.mark.parametrize(("several", "right"), [("first", None), ("any", [["eating", "cooking"], ["cooking"]])])
def test_the_separator_splits_activities_and_residents_of_a_cell(tmp_path, several, right):
    write_csv(tmp_path / "a.csv", row(1, activity="eating|cooking|eating,B|A"), row(2) + ",", header=HEADER + ",who")
    events, report = load(tmp_path, home_with(columns=columns_with(resident="who"), separator="|", several=several))
    assert events["activity"].tolist() == ["eating", "cooking"]
    assert events["residents"].tolist() == [["A", "B"], []]
    assert (events["alternatives"].tolist() if right else None) == right
    assert report.notes[0].startswith("1 events have several annotations, 1 of them different activities")
    assert f"several: {several}" in report.notes[0]


def test_without_a_separator_a_cell_is_one_label(tmp_path):
    write_csv(tmp_path / "a.csv", f'2024-02-03 08:00:00,E1,ON,"{DRINKS}"')
    assert load(tmp_path)[0]["activity"].tolist() == [DRINKS]


def test_each_of_several_columns_is_a_label(tmp_path):
    write_csv(tmp_path / "a.csv", row(1) + ",eating", row(2, activity="") + ",eating", header=HEADER + ",second")
    events, _ = load(tmp_path, home_with(columns=columns_with(activity=("activity", "second")), several="any"))
    assert events["alternatives"].tolist() == [["cooking", "eating"], ["eating"]]


def with_intervals(who="", **changes):
    label_columns = {"begin": "from", "end": "to", "activity": "what"} | ({"resident": who} if who else {})
    columns = {role: names for role, names in COLUMNS.items() if role != "activity"} | changes.pop("columns", {})
    return home_with(columns=columns, intervals=Intervals(("labels*.csv",), label_columns), several="any", **changes)


def test_labels_may_be_intervals_in_a_file_of_their_own(tmp_path):
    write_csv(
        tmp_path / "a.csv",
        *(f"2024-02-03 08:00:{s:02d},E1,{'ON' if s % 2 else 'OFF'}" for s in range(8)),
        header="time,sensor,state",
    )
    spans = ["01,05,cooking", "03,04,eating", "04,06,other", "06,06,eating"]
    texts = [
        ",".join([f"2024-02-03 08:00:{b}", f"2024-02-03 08:00:{e}", what])
        for b, e, what in (s.split(",") for s in spans)
    ]
    write_csv(tmp_path / "labels.csv", *texts, header="from,to,what")
    events, report = load(tmp_path, with_intervals())
    assert events["alternatives"].tolist() == [
        *(["cooking"], ["cooking"], ["eating", "cooking"], ["other", "eating", "cooking"]),
        *(["other", "cooking"], ["eating", "other"]),
    ]
    assert report.skipped == {"no activity (unlabelled: drop)": 2}
    assert report.files == 2


def test_intervals_of_a_resident_label_that_residents_events(tmp_path):
    rows = ["A", "B", "", "C", "A|B"]
    write_csv(
        tmp_path / "a.csv",
        *(f"2024-02-03 08:00:0{n},E1,ON,{who}" for n, who in enumerate(rows)),
        header="time,sensor,state,who",
    )
    day = "2024-02-03 08:00:00,2024-02-03 09:00:00"
    write_csv(
        tmp_path / "labels.csv", f"{day},cooking,A", f"{day},eating,B", f"{day},other,", header="from,to,what,who"
    )
    events, _ = load(tmp_path, with_intervals("who", columns={"resident": ("who",)}, separator="|"))
    assert [set(right) for right in events["alternatives"]] == [
        *({"cooking", "other"}, {"eating", "other"}, {"cooking", "eating", "other"}, {"other"}),
        {"cooking", "eating", "other"},
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2024-02-03 08:00:09,2024-02-03 08:00:01,eating", "the interval ends before it begins"),
        ("x,2024-02-03 08:00:01,eating", "column from: no time"),
        ("2024-02-03 08:00:01,,eating", "column to: no time"),
        ("2024-02-03 08:00:01", "1 cells"),
    ],
)
def test_a_broken_interval_is_reported(tmp_path, line, reason):
    write_csv(tmp_path / "a.csv", "2024-02-03 08:00:00,E1,ON", header="time,sensor,state")
    write_csv(tmp_path / "labels.csv", "2024-02-03 08:00:00,2024-02-03 08:00:01,cooking", line, header="from,to,what")
    events, report = load(tmp_path, with_intervals())
    assert len(events) == 1
    assert [(problem.file, problem.line) for problem in report.broken] == [("labels.csv", 3)]
    assert reason in report.broken[0].reason
