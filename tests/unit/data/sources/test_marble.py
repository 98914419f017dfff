"""Test the MARBLE loader: labels of the acting subject, faults of the files, and no row lost."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import load_dataset
import pytest
from hearth.common import cli
from hearth.data.event_files import read_events
from hearth.data.events import check_events
from hearth.data.sources import marble
from hearth.homes.home import Home, Sensor
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import REPOSITORY

SWITCH = {"ON": "turned ON", "OFF": "turned OFF"}
HOME = Home(
    name="Flat",
    about="A flat for two.",
    timezone="Europe/Rome",
    rooms={"kitchen": "stove"},
    sensors={
        "E1": Sensor("kitchen", "stove", SWITCH),
        "E2": Sensor("kitchen", "fan", SWITCH),
        "S1": Sensor("", "phone", SWITCH),
    },
    labels=("COOKING", "EATING", "TRANSITION"),
    rules=(),
    example={},
    transition="keep",
)
T = 1543316517000  # 2018-11-27 12:01:57 in Rome, in epoch milliseconds
ENV = "sensor_id,sensor_status,ts,subject_id"
LABELS = "ts_start,ts_end,act"
COOKING = [f"{T},{T + 9999},COOKING"]


def env(ts, subject="200", sensor="E1", state="ON"):
    return f'{sensor},"{state}",{ts},"{subject}"'


def write(path, header, lines, end="\r\n", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in [header, *lines]).encode(encoding))


def session(root, lines, labels=None, name="dataset/A2a/instance1", **how):
    """Write one session; `labels` are the interval lines of each subject."""
    write(root / name / "environmental.csv", ENV, lines, **how)
    for subject, intervals in ({"200": COOKING} if labels is None else labels).items():
        write(root / name / f"subject-{subject}" / "labels.csv", LABELS, intervals)


def load(root, home=HOME):
    table, report = marble.read(root, home)
    check_events(table, home)
    assert report.loaded == len(table)
    assert report.rows == report.loaded + len(report.broken) + sum(report.skipped.values())
    return table, report


def test_an_event_is_in_words_with_local_time_and_who_did_it(tmp_path):
    session(tmp_path, [env(T + 228)])
    table, _ = load(tmp_path)
    assert table.to_dict("records") == [
        {
            "session": "A2a-instance1",
            "event": 0,
            "time": datetime(2018, 11, 27, 12, 1, 57, 228000),
            "room": "kitchen",
            "sensor": "E1",
            "state": "turned ON",
            "description": "kitchen stove turned ON",
            "residents": ["200"],
            "activity": "COOKING",
            "group_scenario": "A2a",
            "group_subjects": "200",
            "group_sitting": "2018-11-27 200",
        }
    ]


def test_sessions_are_grouped_by_scenario_by_subjects_and_by_sitting(tmp_path):
    """A subject counts who caused no event. The day is the one on the home's clock."""
    pair = {"206": COOKING, "23": COOKING}
    day = 24 * 60 * 60 * 1000
    midnight_in_rome = 1543359600000
    for name, start, labels in (
        ("A2a/instance1", T, pair),
        ("B2m/instance1", midnight_in_rome - 1, pair),
        ("B2m/instance2", midnight_in_rome, pair),
        ("C1a/instance1", T + day, {"206": COOKING}),
    ):
        own = {subject: [f"{start},{start + 9999},COOKING"] for subject in labels}
        session(tmp_path, [env(start, "206"), env(start + 5, "206")], own, name=f"dataset/{name}")
    table, _ = load(tmp_path)
    groups = table.groupby("session", sort=False)[["group_scenario", "group_subjects", "group_sitting"]].first()
    assert groups.to_dict("split")["data"] == [
        ["A2a", "23+206", "2018-11-27 23+206"],
        ["B2m", "23+206", "2018-11-27 23+206"],
        ["B2m", "23+206", "2018-11-28 23+206"],
        ["C1a", "206", "2018-11-28 206"],
    ]


def test_the_label_comes_from_the_subject_who_acted(tmp_path):
    session(tmp_path, [env(T, "200"), env(T + 1, "204")], {"200": COOKING, "204": [f"{T},{T + 5},EATING"]})
    assert list(load(tmp_path)[0]["activity"]) == ["COOKING", "EATING"]


