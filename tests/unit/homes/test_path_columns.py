"""Test columns that are parts of a file's path."""

import pytest
from hearth.homes.path_columns import path_cells, path_column_names, path_column_problems


@pytest.mark.parametrize(
    ("pattern", "path", "cells"),
    [
        ("", "a.csv", {}),
        ("{sensor}.csv", "c1.csv", {"sensor": "c1"}),
        ("{sensor}.csv", "DAY_1/Contact/c1.csv", {"sensor": "c1"}),
        ("{day}/*/{sensor}.csv", "home/DAY_1/Contact/c1.csv", {"day": "DAY_1", "sensor": "c1"}),
        (
            "*_{date} {clock}.csv",
            "temp/weekday_morning_2016-02-01 08-00-00.csv",
            {"date": "2016-02-01", "clock": "08-00-00"},
        ),
        ("p{person}.t{task}", "p01.t1", {"person": "01", "task": "1"}),
        ("{a b}+({c}).txt", "x+(y).txt", {"a b": "x", "c": "y"}),
    ],
)
def test_names_stand_for_parts_of_the_paths_end(pattern, path, cells):
    assert path_cells(pattern, path) == cells
    assert path_column_names(pattern) == list(cells)


@pytest.mark.parametrize("path", ["c1.tsv", "Contact/c1.csv", "/x/.csv", "DAY_1/Contact/old/c1.csv.bak"])
def test_a_path_that_does_not_end_so_is_an_error(path):
    with pytest.raises(ValueError, match=r"its path does not end as path_columns '\{day\}/\*/\{sensor\}.csv' says"):
        path_cells("{day}/*/{sensor}.csv", path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("sensor.csv", "names no column"),
        ("{sensor.csv", "has a brace alone"),
        ("{}.csv", "has a brace alone"),
        ("{a/b}.csv", "has a brace alone"),
        ("{sensor}/{sensor}.csv", "'sensor' is named twice"),
        ("{sensor}-{day}.csv", "'day' has no role"),
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(pattern, message):
    (problem,) = path_column_problems(pattern, {"sensor"})
    assert problem[0] == ["path_columns"]
    assert message in problem[1]
