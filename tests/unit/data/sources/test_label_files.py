"""Test labels and residents of table rows from the intervals of label files."""

from dataclasses import replace

import pytest
from hearth.homes.raw_format import FileForm, Intervals, TimeForm
from hypothesis import given, settings
from hypothesis import strategies as st
from table_factories import COLUMNS, cell, home_with, load, write_csv

EVENTS = "time,sensor,state"
LABELS = "from,to,what"
UTF8, ISO = FileForm(), TimeForm()


def with_intervals(who="", label_separator="", form=UTF8, time=ISO, begin=("from",), end=("to",), **changes):
    label_columns = {"begin": begin, "end": end, "activity": ("what",)} | ({"resident": (who,)} if who else {})
    columns = {role: names for role, names in COLUMNS.items() if role != "activity"} | changes.pop("columns", {})
    intervals = Intervals(("labels*",), label_columns, form, time, label_separator)
    return home_with(columns=columns, intervals=intervals, **({"several": "any"} | changes))


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


def write_events(path, *clocks, day="2024-02-03"):
    return write_csv(path / "a.csv", *(f"{day} {clock},E1,ON" for clock in clocks), header=EVENTS)


def write_labels(path, *lines, day="2024-02-03", header=LABELS):
    spans = [line.split(",", 2) for line in lines]
    return write_csv(path / "labels.csv", *(f"{day} {b},{day} {e},{rest}" for b, e, rest in spans), header=header)


BROKEN = {
    "reversed": ("2024-02-03 08:04:00,2024-02-03 08:03:00,eating", "the interval ends before it begins"),
    "no begin": ("x,2024-02-03 08:04:00,eating", "column from: 'x' is no time in iso8601"),
    "no end": ("2024-02-03 08:03:00,,eating", "column to: '' is no time in iso8601"),
    "too few cells": ("2024-02-03 08:03:00", "1 cells"),
    "unknown activity": ("2024-02-03 08:03:00,2024-02-03 08:04:00,eatin", "unknown activity 'eatin'; did you mean"),
    "no activity": ("2024-02-03 08:03:00,2024-02-03 08:04:00, ", "column what: no activity"),
}