@pytest.mark.parametrize(
    ("ts", "label"),
    [
        (T - 1, "TRANSITION"),  # before the first interval
        (T, "COOKING"),
        (T + 100, "COOKING"),  # both ends belong to the interval
        (T + 101, "COOKING"),  # in a gap, nearer to the end of the interval before it
        (T + 149, "EATING"),  # in a gap, nearer to the start of the interval after it
        (T + 300, "COOKING"),  # two intervals overlap: the one that starts later
        (T + 350, "TRANSITION"),  # a zero-length row is an interval
        (T + 1400, "COOKING"),  # a second after the end of an interval
        (T + 1401, "TRANSITION"),  # in a gap, too far from both intervals
        (T + 8999, "TRANSITION"),
        (T + 9000, "EATING"),
        (T + 10_001, "TRANSITION"),  # after the last interval
    ],
)
def test_the_label_is_the_act_whose_interval_holds_the_time(tmp_path, ts, label):
    intervals = [
        f"{T},{T + 100},COOKING",
        f"{T + 150},{T + 400},EATING",
        f"{T + 300},{T + 400},COOKING",
        f"{T + 350},{T + 350},TRANSITION",
        f"{T + 10_000},{T + 10_000},EATING",
    ]
    session(tmp_path, [env(ts)], {"200": intervals})
    assert list(load(tmp_path)[0]["activity"]) == [label]


def test_events_outside_all_labels_are_counted(tmp_path):
    session(
        tmp_path, [env(T), env(T + 9999), env(T + 10_000), env(T + 10_001, "204")], {"200": COOKING, "204": COOKING}
    )
    table, report = load(tmp_path)
    assert list(table["activity"]) == ["COOKING", "COOKING", "TRANSITION", "TRANSITION"]
    assert report.unlabelled == 2


def test_labels_in_another_unit_than_the_events_are_an_error(tmp_path):
    seconds = [f"{T // 1000},{T // 1000 + 10},COOKING"]
    session(tmp_path, [env(T), env(T + 9), env(T + 1, "204")], {"200": seconds, "204": COOKING})
    message = (
        rf"subject-200/labels\.csv: its labels are from {T // 1000} to .*, but all 2 events .* from {T} to {T + 9}"
    )
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_in_a_home_without_transition_an_unlabelled_event_is_broken(tmp_path):
    session(tmp_path, [env(T), env(T - 1)])
    table, report = load(tmp_path, replace(HOME, labels=("COOKING", "EATING")))
    assert list(table["activity"]) == ["COOKING"]
    assert [(p.file, p.line) for p in report.broken] == [("dataset/A2a/instance1/environmental.csv", 3)]


@pytest.mark.parametrize("labels", [HOME.labels, ("COOKING", "EATING")])
def test_transition_can_be_dropped_and_is_counted(tmp_path, labels):
    session(
        tmp_path, [env(T), env(T - 1), env(T + 20_000)], {"200": [*COOKING, f"{T + 15_000},{T + 30_000},TRANSITION"]}
    )
    table, report = load(tmp_path, replace(HOME, labels=labels, transition="drop"))
    assert list(table["activity"]) == ["COOKING"]
    assert report.skipped == {"TRANSITION (transition: drop)": 2}
    assert not report.broken


def test_phone_events_are_merged_by_time_after_environmental_ones(tmp_path):
    session(tmp_path, [env(T), env(T + 5)], {"200": COOKING, "204": COOKING})
    for subject in ("204", "200"):
        write(
            tmp_path / f"dataset/A2a/instance1/subject-{subject}/smartphone.csv",
            "event_id,event_status,ts",
            [f'S1,"ON",{T}', f'S1,"OFF",{T + 2}'],
        )
    table, report = load(tmp_path)
    assert list(zip(table["sensor"], table["state"], table["residents"].str[0], strict=True)) == [
        ("E1", "turned ON", "200"),
        ("S1", "turned ON", "200"),
        ("S1", "turned ON", "204"),
        ("S1", "turned OFF", "200"),
        ("S1", "turned OFF", "204"),
        ("E1", "turned ON", "200"),
    ]
    assert report.files == 5
    assert set(table[table["sensor"] == "S1"]["room"]) == {""}


def test_sessions_are_in_natural_order_and_the_root_may_be_either_folder(tmp_path):
    for name in ("A2a/instance10", "A2a/instance2", "A10m/instance1", "B1a/instance1"):
        session(tmp_path, [env(T)], name=f"dataset/{name}")
    for root in (tmp_path, tmp_path / "dataset"):
        assert list(load(root)[0]["session"]) == ["A2a-instance2", "A2a-instance10", "A10m-instance1", "B1a-instance1"]


@pytest.mark.parametrize(("end", "encoding"), [("\n", "utf-8"), ("\r\n", "utf-8-sig"), ("\n\r\n", "utf-8")])
def test_line_ends_byte_order_mark_and_blank_lines_change_nothing(tmp_path, end, encoding):
    session(tmp_path, [env(T), "E1,OFF, 1543316517001 ,200"], end=end, encoding=encoding)
    table, report = load(tmp_path)
    assert list(table["state"]) == ["turned ON", "turned OFF"]
    assert report.rows == 2


