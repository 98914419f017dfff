"""Test that windows partition each session's events, and that invalid windows are rejected."""

import subprocess
import sys
from datetime import date, datetime, time, timedelta
from itertools import accumulate

import pandas as pd
import pytest
from event_factories import events_at, events_of_sessions, events_with_accepted_labels
from hearth.common import files
from hearth.data.cutting import cut_windows
from hearth.data.events import event_table, natural_key
from hearth.data.windows import check_window, read_windows
from hearth.prompting.prompts import window_text
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import SCRIPTS

lengths = st.dictionaries(
    st.from_regex(r"[a-c]-[0-9]{1,2}", fullmatch=True), st.integers(1, 35), min_size=1, max_size=8
)


def test_a_window_holds_ids_clock_times_descriptions_and_gold():
    assert cut_windows(events_of_sessions({"s-1": 12}), "home", 10, keep_short=True)[1] == {
        "window_id": "home/s-1/1",
        "dataset": "home",
        "session": "s-1",
        "index": 1,
        "events": [
            {"id": 1, "time": "00:00:00", "description": "phone rang"},
            {"id": 2, "time": "00:00:01", "description": "phone rang"},
        ],
        "gold": ["s-1 10", "s-1 11"],
        "residents": [[], ["A"]],
    }


@settings(max_examples=60)
@given(lengths, st.integers(1, 12), st.booleans())
def test_windows_are_consecutive_events_of_one_session_and_none_twice(lengths, size, keep_short):
    cut = cut_windows(events_of_sessions(lengths), "home", size, keep_short)
    for session, length in lengths.items():
        own = [window for window in cut if window["session"] == session]
        kept = length if keep_short else length - length % size
        assert [label for window in own for label in window["gold"]] == [f"{session} {n}" for n in range(kept)]
        assert [window["index"] for window in own] == list(range(len(own)))
        assert all(len(window["gold"]) == size for window in own[:-1])
        assert all(0 < len(window["gold"]) <= size for window in own)
    assert [window["session"] for window in cut] == sorted([w["session"] for w in cut], key=natural_key)


@settings(max_examples=30)
@given(
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.from_regex(r"[a-c]-[0-9]{1,3}", fullmatch=True),
    st.integers(0, 4),
    st.text(min_size=1, max_size=5),
)
def test_window_text_reveals_no_day_session_position_resident_or_label(day, session, before, secret):
    def text(day, session, before, secret):
        noon = datetime.combine(day, time(12))
        rows = [
            {
                "session": session,
                "time": noon + timedelta(seconds=number if number >= 0 else 10 * number),
                "room": "kitchen",
                "sensor": "S1",
                "state": "rang",
                "description": f"phone {number} rang",
                "residents": [secret],
                "activity": secret,
            }
            for number in range(-10 * before, 7)
        ]
        return window_text(cut_windows(event_table(rows), "home", 10, keep_short=True)[-1])

    assert text(day, session, before, secret) == text(date(2024, 5, 6), "d-1", 0, "COOKING")


sessions_of_pauses = st.lists(
    st.lists(st.sampled_from([0, 1, 29.5, 30, 30.001, 60, 4000]), min_size=1, max_size=25), min_size=1, max_size=4
)


@settings(max_examples=60)
@given(sessions_of_pauses, st.sampled_from(["count", "time", "gap"]), st.integers(1, 12), st.sampled_from([1, 30, 90]))
def test_every_event_is_in_one_window_of_its_session_in_order_by_any_kind(sessions, by, size, seconds):
    parts = {f"s-{n}": events_at(*accumulate(pauses), session=f"s-{n}") for n, pauses in enumerate(sessions)}
    cut = cut_windows(pd.concat(parts.values(), ignore_index=True), "home", size, True, by, seconds)
    for session, part in parts.items():
        own = [window for window in cut if window["session"] == session]
        assert [label for window in own for label in window["gold"]] == part["activity"].tolist()
        assert [window["index"] for window in own] == list(range(len(own)))
        position = 0
        for window in own:
            times = part["time"].iloc[position : position + len(window["gold"])]
            position += len(times)
            assert len(times) <= size
            following = part["time"].iloc[position : position + 1]
            if by == "time":
                assert times.iloc[-1] - times.iloc[0] <= timedelta(seconds=seconds)
                assert len(times) == size or all(following - times.iloc[0] > timedelta(seconds=seconds))
            if by == "gap":
                assert all(times.diff().dropna() <= timedelta(seconds=seconds))
                assert len(times) == size or all(following - times.iloc[-1] > timedelta(seconds=seconds))
    assert sum(len(window["gold"]) for window in cut) == sum(map(len, sessions))


