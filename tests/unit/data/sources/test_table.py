"""Test that tables are read as the home's yaml says, and that every row is counted as loaded, broken or skipped."""

from dataclasses import replace
from datetime import datetime

import pytest
from hearth.data.sources import text_lines
from hearth.homes.home import Sensor
from hearth.homes.raw_format import Recording
from hypothesis import given, settings
from hypothesis import strategies as st
from table_factories import HEADER, HOME, cell, columns_with, home_with, load, row, write_csv


def test_a_row_is_an_event_in_words(tmp_path):
    write_csv(tmp_path / "a.csv", row(1))
    assert load(tmp_path)[0].to_dict("records") == [
        {
            "session": "a",
            "event": 0,
            "time": datetime(2024, 2, 3, 8, 0, 1),
            "room": "kitchen",
            "sensor": "E1",
            "state": "turned ON",
            "description": "kitchen stove turned ON",
            "residents": [],
            "activity": "cooking",
            "group_day": "2024-02-03",
        }
    ]


def test_a_row_with_begin_and_end_is_two_events(tmp_path):
    write_csv(
        tmp_path / "a.csv",
        "2024-02-03 08:00:00,2024-02-03 08:00:10,E1,cooking",
        "2024-02-03 08:00:03,2024-02-03 08:00:05,E1,eating",
        "2024-02-03 08:00:03,2024-02-03 08:00:01,E1,eating",
        header="from,to,sensor,activity",
    )
    interval_columns = {"begin": ("from",), "end": ("to",), "sensor": ("sensor",), "activity": ("activity",)}
    events, report = load(tmp_path, home_with(columns=interval_columns))
    assert events["description"].str.split().str[-1].tolist() == ["ON", "ON", "OFF", "OFF"]
    assert events["activity"].tolist() == ["cooking", "eating", "eating", "cooking"]
    assert [problem.line for problem in report.broken] == [4]


def test_a_time_span_ends_before_the_next_begins_and_spans_in_order_are_not_out_of_order(tmp_path):
    spans = ["00,10,cooking", "10,20,eating", "20,20,other", "20,30,cooking", "05,30,eating"]
    rows = [f"2024-02-03 08:00:{b},2024-02-03 08:00:{e},E1,{what}" for b, e, what in (s.split(",") for s in spans)]
    interval_columns = {"begin": ("from",), "end": ("to",), "sensor": ("sensor",), "activity": ("activity",)}
    home = home_with(columns=interval_columns)
    write_csv(tmp_path / "a.csv", *rows[:4], header="from,to,sensor,activity")
    events, report = load(tmp_path, home)
    assert [
        f"{state[-2:].strip()} {activity}" for state, activity in zip(events["state"], events["activity"], strict=True)
    ] == [
        *("ON cooking", "FF cooking", "ON eating", "FF eating", "ON other", "FF other", "ON cooking", "FF cooking"),
    ]
    assert not any("out of order" in note for note in report.notes)
    write_csv(tmp_path / "a.csv", *rows, header="from,to,sensor,activity")
    assert "a.csv: 1 rows out of order of time, sorted" in load(tmp_path, home)[1].notes


@pytest.mark.parametrize(
    ("joiner", "names"), [(" ", ["kitchen door", "hall door"]), (".", ["kitchen.door", "hall.door"])]
)
def test_a_sensor_and_a_state_may_be_joined_from_columns(tmp_path, joiner, names):
    rows = [
        f"2024-02-03 08:00:0{n}, {place} ,door,is,{state},cooking"
        for n, (place, state) in enumerate([("kitchen", "open"), ("hall", "open"), ("kitchen", "shut"), ("", "open")])
    ]
    write_csv(tmp_path / "a.csv", *rows, header="time,place,thing,verb,value,activity")
    columns = {"sensor": ("place", "thing"), "state": ("verb", "value"), "time": ("time",), "activity": ("activity",)}
    states = {f"is{joiner}open": "opened", f"is{joiner}shut": "shut"}
    home = replace(
        home_with(columns=columns, joiner=joiner), sensors={name: Sensor("kitchen", name, states) for name in names}
    )
    events, report = load(tmp_path, home)
    assert events["sensor"].tolist() == [*names, names[0]]
    assert events["state"].tolist() == ["opened", "opened", "shut"]
    assert [problem.line for problem in report.broken] == [5]