@pytest.mark.parametrize(("line", "reason"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("unlabelled", ["drop", "other"])
def test_a_broken_label_row_costs_the_events_that_it_may_label_and_is_reported_apart(
    tmp_path, line, reason, unlabelled
):
    write_events(tmp_path, "08:00:30", "08:03:30", "08:06:30", "08:09:00")
    lines = ["2024-02-03 08:00:00,2024-02-03 08:01:00,cooking", line, "2024-02-03 08:06:00,2024-02-03 08:07:00,eating"]
    write_csv(tmp_path / "labels.csv", *lines, header=LABELS)
    events, report = load(tmp_path, with_intervals(unlabelled=unlabelled))
    assert events["activity"].tolist() == ["cooking", "eating", *(["other"] if unlabelled == "other" else [])]
    assert [(problem.file, problem.line) for problem in report.broken_labels] == [("labels.csv", 3)]
    assert reason in report.broken_labels[0].reason
    assert (report.broken, report.rows, report.label_rows) == ([], 4, 3)
    assert report.skipped["its activity is in a broken label row"] == 1
    assert report.places["its activity is in a broken label row"] == ["a.csv:3"]
    assert report.skipped["no activity (unlabelled: drop)"] == (unlabelled == "drop")


@pytest.mark.parametrize("broken", ["8h,9h,eating,A", "09:00:01,10h,eating,A", "9h,09:59:59,eating,A"])
@pytest.mark.parametrize("unlabelled", ["drop", "other"])
def test_a_broken_interval_of_a_resident_lies_between_this_residents_others(tmp_path, broken, unlabelled):
    rows = (f"2024-02-03 {clock},E1,ON,A" for clock in ("08:10:00", "09:30:00", "10:10:00"))
    write_csv(tmp_path / "a.csv", *rows, header="time,sensor,state,who")
    other = ["08:30,20:00,eating,B", "09:10,09:20,eating,B", "09:40,09:50,eating,B"]
    spans = ["08:00,09:00,cooking,A", *other, broken, "10:00,11:00,cooking,A"]
    write_labels(tmp_path, *spans, header="from,to,what,who")
    home = with_intervals("who", columns={"resident": ("who",)}, unlabelled=unlabelled)
    events, report = load(tmp_path, home)
    assert events["time"].dt.hour.tolist() == [8, 10]
    assert report.skipped == {"its activity is in a broken label row": 1}


def test_another_activity_at_the_time_of_a_broken_label_row_counts(tmp_path):
    write_events(tmp_path, "08:00:30", "08:01:30")
    write_labels(tmp_path, "08:00:00,08:02:00,eatin", "08:01:00,08:02:00,cooking")
    events, report = load(tmp_path, with_intervals())
    assert events["activity"].tolist() == ["cooking"]
    assert len(report.broken_labels) == 1


def test_label_files_have_a_form_a_zone_and_a_separator_of_their_own(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-02-03 07:00:30,E1,ON", "2024-02-03 08:00:30,E1,ON", header=EVENTS)
    lines = [
        "03.02.2024 08:00;03.02.2024 08:01;café|eating",
        "03.02.2024 09:00;03.02.2024 09:01;other",
    ]
    write_csv(tmp_path / "labels.txt", *lines, header="", encoding="latin-1")
    form = FileForm(format="csv", delimiter=";", encoding="latin-1", header=("from", "to", "what"))
    time, names = TimeForm("%d.%m.%Y %H:%M", "Europe/Rome"), {"café": "cooking"}
    home = with_intervals(
        form=form, time=time, label_separator="|", time_zone="UTC", files=("*.csv",), activities=names
    )
    events, report = load(tmp_path, home)
    assert [set(right) for right in events["alternatives"]] == [{"cooking", "eating"}, {"other"}]
    assert (report.broken_labels, report.warnings) == ([], [])


def test_an_event_without_a_resident_gets_the_residents_of_its_intervals(tmp_path):
    write_events(tmp_path, "08:00:00", "08:02:00", "08:04:00")
    labels = ["08:00:00,08:01:00,cooking,Ann", "08:00:00,08:02:00,eating,Ben", "08:04:00,08:05:00,other,"]
    write_labels(tmp_path, *labels, header=LABELS + ",who")
    events, report = load(tmp_path, with_intervals("who"))
    assert events["residents"].tolist() == [["Ann", "Ben"], ["Ben"], []]
    assert not report.warnings


def test_residents_of_events_and_of_intervals_that_differ_are_named(tmp_path):
    rows = ["Anna", "ben", "Carl"]
    write_csv(
        tmp_path / "a.csv",
        *(f"2024-02-03 08:00:0{n},E1,ON,{who}" for n, who in enumerate(rows)),
        header=EVENTS + ",who",
    )
    write_labels(tmp_path, *(f"08:00:00,09:00:00,cooking,{who}" for who in ("anna", "ben")), header=LABELS + ",who")
    events, report = load(tmp_path, with_intervals("who", columns={"resident": ("who",)}))
    assert events["residents"].tolist() == [["ben"]]
    assert any(
        "resident 'Anna' of the events has no interval" in text and "'anna'?" in text for text in report.warnings
    )
    assert any(text.startswith("resident 'Carl' of the events has no interval") for text in report.warnings)
    assert any("resident 'anna' of the label files is in no event" in text for text in report.warnings)
    assert not any("'ben' of" in text for text in report.warnings)


@pytest.mark.parametrize(("hours", "hint"), [(1, "1 h later"), (-5, "5 h earlier"), (0, "")])
def test_events_outside_the_intervals_are_counted_with_the_shift_that_puts_them_inside(tmp_path, hours, hint):
    write_events(tmp_path, *(f"{10 - hours:02d}:0{n}:00" for n in range(6)))
    write_labels(tmp_path, "10:00:00,10:05:00,cooking")
    _, report = load(tmp_path, with_intervals(unlabelled="other"))
    inside = 0 if hours else 6
    assert f"{inside} of 6 events lie in intervals of the label files" in report.notes
    assert len(report.warnings) == bool(hours)
    assert all(f"6 would if the events were {hint}" in text for text in report.warnings)


def test_the_zone_of_labels_is_said_where_only_that_of_events_is_set(tmp_path):
    write_events(tmp_path, "08:00:00")
    write_labels(tmp_path, "08:00:00,08:05:00,cooking")
    home = with_intervals(time=TimeForm(zone="UTC"), time_zone="UTC")
    assert "label files are read in time.zone UTC" in load(tmp_path, home)[1].warnings[0]
    write_csv(tmp_path / "labels.csv", "2024-02-03T08:00:00Z,2024-02-03T08:05:00Z,cooking", header=LABELS)
    assert load(tmp_path, home)[1].warnings == []
    said = with_intervals(time=TimeForm(zone="UTC"), time_zone="UTC", keys=frozenset({"intervals.time"}))
    assert load(tmp_path, said)[1].warnings == []


def test_overlapping_intervals_are_noted_and_touching_ones_are_not(tmp_path):
    write_events(tmp_path, "08:00:00")
    write_labels(tmp_path, "08:00:00,08:05:00,cooking", "08:05:00,08:06:00,eating", "08:05:30,08:07:00,other")
    assert "1 intervals of label files begin before another one has ended" in load(tmp_path, with_intervals())[1].notes


def test_a_label_file_without_a_column_names_the_keys_of_label_files(tmp_path):
    write_events(tmp_path, "08:00:00")
    write_labels(tmp_path, "08:00:00,08:05:00,cooking", header="from,until,what")
    with pytest.raises(ValueError, match=r"labels.csv:1: no column 'to'.*recording\.intervals"):
        load(tmp_path, with_intervals())


def test_names_of_activities_that_no_event_has_are_noted(tmp_path):
    write_events(tmp_path, "08:00:00")
    write_labels(tmp_path, "08:00:00,08:05:00,cook")
    _, report = load(tmp_path, with_intervals(activities={"cook": "cooking", "eat": "eating"}))
    assert "no event has these activities of `activities`: 'eat'" in report.notes


clock = st.integers(0, 9).map(lambda minute: f"2024-02-03 08:0{minute}:00")
label_row = st.tuples(clock | cell, clock | cell, st.sampled_from(["cooking", "eating", "", "nap"]) | cell).map(
    ",".join
)


@settings(max_examples=60, deadline=None)
@given(st.lists(label_row, max_size=8), st.sampled_from(["drop", "other"]))
def test_whatever_a_label_file_holds_every_event_and_label_row_is_accounted_for(tmp_path_factory, lines, unlabelled):
    root = tmp_path_factory.mktemp("labels")
    write_events(root, *(f"08:0{minute}:30" for minute in range(10)))
    write_csv(root / "labels.csv", *lines, header=LABELS)
    events, report = load(root, with_intervals(unlabelled=unlabelled))
    assert (report.rows, report.broken) == (10, [])
    assert len(events) <= 10
    assert len(report.broken_labels) <= report.label_rows
    assert all(problem.file == "labels.csv" and problem.line >= 2 for problem in report.broken_labels)


@pytest.mark.parametrize("zone", ["", "Europe/Rome"])
def test_begin_and_end_may_share_the_column_of_their_date_and_go_on_to_the_next_day(tmp_path, zone):
    lines = [f"2024-{day} {clock}:00,E1,ON" for day in ("02-03", "02-04") for clock in ("07:10", "08:00", "23:00")]
    write_csv(tmp_path / "a.csv", *lines, header=EVENTS)
    texts = ["03.02.2024,07:05,07:35,cooking", "03.02.2024,22:30,07:30,eating"]
    write_csv(tmp_path / "labels.csv", *texts, header="date,from,to,what")
    home = with_intervals(
        begin=("date", "from"), end=("date", "to"), time=TimeForm("%d.%m.%Y %H:%M", zone), unlabelled="other"
    )
    events, report = load(tmp_path, home)
    assert events["activity"].tolist() == ["cooking", "other", "eating", "eating", "other", "other"]
    assert report.broken_labels == []


def test_an_end_with_a_date_of_its_own_is_not_moved(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-02-03 07:10:00,E1,ON", header=EVENTS)
    write_csv(tmp_path / "labels.csv", "2024-02-03,22:30,2024-02-03,07:30,eating", header="on,from,till,to,what")
    home = with_intervals(begin=("on", "from"), end=("till", "to"), time=TimeForm("%Y-%m-%d %H:%M"), unlabelled="other")
    _, report = load(tmp_path, home)
    assert [problem.reason for problem in report.broken_labels] == ["the interval ends before it begins"]


def test_label_files_of_several_folders_that_label_the_same_time_are_said(tmp_path):
    for folder, day in (("a", "03"), ("b", "04")):
        write_csv(tmp_path / folder / "events.csv", f"2024-02-{day} 08:00:00,E1,ON", header=EVENTS)
        text = f"2024-02-{day} 07:00:00,2024-02-{day} 09:00:00,cooking"
        write_csv(tmp_path / folder / "labels.csv", text, header=LABELS)
    home = with_intervals(files=("*/events.csv",), sessions="day")
    home = replace(
        home, recording=replace(home.recording, intervals=replace(home.recording.intervals, files=("*/labels.csv",)))
    )
    assert load(tmp_path, home)[1].warnings == []
    write_csv(tmp_path / "b" / "labels.csv", "2024-02-03 08:30:00,2024-02-03 09:30:00,eating", header=LABELS)
    [warning, *_] = load(tmp_path, home)[1].warnings
    assert warning.startswith("label files in a and b label the same time, and each labels the events of all folders")
