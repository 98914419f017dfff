"""Test labels that rows among the events begin and end."""

import pytest
from hearth.homes.raw_format import LabelRows
from table_factories import home_with, load, write_csv

COLUMNS = {role: (role,) for role in ("time", "sensor", "state")}
ROWS = LabelRows("label", "START:", "STOP:")


def home(columns=COLUMNS, **changes):
    return home_with(columns=columns, label_rows=ROWS, **({"several": "any"} | changes))


def write(path, *rows, header="time,sensor,state", second=0, day=3):
    """Write rows a second apart; a word such as +cooking begins an activity, -cooking ends it, ON is an event."""
    marks = {"+": "label,START:", "-": "label,STOP:"}
    texts = [marks[row[0]] + row[1:] if row[0] in marks else f"E1,{row}" for row in rows]
    lines = [f"2024-02-{day:02d} 08:00:{n + second:02d},{text}" for n, text in enumerate(texts)]
    return write_csv(path, *lines, header=header)


def test_rows_between_begin_and_end_get_the_activity(tmp_path):
    write(tmp_path / "a.csv", "ON", "+cooking", "OFF", "-cooking", "ON", "+eating", "OFF", "-eating")
    events, report = load(tmp_path, home(unlabelled="other"))
    assert events["activity"].tolist() == ["other", "cooking", "other", "eating"]
    assert (report.rows, report.label_rows, report.broken_labels) == (8, 4, [])
    assert report.skipped == {"row that begins or ends an activity (label_rows)": 4}


def test_at_equal_times_the_order_of_rows_decides(tmp_path):
    time = "2024-02-03 08:00:00"
    lines = ["E1,ON", "label,START:cooking", "E1,OFF", "label,STOP:cooking", "E2,ON"]
    write_csv(tmp_path / "a.csv", *(f"{time},{line}" for line in lines), header="time,sensor,state")
    events, _ = load(tmp_path, home(unlabelled="other"))
    assert events["activity"].tolist() == ["other", "cooking", "other"]


def test_activities_may_be_nested_and_may_overlap(tmp_path):
    write(
        tmp_path / "a.csv",
        "+cooking",
        "ON",
        "+eating",
        "OFF",
        "-cooking",
        "ON",
        "-eating",
        "+cooking",
        "OFF",
        "-cooking",
    )
    events, report = load(tmp_path, home())
    assert events["alternatives"].tolist() == [["cooking"], ["eating", "cooking"], ["eating"], ["cooking"]]
    assert not report.broken_labels


BROKEN = {
    "never ends": (["+cooking", "ON", "+eating", "OFF", "-eating", "ON"], [2], "'cooking' begins and never ends"),
    "begins twice": (
        ["+eating", "-eating", "+cooking", "ON", "+cooking", "ON", "-cooking", "+eating", "OFF", "-eating"],
        [4],
        "'cooking' begins and never ends",
    ),
    "ends only": (["+eating", "OFF", "-eating", "-cooking", "ON"], [5], "'cooking' ends without having begun"),
    "unknown": (["+cookin", "ON", "-cookin", "+eating", "OFF", "-eating"], [2], "unknown activity 'cookin'; did you"),
    "other state": (["+eating", "OFF", "-eating", "+", "ON"], [5], "'START:' is not 'START:' or 'STOP:' with an"),
}


