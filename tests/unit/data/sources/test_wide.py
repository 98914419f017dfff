"""Test tables with a column for each sensor."""

import re

import pytest
from hearth.data.sources import text_lines
from hearth.homes.raw_format import Intervals, Wide
from table_factories import home_with, load, write_csv

HEADER = "E1,E2,what"
WIDE = Wide(("E*",), "2024-02-03 00:00:00")


def home(wide=WIDE, columns=None, **changes):
    return home_with(columns={"activity": ("what",)} | (columns or {}), wide=wide, **changes)


def facts(events):
    clock = events["time"].dt.strftime("%d %H:%M:%S")
    return list(zip(clock, events["sensor"], events["state"], events["activity"], strict=True))


@pytest.mark.parametrize("block", [10, 40, 2**24])
def test_a_cell_that_differs_from_the_cell_above_is_an_event(tmp_path, monkeypatch, block):
    monkeypatch.setattr(text_lines, "BLOCK", block)
    rows = ["OFF,OFF,cooking", "ON,OFF,cooking", "ON,OFF,eating", " ,ON,eating", "OFF,ON,eating", "ON,,other"]
    write_csv(tmp_path / "a.csv", *rows, header=HEADER)
    events, report = load(tmp_path, home())
    assert facts(events) == [
        ("03 00:00:01", "E1", "turned ON", "cooking"),
        ("03 00:00:03", "E2", "turned ON", "eating"),
        ("03 00:00:04", "E1", "turned OFF", "eating"),
        ("03 00:00:05", "E1", "turned ON", "other"),
    ]
    assert report.skipped == {"first row of a file, which sets the states (wide)": 1, "row without a change (wide)": 1}
    assert (report.rows, report.broken, report.warnings) == (6, [], [])


def test_a_row_of_empty_cells_takes_its_second_unless_rows_have_times(tmp_path):
    write_csv(tmp_path / "a.csv", ",,", "OFF,OFF,cooking", ",,", "ON,OFF,cooking", ",,", header=HEADER)
    events, report = load(tmp_path, home())
    assert (facts(events), report.rows) == ([("03 00:00:03", "E1", "turned ON", "cooking")], 5)
    rows = ["2024-02-03 08:00:00,OFF,OFF,cooking", ",,,", "2024-02-03 08:05:00,ON,OFF,cooking", ",,,"]
    write_csv(tmp_path / "a.csv", *rows, header="time," + HEADER)
    events, report = load(tmp_path, home(Wide(("E*",)), {"time": ("time",)}))
    assert (facts(events), report.rows) == ([("03 08:05:00", "E1", "turned ON", "cooking")], 2)


@pytest.mark.parametrize("block", [10, 2**24])
def test_the_state_after_an_ignored_one_is_an_event_only_if_it_differs(tmp_path, monkeypatch, block):
    monkeypatch.setattr(text_lines, "BLOCK", block)
    cells = ["unavailable", "OFF", "ON", "unavailable", "ON", "unavailable", "OFF"]
    write_csv(tmp_path / "a.csv", *(f"{each},OFF,cooking" for each in cells), header=HEADER)
    events, report = load(tmp_path, home(ignored_states=("unavail*",)))
    assert [fact[0:3] for fact in facts(events)] == [
        ("03 00:00:02", "E1", "turned ON"),
        ("03 00:00:06", "E1", "turned OFF"),
    ]
    assert report.skipped["state unavailable (ignored_states)"] == 2
    assert (report.broken, report.warnings) == ([], [])


def test_cells_that_change_in_one_row_are_events_in_the_order_of_columns(tmp_path):
    write_csv(tmp_path / "a.csv", "OFF,OFF,cooking", "ON,ON,cooking", header=HEADER)
    events, report = load(tmp_path, home())
    assert events["sensor"].tolist() == ["E1", "E2"]
    assert report.rows == 3