def test_states_can_be_ignored_and_patterns_that_match_nothing_are_said(tmp_path):
    write_csv(
        tmp_path / "a.csv",
        row(1),
        row(2, state="unavailable"),
        row(3, state="unknown"),
        row(4, sensor="T1", state="21"),
    )
    events, report = load(tmp_path, home_with(ignored_states=("un*", "none"), ignored_sensors=("T*", "B*")))
    assert len(events) == 1
    assert report.skipped == {
        "sensor T1 (ignored_sensors)": 1,
        "state unavailable (ignored_states)": 1,
        "state unknown (ignored_states)": 1,
    }
    assert report.warnings == [
        "ignored_sensors: no sensor of the data matches 'B*'",
        "ignored_states: no state of the data matches 'none'",
    ]


def test_a_copy_of_a_file_and_an_equal_row_are_skipped_and_counted(tmp_path):
    for name in ("a", "b"):
        write_csv(tmp_path / f"{name}.csv", row(1), row(1), row(2))
    events, report = load(tmp_path)
    assert set(events["session"]) == {"a"}
    assert report.skipped == {"in a copy of a.csv": 3, "duplicate row": 1}


def test_time_spans_are_equal_only_if_both_of_their_ends_are(tmp_path):
    # A mat that toggles within a second gives spans of one begin, or of one end, which are events of their own.
    spans = ["01,01", "01,02", "01,02", "00,02"]
    rows = [f"2024-02-03 08:00:{span.replace(',', ',2024-02-03 08:00:')},E1,cooking" for span in spans]
    write_csv(tmp_path / "a.csv", *rows, header="from,to,sensor,activity")
    columns = {"begin": ("from",), "end": ("to",), "sensor": ("sensor",), "activity": ("activity",)}
    events, report = load(tmp_path, home_with(columns=columns))
    assert list(zip(events["time"].dt.second, events["state"].str.removeprefix("turned "), strict=True)) == [
        (0, "ON"),
        (1, "ON"),
        (1, "OFF"),
        (1, "ON"),
        (2, "OFF"),
        (2, "OFF"),
    ]
    assert report.skipped == {"duplicate row": 2}


@pytest.mark.parametrize(("several", "first"), [("first", ["eating"]), ("any", ["eating", "cooking"])])
def test_rows_that_differ_in_their_activity_are_events_of_their_own_or_one(tmp_path, several, first):
    rows = [(1, "cooking"), (9, "eating"), (9, "cooking"), (9, "eating"), (5, "unknown")]
    write_csv(tmp_path / "a.csv", *(row(second, activity=what) for second, what in rows))
    events, report = load(tmp_path, home_with(equal_rows="join", several=several))
    assert events["time"].dt.second.tolist() == [1, 9]
    accepted = events["alternatives"].tolist() if several == "any" else [[label] for label in events["activity"]]
    assert accepted == [["cooking"], first]
    assert report.skipped == {"equal to another row but for its activity (equal_rows)": 2}
    assert [problem.line for problem in report.broken] == [6]
    apart, _ = load(tmp_path, home_with(several=several))
    assert apart["activity"].tolist() == ["cooking", "eating", "cooking"]


def test_equal_rows_of_two_sessions_are_two_events(tmp_path):
    write_csv(tmp_path / "a.csv", row(1, activity="cooking"), row(1, activity="other"))
    write_csv(tmp_path / "b.csv", row(1, activity="eating"), row(2, activity="eating"))
    events, _ = load(tmp_path, home_with(equal_rows="join", several="any"))
    assert events[["session", "alternatives"]].to_numpy().tolist() == [
        ["a", ["cooking", "other"]],
        ["b", ["eating"]],
        ["b", ["eating"]],
    ]
    together, _ = load(tmp_path, home_with(equal_rows="join", several="any", sessions="day"))
    assert together["alternatives"].tolist() == [["cooking", "other", "eating"], ["eating"]]