def test_rows_out_of_order_are_sorted_and_noted_and_equal_times_keep_their_order(tmp_path):
    session(tmp_path, [env(T + 2), env(T, state="OFF"), env(T, sensor="E2"), env(T + 3)])
    table, report = load(tmp_path)
    assert list(table["sensor"] + table["state"]) == ["E1turned OFF", "E2turned ON", "E1turned ON", "E1turned ON"]
    assert report.notes == ["dataset/A2a/instance1/environmental.csv: 2 rows out of order of time, sorted"]


def test_a_repeated_row_is_skipped_and_counted(tmp_path):
    session(tmp_path, [env(T), env(T), env(T, "204")], {"200": COOKING, "204": COOKING})
    table, report = load(tmp_path)
    assert len(table) == 2
    assert report.skipped == {"duplicate row": 1}


def test_the_clock_does_not_jump_when_summer_time_ends_within_a_session(tmp_path):
    end_of_summer = 1540688399000  # one second before 03:00 CEST becomes 02:00 CET
    labels = {"200": [f"{end_of_summer},{end_of_summer + 9999},COOKING"]}
    session(tmp_path, [env(end_of_summer), env(end_of_summer + 2000)], labels)
    assert list(load(tmp_path)[0]["time"].dt.strftime("%H:%M:%S")) == ["02:59:59", "03:00:01"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (env(T, sensor="E11"), "unknown sensor 'E11'; did you mean 'E1'"),
        (env(T, state="on"), "unknown state 'on'"),
        (env("1543316517.0"), "is not a time in epoch milliseconds"),
        (env(""), "is not a time in epoch milliseconds"),
        (env("9" * 5000), "is not a time in epoch milliseconds"),
        (env(T, "999"), "subject '999' has no labels.csv"),
        (env(T, "../../A2a/instance1/subject-200"), "has no labels.csv"),
        (f"E1,ON,{T}", "3 cells, but the header has 4"),
        (f"E1,ON,{T},200,", "5 cells"),
        (f'E1,"ON,{T},200', "not CSV"),
        (f"E1\0,ON,{T},200", "NUL"),
        ("E1," * 200_000, "longer than"),
    ],
)
def test_a_broken_row_is_reported_and_other_rows_are_kept(tmp_path, line, reason):
    session(tmp_path, [env(T), line, env(T + 1)])
    table, report = load(tmp_path)
    assert len(table) == 2
    [problem] = report.broken
    assert (problem.file, problem.line) == ("dataset/A2a/instance1/environmental.csv", 3)
    assert reason in problem.reason


@pytest.mark.parametrize(
    "line", [f"{T},{T + 9},DANCING", f"{T + 9},{T},EATING", f"{T},,EATING", f'{T},{T + 9},"EATING', f"{T}"]
)
def test_a_broken_interval_breaks_only_events_that_may_belong_to_it(tmp_path, line):
    session(tmp_path, [env(T + 100), env(T + 5)], {"200": [f"{T + 50},{T + 200},COOKING", line]})
    table, report = load(tmp_path)
    assert list(table["activity"]) == ["COOKING"]
    assert [(Path(problem.file).name, problem.line) for problem in report.broken] == [
        ("environmental.csv", 3),
        ("labels.csv", 3),
    ]
    assert "subject-200/labels.csv:3 is broken" in report.broken[0].reason


def test_a_subject_without_intervals_has_broken_rows(tmp_path):
    session(tmp_path, [env(T), env(T, "204")], {"200": COOKING, "204": []})
    table, report = load(tmp_path)
    assert len(table) == 1
    assert "holds no interval" in report.broken[0].reason


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\xfe\x80\n\x81\n",
        "sensor_id,sensor_status,ts,subject_id\né\né\n".encode("latin-1"),
        b"PK\x03\x04",
        b"a,b\n1,2\n3,4\n",
    ],
)
def test_an_unreadable_file_is_named_and_the_other_sessions_are_loaded(tmp_path, data):
    session(tmp_path, [env(T)])
    bad = tmp_path / "dataset/A2a/instance2/environmental.csv"
    bad.parent.mkdir()
    bad.write_bytes(data)
    table, report = load(tmp_path)
    assert set(table["session"]) == {"A2a-instance1"}
    assert len(report.broken) == max(1, data.count(b"\n") - 1)
    assert {problem.file for problem in report.broken} == {"dataset/A2a/instance2/environmental.csv"}


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf\r\n", f"{ENV}\r\n".encode()])
def test_a_session_without_events_is_noted(tmp_path, data):
    session(tmp_path, [env(T)])
    empty = tmp_path / "dataset/A2a/instance2/environmental.csv"
    empty.parent.mkdir()
    empty.write_bytes(data)
    table, report = load(tmp_path)
    assert len(table) == 1
    assert report.notes == ["session A2a-instance2 has no events"]


