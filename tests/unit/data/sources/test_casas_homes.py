"""Read the shipped homes of CASAS: invented lines in the form of their files, and a recorded part of the ADL set."""

from collections import Counter

import pytest
from hearth.data.events import check_events
from hearth.data.sources import casas, table
from hearth.homes.home import load_home
from real_data import SHARED, needs_data
from repository import HOMES

ADL = SHARED / "public_homes" / "casas-adlnormal"


def load(root, name):
    home = load_home(HOMES / f"{name}.yaml")
    events, report = casas.read(root, home)
    check_events(events, home)
    assert report.rows == len(events) + len(report.broken) + sum(report.skipped.values())
    return events, report


def test_marks_of_the_release_of_2025_label_all_lines_from_begin_to_end(tmp_path):
    lines = (
        '2012-07-20,10:38:54.512364,OutsideDoor,ON,Step_Out="begin"',
        "2012-07-20,10:38:55,OutsideDoor,OPEN",
        '2012-07-20,10:39:01.5,OutsideDoor,CLOSE,Step_Out="end"',
        "2012-07-20,10:41:00,LivingRoom,ON",
        "2012-07-20,10:41:07,LivingRoom,OFF,Relax",
    )
    (tmp_path / "hh101.csv").write_text("\n".join(lines) + "\n")
    for name in ("hh101", "casas-hh"):
        events, report = load(tmp_path, name)
        assert events["activity"].tolist() == ["Step_Out"] * 3 + ["Relax"]
        assert events["description"].tolist()[0] == "entrance front door motion detected"
        assert report.skipped == {"no activity (unlabelled: drop)": 1}
        assert report.broken == []


def test_files_of_two_homes_are_not_one_home(tmp_path):
    for home, room in [("hh102", "Kitchen"), ("hh103", "Bedroom")]:
        lines = [f"2012-07-{day:02},10:41:00,{room},ON,Relax" for day in (20, 22)]
        (tmp_path / f"{home}.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(
        ValueError, match=r"hh103\.csv begins at 2012-07-20 10:41:00, before hh102\.csv ends.*two homes"
    ):
        load(tmp_path, "casas-hh")
    assert len(load(tmp_path / "hh103.csv", "casas-hh")[0]) == 2


def test_files_of_one_home_may_follow_each_other(tmp_path):
    for month in ("07", "08"):
        (tmp_path / f"hh102_{month}.csv").write_text(f"2012-{month}-20,10:41:00,Kitchen,ON,Relax\n")
    assert len(load(tmp_path, "casas-hh")[0]) == 2


@pytest.mark.parametrize("file", ["aruba.csv", "milan.csv"])
def test_files_without_labels_are_refused_with_what_to_read_instead(tmp_path, file):
    (tmp_path / file).write_text("2010-11-04,00:03:50.209589,Bedroom,ON\n2010-11-04,00:03:57.3,Bedroom,OFF\n")
    with pytest.raises(ValueError, match=r"no line has a label.*release of 2025 has Aruba and Milan without labels"):
        casas.read(tmp_path / file, load_home(HOMES / "casas-hh.yaml"))


def test_marks_count_on_lines_whose_sensor_is_left_out_or_whose_state_is_damaged(tmp_path):
    lines = (
        "T001 21.5 Sleeping begin",
        "M003 ON",
        "M003 ONM026 Sleeping end",
        "M003 OFF",
        "ENTERHOME ON Enter_Home begin",
    )
    lines += ("D001 OPEN", "c OFF Enter_Home end", "M011 ON Relax", "M009 ON")
    (tmp_path / "data").write_text("\n".join(f"2010-11-04 00:03:5{n} {line}" for n, line in enumerate(lines)))
    events, report = load(tmp_path, "aruba")
    found = [tuple(pair) for pair in events[["sensor", "activity"]].to_numpy()]
    assert found == [("M003", "Sleeping"), ("D001", "Enter_Home"), ("M011", "Relax")]
    assert [problem.line for problem in report.broken] == [3, 7]
    assert report.skipped["no activity (unlabelled: drop)"] == 2


def test_a_misspelled_and_a_doubled_mark_of_tulum_begin_their_activities_and_are_noted(tmp_path):
    lines = ("M014 ON Meal_Preparation begub", "M014 OFF", "M015 ON Meal_Preparation end", "M019 ON")
    lines += ("M020 ON R2_Sleeping_in_Bed begin begin", "M021 ON R2_Sleeping_in_Bed  end")
    text = "\n".join(f"2009-10-01 08:00:0{second} {line}" for second, line in enumerate(lines))
    (tmp_path / "data").write_text(text)
    events, report = load(tmp_path, "tulum-2010")
    assert events["activity"].tolist() == ["Meal_Preparation"] * 3 + ["Sleeping_in_Bed"] * 2
    assert events["residents"].tolist() == [[], [], [], ["R2"], ["R2"]]
    assert report.notes[:2] == [
        "data:1: 'Meal_Preparation begub' is read as 'Meal_Preparation begin'",
        "data:5: 'R2_Sleeping_in_Bed begin begin' is read as 'R2_Sleeping_in_Bed begin'",
    ]
    assert report.broken == []


def test_the_keys_in_a_comment_read_files_whose_names_tell_the_task(tmp_path):
    text = (HOMES / "casas-adlnormal.yaml").read_text()
    head, _, comment = text.partition("  # The files p01.t1")
    keys = "".join(line.replace("  #   ", "  ", 1) for line in comment.splitlines(keepends=True)[1:])
    (tmp_path / "home.yaml").write_text(head.partition("recording:")[0] + "recording:\n" + keys)
    for person, task in [(1, 1), (1, 2), (24, 5)]:
        line = f"2008-03-{person:02}\t11:0{task}:48.453567\tM13\t"
        (tmp_path / f"p{person:02}.t{task}").write_text(f"{line}ON\n{line}OFF\n")
    events, report = table.read(tmp_path, load_home(tmp_path / "home.yaml"))
    assert events["activity"].tolist() == ["Phone_Call"] * 2 + ["Wash_hands"] * 2 + ["Clean"] * 2
    assert events["session"].nunique() == 2
    assert events["group_person"].tolist() == ["01"] * 4 + ["24"] * 2
    assert (report.rows, report.broken) == (6, [])


@needs_data(ADL)
def test_labels_of_a_part_of_the_adl_set_equal_an_independent_count():
    events, report = load(ADL, "casas-adlnormal")
    lines = [line.split("\t") for line in (ADL / "data").read_text().splitlines()]
    expected, current = Counter(), ""
    seen = set()
    for cells in lines:
        mark = cells[4].split() if len(cells) > 4 else ["", ""]
        current = mark[0] if mark[1] == "begin" else current
        kept = not cells[2].startswith("AD1") and cells[2] != "E01" and tuple(cells) not in seen
        seen.add(tuple(cells))
        expected[current] += kept
        current = "" if mark[1] == "end" else current
    assert report.rows == len(lines) == 2756
    assert (report.broken, report.warnings) == ([], [])
    assert expected.pop("", 0) == report.skipped.get("no activity (unlabelled: drop)", 0)
    assert Counter(events["activity"]) == expected
    assert events["session"].nunique() == 10
