"""Test labels and residents of table rows, from their columns."""

import pytest
from table_factories import DRINKS, HEADER, columns_with, home_with, load, row, write_csv


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
    found = report.notes if several == "any" else report.warnings
    assert found[0].startswith("1 events have several annotations, 1 of them different activities")
    assert f"several: {several}" in found[0]


def test_without_a_separator_a_cell_is_one_label(tmp_path):
    write_csv(tmp_path / "a.csv", f'2024-02-03 08:00:00,E1,ON,"{DRINKS}"')
    assert load(tmp_path)[0]["activity"].tolist() == [DRINKS]


def test_each_of_several_columns_is_a_label(tmp_path):
    write_csv(tmp_path / "a.csv", row(1) + ",eating", row(2, activity="") + ",eating", header=HEADER + ",second")
    events, _ = load(tmp_path, home_with(columns=columns_with(activity=("activity", "second")), several="any"))
    assert events["alternatives"].tolist() == [["cooking", "eating"], ["eating"]]