@pytest.mark.parametrize(("rows", "lines", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_label_row_is_reported_and_events_that_it_may_label_get_no_other_label(tmp_path, rows, lines, reason):
    write(tmp_path / "a.csv", *rows)
    events, report = load(tmp_path, home(unlabelled="other"))
    assert [problem.line for problem in report.broken_labels] == lines
    assert reason in report.broken_labels[0].reason
    kinds = {"never ends": ["eating", "other"], "begins twice": ["cooking", "eating"], "unknown": ["eating"]}
    expected = next((labels for name, labels in kinds.items() if BROKEN[name][0] == rows), ["eating", "other"])
    assert events["activity"].tolist() == expected
    lost = report.skipped["its activity is in a broken label row"]
    assert lost == sum(not row.startswith(("+", "-")) for row in rows) - len(events)


def test_a_label_row_of_a_resident_labels_that_residents_rows(tmp_path):
    time = "2024-02-03 08:00:0"
    rows = [
        "label,START:cooking,Ann",
        "label,START:eating,Ben",
        "E1,ON,Ann",
        "E1,OFF,Ben",
        "E1,ON,",
        "label,STOP:eating,Ben",
    ]
    rows += ["E1,OFF,Ben", "label,STOP:cooking,Ann"]
    write_csv(tmp_path / "a.csv", *(f"{time}{n},{row}" for n, row in enumerate(rows)), header="time,sensor,state,who")
    events, report = load(tmp_path, home(COLUMNS | {"resident": ("who",)}, unlabelled="other"))
    assert [set(right) for right in events["alternatives"]] == [
        {"cooking"},
        {"eating"},
        {"cooking", "eating"},
        {"other"},
    ]
    assert events["residents"].tolist() == [["Ann"], ["Ben"], ["Ann", "Ben"], ["Ben"]]
    assert not report.broken_labels


@pytest.mark.parametrize(
    ("sessions", "labels", "broken"), [("file", ["cooking", "other"], 1), ("day", ["cooking"] * 2, 0)]
)
def test_label_rows_label_their_own_session_or_all_files(tmp_path, sessions, labels, broken):
    write(tmp_path / "a.csv", "+cooking", "ON", *(["-cooking"] if sessions == "file" else []))
    write(tmp_path / "b.csv", "OFF", "-cooking", second=3)
    events, report = load(tmp_path, home(unlabelled="other", sessions=sessions))
    assert events["activity"].tolist() == labels
    assert len(report.broken_labels) == broken


def test_a_sensor_of_label_rows_without_rows_is_said(tmp_path):
    write(tmp_path / "a.csv", "ON")
    _, report = load(tmp_path, home(unlabelled="other"))
    assert report.warnings == ["no row has the sensor 'label' (label_rows), so nothing is labelled"]


def test_label_rows_in_a_session_without_events_are_said(tmp_path):
    write(tmp_path / "labels.csv", "+cooking", "-cooking")
    write(tmp_path / "motion.csv", "ON", "OFF")
    _, report = load(tmp_path, home(unlabelled="other", sessions="file"))
    assert report.warnings[0].startswith("label rows of labels.csv label nothing: their session has no other rows")
    assert not load(tmp_path, home(unlabelled="other", sessions="day"))[1].warnings


def test_an_activity_that_ends_in_the_next_session_is_said(tmp_path):
    write(tmp_path / "a.csv", "+cooking", "ON")
    write(tmp_path / "b.csv", "OFF", "-cooking", day=4)
    write(tmp_path / "c.csv", "+eating", "ON", "-eating", "-cooking", day=5)
    _, report = load(tmp_path, home(unlabelled="other", sessions="file"))
    assert len(report.broken_labels) == 3
    [warning] = report.warnings
    assert warning.startswith("1 activities begin in one session and end in the next")
    assert "with sessions.by day or gap" in warning
    assert not load(tmp_path, home(unlabelled="other", sessions="day"))[1].warnings


def write_states(path, *rows, who=False, day=3):
    """Write rows a second apart; a word such as =cooking is a state of the entity that tells the activity."""
    texts = [f"select,{row[1:]}" if row[0] == "=" else f"E1,{row}" for row in rows]
    lines = [f"2024-02-{day:02d} 08:00:{n:02d},{text}" for n, text in enumerate(texts)]
    return write_csv(path, *lines, header="time,sensor,state" + (",who" if who else ""))


def of_states(**changes):
    return home_with(**({"columns": COLUMNS, "label_rows": LabelRows("select"), "unlabelled": "other"} | changes))


def test_the_state_of_an_entity_may_be_the_activity_up_to_its_next_row(tmp_path):
    write_states(tmp_path / "a.csv", "ON", "=cooking", "OFF", "ON", "=eating", "OFF", "=", "ON", "=cooking", "OFF")
    events, report = load(tmp_path, of_states())
    assert events["activity"].tolist() == ["other", "cooking", "cooking", "eating", "other", "cooking"]
    assert (report.label_rows, report.broken_labels) == (4, [])


def test_an_ignored_state_of_that_entity_is_no_activity_and_an_unknown_one_is_lost(tmp_path):
    write_states(tmp_path / "a.csv", "=cooking", "ON", "=unavailable", "OFF", "=eatin", "ON", "=eating", "OFF")
    events, report = load(tmp_path, of_states(ignored_states=("unavail*",)))
    assert events["activity"].tolist() == ["cooking", "other", "eating"]
    assert [problem.line for problem in report.broken_labels] == [6]
    assert report.skipped["its activity is in a broken label row"] == 1


def test_the_last_activity_of_an_entity_holds_to_the_end_of_its_session(tmp_path):
    write_states(tmp_path / "a.csv", "=cooking", "ON", "OFF")
    write_states(tmp_path / "b.csv", "ON", "=eating", "OFF", day=4)
    events, _ = load(tmp_path, of_states())
    assert events["activity"].tolist() == ["cooking", "cooking", "other", "eating"]
    events, _ = load(tmp_path, of_states(sessions="day"))
    assert events["activity"].tolist() == ["cooking", "cooking", "cooking", "eating"]


def test_each_resident_has_an_activity_of_its_own(tmp_path):
    rows = ["=cooking,A", "=eating,B", "ON,A", "OFF,B", "=other,A", "ON,A", "OFF,B"]
    write_states(tmp_path / "a.csv", *rows, who=True)
    events, _ = load(tmp_path, of_states(columns=COLUMNS | {"resident": ("who",)}))
    assert events["activity"].tolist() == ["cooking", "eating", "other", "eating"]