def test_sessions_are_grouped_by_their_first_day_and_by_the_columns_that_the_home_names(tmp_path):
    header = f"{HEADER},flat,tower"
    write_csv(tmp_path / "a.csv", f"{row(1)}, F1 ,T", f"{row(1, day=4)},F1,T", header=header)
    write_csv(tmp_path / "b.csv", f"{row(1, day=5)},F2,T", f"{row(2)},,T", header=header)
    chosen = home_with(groups={"flat": "flat", "tower": "tower"})
    events, report = load(tmp_path, chosen)
    assert events[["session", "group_day", "group_flat", "group_tower"]].to_numpy().tolist() == [
        ["a", "2024-02-03", "F1", "T"],
        ["a", "2024-02-03", "F1", "T"],
        ["b", "2024-02-05", "F2", "T"],
    ]
    assert [str(problem) for problem in report.broken] == ["b.csv:3: column flat: no group"]
    write_csv(tmp_path / "c.csv", f"{row(4)},F1,T", f"{row(5)},F2,T", header=header)
    with pytest.raises(ValueError, match="session 'c' has two groups by 'flat', 'F1' and 'F2'"):
        load(tmp_path, chosen)


def test_a_header_may_be_given_and_a_delimiter_and_an_encoding(tmp_path):
    write_csv(tmp_path / "a.csv", row(1).replace(",", ";"), header="", encoding="latin-1")
    write_csv(tmp_path / "b.csv", row(2, activity="café").replace(",", ";"), header="", encoding="latin-1")
    chosen = home_with(
        delimiter=";", encoding="latin-1", header=tuple(HEADER.split(",")), activities={"café": "eating"}
    )
    assert load(tmp_path, chosen)[0]["activity"].tolist() == ["cooking", "eating"]


def test_only_files_of_recording_files_are_read(tmp_path):
    write_csv(tmp_path / "events/a.csv", row(1))
    write_csv(tmp_path / "rooms.csv", "x", header="room")
    assert len(load(tmp_path, home_with(files=("events/*.csv",)))[0]) == 1
    with pytest.raises(ValueError, match=r"rooms\.csv:1: no column 'time'.*files"):
        load(tmp_path)
    with pytest.raises(ValueError, match="leads out of the data's folder"):
        load(tmp_path, home_with(files=("../*.csv",)))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row(2, sensor="E11"), "unknown sensor 'E11'; did you mean 'E1'?"),
        (row(2, state="on"), "unknown state 'on' of sensor 'E1'; it has 'ON', 'OFF'"),
        (row(2, activity="coking"), "unknown activity 'coking'; did you mean 'cooking'?"),
        (row(2) + ",x", "5 cells, but the header has 4"),
        ("2024-02-03 08:00:02,E1", "2 cells"),
        (row(2, state='"ON'), "not CSV"),
        (row(2, state="O\0N"), "NUL"),
        (row(2, state="é").encode("latin-1"), "not utf-8 (byte 0xe9); convert the file, or name its encoding"),
        (row(2, state="x" * 20_000), "longer than"),
        (b"\xff\xfe\x00", "not utf-8"),
    ],
)
def test_a_broken_row_is_reported_and_other_rows_are_kept(tmp_path, line, reason):
    line = line if isinstance(line, bytes) else line.encode()
    (tmp_path / "a.csv").write_bytes(b"\n".join([HEADER.encode(), row(1).encode(), line, row(3).encode(), b""]))
    events, report = load(tmp_path)
    assert events["time"].dt.second.tolist() == [1, 3]
    [problem] = report.broken
    assert (problem.file, problem.line) == ("a.csv", 3)
    assert reason in problem.reason


def test_empty_files_and_folders_are_reported(tmp_path):
    with pytest.raises(ValueError, match="no table of events here: expected"):
        load(tmp_path)
    write_csv(tmp_path / "a.csv", row(1))
    (tmp_path / "b.csv").write_text("")
    write_csv(tmp_path / "c.csv")
    _, report = load(tmp_path)
    assert report.notes[:2] == ["b.csv holds no rows", "c.csv holds no rows"]