def test_a_column_may_have_the_times(tmp_path):
    rows = ["2024-02-03 08:00:00,OFF,OFF,cooking", "2024-02-03 08:05:00,ON,OFF,cooking", "x,ON,ON,cooking"]
    rows.append("2024-02-03 09:00:00,OFF,ON,cooking")
    write_csv(tmp_path / "a.csv", *rows, header="time," + HEADER)
    events, report = load(tmp_path, home(Wide(("E*",)), {"time": ("time",)}))
    assert facts(events) == [
        ("03 08:05:00", "E1", "turned ON", "cooking"),
        ("03 09:00:00", "E1", "turned OFF", "cooking"),
    ]
    assert [problem.line for problem in report.broken] == [4]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_rows_with_an_unreadable_time_are_broken_though_nothing_changes(tmp_path, bad):
    cells = ["OFF,OFF,cooking", "OFF,OFF,cooking", ",,cooking"]
    times = ["2024-13-03 08:00:00" if row == bad else f"2024-02-03 08:00:0{row}" for row in range(3)]
    rows = [",".join(row) for row in zip(times, cells, strict=True)]
    write_csv(tmp_path / "a.csv", *rows, "2024-02-03 09:00:00,ON,ON,cooking", header="time," + HEADER)
    events, report = load(tmp_path, home(Wide(("E*",)), {"time": ("time",)}))
    assert facts(events) == [("03 09:00:00", sensor, "turned ON", "cooking") for sensor in ("E1", "E2")]
    assert [(problem.line, "'2024-13-03 08:00:00' is no time" in problem.reason) for problem in report.broken] == [
        (bad + 2, True)
    ]
    assert report.rows == 5
    assert sum(report.skipped.values()) == 2


def test_each_further_file_begins_a_day_later_and_sets_its_own_states(tmp_path):
    for name in ("DAY_1.txt", "DAY_2.txt", "DAY_10.txt"):
        write_csv(tmp_path / name, f"OFF OFF {name}", "ON OFF cooking", header="")
    settings = {"files": ("DAY*",), "delimiter": " ", "header": ("E1", "E2", "what"), "format": "csv"}
    events, report = load(tmp_path, home(Wide(("E1", "E2"), "2024-02-03 06:00:00", 2), **settings))
    assert facts(events) == [(f"0{day} 06:00:02", "E1", "turned ON", "cooking") for day in (3, 4, 5)]
    assert "each file is a day: DAY_1.txt begins on 2024-02-03, DAY_10.txt on 2024-02-05" in report.notes
    short, skipped = report.warnings
    assert short.startswith(
        "3 files have fewer than the 43200 rows of a day: DAY_1.txt (2 rows), DAY_2.txt (2 rows), DAY_"
    )
    assert skipped == "files are read as consecutive days (wide.start), but the numbers in their names skip some days"


@pytest.mark.parametrize(("rows", "short"), [((3, 3), ""), ((3, 2), "DAY_2.txt (2 rows)"), ((2,), "")])
def test_a_day_with_fewer_rows_than_a_day_has_is_named(tmp_path, rows, short):
    for day, count in enumerate(rows, start=1):
        write_csv(
            tmp_path / f"DAY_{day}.txt", *["OFF OFF cooking", "ON OFF cooking", "ON ON eating"][:count], header=""
        )
    settings = {"files": ("DAY*",), "delimiter": " ", "header": ("E1", "E2", "what"), "format": "csv"}
    _, report = load(tmp_path, home(Wide(("E1", "E2"), "2024-02-03 00:00:00", 8 * 3600), **settings))
    texts = [text.partition(": ")[2] for text in report.warnings if "rows of a day" in text]
    assert [text.partition(";")[0] for text in texts] == ([short] if short else [])


def test_rows_that_cannot_be_read_take_their_time_and_are_broken(tmp_path):
    write_csv(tmp_path / "a.csv", "OFF,OFF,cooking", "ON", "ON,OFF,cooking", header=HEADER)
    events, report = load(tmp_path, home())
    assert facts(events) == [("03 00:00:02", "E1", "turned ON", "cooking")]
    assert [problem.line for problem in report.broken] == [3]


def test_a_file_longer_than_a_day_is_refused(tmp_path):
    write_csv(tmp_path / "a.csv", *["OFF,OFF,cooking"] * 4, header=HEADER)
    wide = Wide(("E*",), "2024-02-03 00:00:00", 8 * 3600)
    with pytest.raises(ValueError, match="more than a day"):
        load(tmp_path, home(wide))
    write_csv(tmp_path / "a.csv", "OFF,OFF,cooking", "ON,OFF,cooking", "OFF,OFF,cooking", header=HEADER)
    assert facts(load(tmp_path, home(wide))[0])[-1][0] == "03 16:00:00"


