"""Test text whose rows are written across groups of lines."""

import pandas as pd
import pytest
from hearth.data.sources.tabular import read_blocks, read_column_names
from hearth.homes.raw_format import FileForm, LineGroups
from table_factories import home_with, load

GROUPS = LineGroups(("what", "day"), ("device", "on", "off"))
FORM = FileForm(line_groups=GROUPS)
COOKING = ["cooking,2/3/2024", "E1,E1,E1", "8:0:5,8:1:0,8:2:0", "8:0:9,8:1:3,7:0:0"]
EATING = ["eating,2/3/2024", "E1", "7:59:59", "8:0:1"]


def read(path, form=FORM, columns=GROUPS.columns):
    blocks = list(read_blocks(path, columns, form))
    return (
        pd.concat([block.cells for block in blocks]).to_numpy().tolist(),
        [int(line) for block in blocks for line in block.lines],
        [line for block in blocks for line, _ in block.faults],
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_place_in_the_lists_is_a_row_with_the_cells_of_the_head(tmp_path, end):
    (tmp_path / "a.csv").write_text(end.join([*COOKING, "", *EATING, ""]), newline="")
    assert read(tmp_path / "a.csv") == (
        [
            ["cooking", "2/3/2024", "E1", "8:0:5", "8:0:9"],
            ["cooking", "2/3/2024", "E1", "8:1:0", "8:1:3"],
            ["cooking", "2/3/2024", "E1", "8:2:0", "7:0:0"],
            ["eating", "2/3/2024", "E1", "7:59:59", "8:0:1"],
        ],
        [1, 1, 1, 6],
        [],
    )
    assert read_column_names(tmp_path / "a.csv", FORM) == ["what", "day", "device", "on", "off"]


@pytest.mark.parametrize(("delimiter", "mark"), [(";", ";"), ("tabs", "\t\t"), ("blanks", " \t")])
def test_cells_are_divided_as_those_of_csv(tmp_path, delimiter, mark):
    lines = [line.replace(",", mark) for line in EATING]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    form = FileForm(delimiter=delimiter, line_groups=GROUPS)
    assert read(tmp_path / "a.txt", form, ["on", "what"]) == ([["7:59:59", "eating"]], [1], [])


@pytest.mark.parametrize(
    ("lines", "rows", "faults"),
    [
        # A line is missing: every line of its group is named, and the next group is read.
        ([*COOKING[:2], *COOKING[3:], *EATING], 1, [1, 2, 3]),
        # A list is shorter than the others.
        ([*COOKING[:3], "8:0:9", *EATING], 1, [1, 2, 3, 4]),
        # Lists that would do as a first line are none.
        ([COOKING[0], "E1,E2,E1", *["8:0:5,8:1:0"] * 3, *EATING], 1, [1, 2, 3, 4, 5]),
        # The head has a cell too many.
        (["cooking,2/3/2024,x", *COOKING[1:], *EATING], 1, [1, 2, 3, 4]),
        # The end of the file is cut off.
        ([*EATING, *COOKING[:3]], 1, [5, 6, 7]),
    ],
)
def test_lines_that_are_no_group_are_faults_and_the_next_group_is_read(tmp_path, lines, rows, faults):
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    cells, _, found = read(tmp_path / "a.csv")
    assert (len(cells), found) == (rows, faults)
    assert cells[0][0] == "eating"


def test_a_column_that_no_line_has_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("\n".join(EATING))
    with pytest.raises(ValueError, match=r"a\.csv: no column 'of'; did you mean 'off'"):
        read(tmp_path / "a.csv", columns=["of"])


def test_periods_with_a_date_for_all_are_labelled_by_their_group_and_end_on_the_next_day(tmp_path):
    (tmp_path / "a.csv").write_text("\n".join([*COOKING, *EATING]) + "\n")
    columns = {"begin": ("day", "on"), "end": ("day", "off"), "sensor": ("device",), "activity": ("what",)}
    events, report = load(tmp_path, home_with("%m/%d/%Y %H:%M:%S", columns=columns, line_groups=GROUPS))
    clock = events["time"].dt.strftime("%d %H:%M:%S")
    assert list(zip(clock, events["state"].str.removeprefix("turned "), events["activity"], strict=True)) == [
        ("03 07:59:59", "ON", "eating"),
        ("03 08:00:01", "OFF", "eating"),
        ("03 08:00:05", "ON", "cooking"),
        ("03 08:00:09", "OFF", "cooking"),
        ("03 08:01:00", "ON", "cooking"),
        ("03 08:01:03", "OFF", "cooking"),
        ("03 08:02:00", "ON", "cooking"),
        ("04 07:00:00", "OFF", "cooking"),
    ]
    assert (report.rows, report.loaded, report.broken) == (8, 8, [])