def test_missing_columns_are_named(tmp_path):
    write_csv(tmp_path / "a.csv", row(1))
    with pytest.raises(ValueError, match=r"home Flat: `recording\.columns` is missing"):
        load(tmp_path, replace(HOME, recording=Recording()))


good_line = st.builds(row, st.integers(0, 59), st.sampled_from(["E1", "E2", "E9"]), st.sampled_from(["ON", "OFF"]))
line = st.one_of(good_line, good_line, st.lists(cell, max_size=6).map(",".join)).map(lambda text: text.encode())
content = st.lists(st.one_of(line, line, line, st.binary(max_size=8)), max_size=10).map(b"\n".join)


@settings(max_examples=50)
@given(content, st.sampled_from(["file", "day", "gap"]), st.sampled_from(["first", "any"]), st.integers(40, 400))
def test_whatever_a_table_holds_every_row_is_accounted_for(tmp_path_factory, content, by, several, block):
    root = tmp_path_factory.mktemp("table")
    (root / "a.csv").write_bytes(HEADER.encode() + b"\n" + content)
    write_csv(root / "b.csv", row(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "BLOCK", block)
        events, report = load(root, home_with(sessions=by, several=several, separator="|"))
    assert len(events) >= 1
    assert all(2 <= problem.line <= content.count(b"\n") + 2 for problem in report.broken)


def test_a_row_with_one_date_for_begin_and_end_may_end_on_the_next_day(tmp_path):
    rows = ["2024-02-03,08:00:00,09:00:00,E1,cooking", "2024-02-03,23:00:00,01:00:00,E1,cooking"]
    write_csv(tmp_path / "a.csv", *rows, header="date,from,to,sensor,activity")
    columns = columns_with(begin=("date", "from"), end=("date", "to"))
    home = home_with(columns={role: names for role, names in columns.items() if role not in ("time", "state")})
    events, report = load(tmp_path, home)
    assert events["time"].dt.strftime("%d %H:%M").tolist() == ["03 08:00", "03 09:00", "03 23:00", "04 01:00"]
    assert report.broken == []


def test_events_that_mostly_repeat_the_last_state_of_their_sensor_are_said(tmp_path):
    rows = [row(second, state="OFF" if second < 7 else "ON") for second in range(10)]
    write_csv(tmp_path / "a.csv", *rows, *(row(second, sensor="E2") for second in range(5)))
    _, report = load(tmp_path)
    assert report.warnings == [
        "8 of 15 events repeat the last state of their sensor (most: E1, 8); if rows are written at fixed times, "
        "set `recording.repeated_states: skip`"
    ]
    write_csv(tmp_path / "a.csv", *rows, *(row(second, sensor="E2") for second in range(6)))
    assert load(tmp_path)[1].warnings == []


@pytest.mark.parametrize("block", [20, 2**24])
def test_a_time_span_without_an_end_gives_the_event_at_its_begin(tmp_path, monkeypatch, block):
    monkeypatch.setattr(text_lines, "BLOCK", block)
    spans = ["00,:10,cooking", "20,,eating", "soon,,eating", "30,:40,other"]
    rows = [
        f"2024-02-03 08:00:{b},{e and '2024-02-03 08:00' + e},E1,{what}" for b, e, what in (s.split(",") for s in spans)
    ]
    write_csv(tmp_path / "a.csv", *rows, header="from,to,sensor,activity")
    interval_columns = {"begin": ("from",), "end": ("to",), "sensor": ("sensor",), "activity": ("activity",)}
    events, report = load(tmp_path, home_with(columns=interval_columns))
    found = list(zip(events["state"].str.split().str[-1], events["activity"], strict=True))
    assert found == [("ON", "cooking"), ("OFF", "cooking"), ("ON", "eating"), ("ON", "other"), ("OFF", "other")]
    assert report.skipped == {"an empty end: the row gives the event at its begin alone": 1}
    assert [problem.line for problem in report.broken] == [4]
    assert report.records == 4