def test_a_pattern_that_matches_no_column_is_refused(tmp_path):
    write_csv(tmp_path / "a.csv", "OFF,OFF,cooking", header=HEADER)
    with pytest.raises(ValueError, match=re.escape("a.csv: no column matches 'M*' of wide.sensors")):
        load(tmp_path, home(Wide(("E*", "M*"), WIDE.start)))


def test_sensors_that_measure_can_be_ignored(tmp_path):
    rows = [f"{'ON' if n % 2 else 'OFF'},{20 + n / 10},cooking" for n in range(4)]
    write_csv(tmp_path / "a.csv", *rows, header=HEADER)
    events, report = load(tmp_path, home(ignored_sensors=("E2",)))
    assert len(events) == 3
    assert report.skipped["sensor E2 (ignored_sensors)"] == 3


def test_labels_of_wide_tables_may_be_in_label_files_and_residents_in_a_column(tmp_path):
    write_csv(tmp_path / "a.csv", "OFF,OFF,Ann", "ON,OFF,Ann", "ON,ON,Ben", header="E1,E2,who")
    day = "2024-02-03 00:00"
    write_csv(tmp_path / "labels.csv", f"{day}:00,{day}:01,cooking", f"{day}:02,{day}:09,eating", header="from,to,what")
    intervals = Intervals(("labels.csv",), {"begin": ("from",), "end": ("to",), "activity": ("what",)})
    events, report = load(tmp_path, home_with(columns={"resident": ("who",)}, wide=WIDE, intervals=intervals))
    assert events["activity"].tolist() == ["cooking", "eating"]
    assert events["residents"].tolist() == [["Ann"], ["Ben"]]
    assert report.warnings == []


@pytest.mark.parametrize("block", [10, 60, 2**24])
@pytest.mark.parametrize(("minutes", "kept"), [(30, []), (60, ["03 09:00:01 E1"]), (9, [])])
def test_the_first_row_after_a_pause_sets_the_states_where_pauses_end_sessions(
    tmp_path, monkeypatch, block, minutes, kept
):
    monkeypatch.setattr(text_lines, "BLOCK", block)
    rows = ["08:00:00,OFF,OFF", "08:00:01,ON,OFF", "09:00:01,OFF,OFF", "09:00:02,OFF,ON"]
    write_csv(tmp_path / "a.csv", *(f"2024-02-03 {each},cooking" for each in rows), header="time," + HEADER)
    chosen = home(Wide(("E*",)), {"time": ("time",)}, sessions="gap", gap_minutes=minutes)
    events, report = load(tmp_path, chosen)
    found = [f"{clock} {sensor}" for clock, sensor, *_ in facts(events)]
    assert found == ["03 08:00:01 E1", *kept, "03 09:00:02 E2"]
    assert report.skipped["first row after a pause, which sets the states (wide)"] == (not kept)


def test_the_first_row_of_an_earlier_session_below_a_later_one_sets_the_states(tmp_path):
    rows = ["04 08:00:00,OFF,OFF", "04 08:00:01,ON,OFF", "03 08:00:00,OFF,ON", "03 08:00:01,ON,ON"]
    write_csv(tmp_path / "a.csv", *(f"2024-02-{each},cooking" for each in rows), header="time," + HEADER)
    events, _ = load(tmp_path, home(Wide(("E*",)), {"time": ("time",)}, sessions="gap"))
    assert [fact[:2] for fact in facts(events)] == [("03 08:00:01", "E1"), ("04 08:00:01", "E1")]


def test_a_row_without_a_time_in_a_table_with_pauses_is_broken(tmp_path):
    rows = ["2024-02-03 08:00:00,OFF,OFF", "soon,ON,OFF", "2024-02-03 09:00:00,OFF,ON", "2024-02-03 09:00:01,ON,ON"]
    write_csv(tmp_path / "a.csv", *(f"{each},cooking" for each in rows), header="time," + HEADER)
    events, report = load(tmp_path, home(Wide(("E*",)), {"time": ("time",)}, sessions="gap"))
    assert [fact[:2] for fact in facts(events)] == [("03 09:00:01", "E1")]
    assert [problem.line for problem in report.broken] == [3]