@pytest.mark.parametrize(
    ("by", "lengths"),
    [("count", [4, 4, 1]), ("time", [3, 3, 2, 1]), ("gap", [4, 4, 1])],
)
def test_kinds_of_windows_on_one_session(by, lengths):
    events_ = events_at(0, 10, 30, 31, 61, 61, 90, 100, 200)
    assert [len(window["gold"]) for window in cut_windows(events_, "home", 4, True, by, 30)] == lengths


def test_windows_by_time_may_pass_midnight():
    late = events_at(0, 20, 40)
    late["time"] += timedelta(hours=15, minutes=59, seconds=50)
    cut = cut_windows(late, "home", 10, True, "time", 30)
    assert [[event["time"] for event in window["events"]] for window in cut] == [["23:59:50", "00:00:10"], ["00:00:30"]]


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        (("time", None, True), "windows by time within None seconds"),
        (("gap", 0, True), "windows by gap within 0 seconds"),
        (("gap", float("nan"), True), "windows by gap within nan seconds"),
        (("gap", 30, False), "windows by gap may end before they are full"),
        (("day", 30, True), "windows by 'day'; the kind must be one of count, time, gap"),
    ],
)
def test_contradictory_window_settings_are_refused(settings_, message):
    by, seconds, keep_short = settings_
    with pytest.raises(ValueError, match=message):
        cut_windows(events_at(0, 1), "home", 10, keep_short, by, seconds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda window: window.pop("gold"), "expected the keys"),
        (lambda window: window.update(split="train"), "expected the keys"),
        (lambda window: window.update(index=True), "index"),
        (lambda window: window.update(session="other"), "window_id"),
        (lambda window: window.update(dataset=""), "dataset"),
        (lambda window: window.update(events=[]), "events"),
        (lambda window: window["events"][1].update(id=3), "event 2 must have id 2"),
        (lambda window: window["events"][0].update(time="7:00:00"), "event 1: time '7:00:00'"),
        (lambda window: window["events"][0].update(description=None), "event 1: no description"),
        (lambda window: window["gold"].pop(), "gold: must be 3 labels"),
        (lambda window: window["gold"].__setitem__(0, None), "gold"),
        (lambda window: window["residents"].__setitem__(0, "A"), "residents: must be 3 lists"),
    ],
)
def test_check_names_the_window_and_key_at_fault(change, message):
    window = cut_windows(events_of_sessions({"a-1": 3, "a-2": 3}), "home", 10, keep_short=True)[0]
    check_window(window)
    change(window)
    with pytest.raises(ValueError, match=f"window 'home/a-1/0'.*{message}"):
        check_window(window)


def test_check_refuses_values_other_than_objects():
    with pytest.raises(ValueError, match="expected the keys"):
        check_window(["a"])


def test_windows_hold_all_accepted_labels():
    table = events_with_accepted_labels(["a", "b"], ["b"])
    cut = cut_windows(table, "home", 10, keep_short=True)
    assert (cut[0]["gold"], cut[0]["gold_any"]) == (["a", "b"], [["a", "b"], ["b"]])
    for window in cut:
        check_window(window)


@pytest.mark.parametrize("right", [None, [], [["b"], ["b"]], [["a"], "b"], [["a"], ["b", None]]])
def test_check_refuses_accepted_labels_that_do_not_begin_with_gold(right):
    window = cut_windows(events_with_accepted_labels(["a", "b"], ["b"]), "h", 9, keep_short=True)[0]
    window["gold_any"] = right
    with pytest.raises(ValueError, match="gold_any"):
        check_window(window)


def test_windows_are_a_sequence():
    cut = cut_windows(events_of_sessions({"s-1": 25}), "home", 10, keep_short=True)
    assert len(cut) == 3
    assert cut[-1] == list(cut)[2]
    with pytest.raises(IndexError):
        cut[3]


def test_windows_are_read_back_whole(tmp_path):
    path = tmp_path / "windows.jsonl"
    windows = list(cut_windows(events_of_sessions({"a-1": 12, "a-2": 3}), "home", 10, keep_short=True))
    files.write_json_lines(path, windows)
    assert read_windows(path) == windows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda windows: windows[1].update(index=7), r"windows.jsonl: row 2: window 'home/a-1/1', window_id"),
        (lambda windows: windows.clear(), r"windows.jsonl: no window$"),
    ],
)
def test_the_reader_names_file_and_row_at_fault(tmp_path, change, message):
    windows = list(cut_windows(events_of_sessions({"a-1": 12, "a-2": 3}), "home", 10, keep_short=True))
    change(windows)
    files.write_json_lines(tmp_path / "windows.jsonl", windows)
    with pytest.raises(ValueError, match=message):
        read_windows(tmp_path / "windows.jsonl")


def test_windows_are_read_without_pandas():
    """Recognition reads windows in the environment of vLLM, which has no pandas."""
    code = "import sys, hearth.data.windows; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, check=True)