def test_another_folder_is_refused_with_what_was_expected_and_its_source(tmp_path):
    (tmp_path / "A2a" / "instance1").mkdir(parents=True)
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(
            ValueError, match=f"{root.name}: no MARBLE here: expected .*environmental.csv.*everywarelab"
        ):
            marble.read(root, HOME)


def test_an_unknown_time_zone_is_named(tmp_path):
    session(tmp_path, [env(T)])
    for zone in ("Europe/Roma", "../etc", "Europe"):
        with pytest.raises(ValueError, match="unknown time zone"):
            marble.read(tmp_path, replace(HOME, timezone=zone))


cell = st.one_of(
    st.sampled_from(["E1", "E2", "S1", "ON", "OFF", '"ON"', "200", '"204"', "COOKING", "EATING", "", '"', "\0", "é"]),
    st.integers(T - 20, T + 20).map(str),
    st.text(max_size=5),
)
line = st.one_of(
    st.builds(
        env, st.integers(T - 20, T + 20), st.sampled_from(["200", "204", "205"]), st.sampled_from(["E1", "E2", "X"])
    ),
    st.builds("{},{},{}".format, st.integers(T - 20, T), st.integers(T - 5, T + 20), st.sampled_from(["COOKING", "X"])),
    st.lists(cell, max_size=6).map(",".join),
).map(lambda text: text.replace("\n", " ").encode("utf-8", "replace"))
content = st.lists(st.one_of(line, line, line, st.binary(max_size=8)), max_size=8).map(b"\n".join)


@settings(max_examples=100)
@given(content, content, content, st.sampled_from(["keep", "drop"]))
def test_whatever_the_files_hold_every_row_is_accounted_for(tmp_path_factory, environmental, labels, phone, transition):
    root = tmp_path_factory.mktemp("marble")
    session(root, [env(T)], {"200": COOKING, "204": COOKING})
    folder = root / "dataset/A2a/instance2"
    (folder / "subject-200").mkdir(parents=True)
    (folder / "environmental.csv").write_bytes(f"{ENV}\n".encode() + environmental)
    (folder / "subject-200/labels.csv").write_bytes(f"{LABELS}\n".encode() + labels)
    (folder / "subject-200/smartphone.csv").write_bytes(b"event_id,event_status,ts\n" + phone)
    try:
        table, report = load(root, replace(HOME, transition=transition))
    except ValueError as error:
        assert "correct the unit" in str(error)  # noqa: PT017
        return
    assert table["session"].iloc[0] == "A2a-instance1"
    assert all(problem.line >= 1 for problem in report.broken)


def program(root, share, *flags):
    args = ["--source", "marble", "--root", str(root), "--home", str(REPOSITORY / "config/homes/marble.yaml")]
    outputs = ["--events", str(root / "out/events.parquet"), "--card", str(root / "out/card.md")]
    cli.run(
        lambda: load_dataset.main(
            [*args, "--max-broken-share", share, "--max-broken-label-share", share, *flags, *outputs]
        )
    )


def test_the_program_writes_nothing_when_too_many_rows_are_broken(tmp_path, capsys):
    session(tmp_path, [env(T), env(T, sensor="E9"), env(T + 1), env(T + 2)])
    with pytest.raises(SystemExit, match="1"):
        program(tmp_path, "0.2")
    printed = capsys.readouterr()
    assert "environmental.csv:3: unknown sensor 'E9'" in printed.out
    assert printed.err.startswith("error: ")
    assert len(printed.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_program_writes_events_and_a_card_without_local_paths(tmp_path):
    session(tmp_path, [env(T), env(T, sensor="E9"), env(T + 1), env(T + 2)])
    program(tmp_path, "0.25", "--simulated")
    assert len(read_events(tmp_path / "out/events.parquet")) == 3
    card = (tmp_path / "out/card.md").read_text()
    assert "**simulated**" in card
    assert str(tmp_path) not in card


def test_the_program_refuses_a_dataset_without_events(tmp_path, capsys):
    session(tmp_path, [])
    with pytest.raises(SystemExit, match="1"):
        program(tmp_path, "1")
    assert "no events" in capsys.readouterr().err
