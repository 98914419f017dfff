"""Windows: a partition of each session's events; splits by session; shards that change nothing else."""

import copy
import json
from datetime import date, datetime, time, timedelta
from itertools import accumulate

import pandas as pd
import pytest
import window_dataset
from hearth.common import cli, files
from hearth.data import events, windows
from hearth.data.gold_labels import map_to_gold
from hearth.prompting.prompts import window_text
from hypothesis import given, settings
from hypothesis import strategies as st

lengths = st.dictionaries(
    st.from_regex(r"[a-c]-[0-9]{1,2}", fullmatch=True), st.integers(1, 35), min_size=1, max_size=8
)


def table(lengths):
    """Events of sessions of these lengths, each event told from all others by its label."""
    start = datetime(2024, 1, 2, 23, 59, 50)
    return events.frame(
        {
            "session": session,
            "time": start + timedelta(seconds=number, milliseconds=999),
            "room": "",
            "sensor": "S1",
            "state": "rang",
            "description": "phone rang",
            "residents": ["A"][: number % 2],
            "activity": f"{session} {number}",
        }
        for session in sorted(lengths, key=events.natural_key)
        for number in range(lengths[session])
    )


def test_a_window_holds_ids_clock_times_descriptions_and_gold():
    assert windows.cut(table({"s-1": 12}), "home", 10, keep_short=True)[1] == {
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
    cut = windows.cut(table(lengths), "home", size, keep_short)
    for session, length in lengths.items():
        own = [window for window in cut if window["session"] == session]
        kept = length if keep_short else length - length % size
        assert [label for window in own for label in window["gold"]] == [f"{session} {n}" for n in range(kept)]
        assert [window["index"] for window in own] == list(range(len(own)))
        assert all(len(window["gold"]) == size for window in own[:-1])
        assert all(0 < len(window["gold"]) <= size for window in own)
    assert [window["session"] for window in cut] == sorted([w["session"] for w in cut], key=events.natural_key)


@settings(max_examples=30)
@given(
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.from_regex(r"[a-c]-[0-9]{1,3}", fullmatch=True),
    st.integers(0, 4),
    st.text(min_size=1, max_size=5),
)
def test_no_prompt_tells_day_session_place_in_it_resident_or_label(day, session, before, secret):
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
        return window_text(windows.cut(events.frame(rows), "home", 10, keep_short=True)[-1])

    assert text(day, session, before, secret) == text(date(2024, 5, 6), "d-1", 0, "COOKING")


def at(*seconds, session="s-1"):
    """Events of one session at these seconds, each told from all others by its label."""
    found = table({session: len(seconds)})
    times = [datetime(2024, 1, 2, 8) + timedelta(seconds=second) for second in seconds]
    return found.assign(time=pd.Series(times, dtype=found["time"].dtype))


sessions_of_pauses = st.lists(
    st.lists(st.sampled_from([0, 1, 29.5, 30, 30.001, 60, 4000]), min_size=1, max_size=25), min_size=1, max_size=4
)


@settings(max_examples=60)
@given(sessions_of_pauses, st.sampled_from(["count", "time", "gap"]), st.integers(1, 12), st.sampled_from([1, 30, 90]))
def test_every_event_is_in_one_window_of_its_session_in_order_by_any_kind(sessions, by, size, seconds):
    parts = {f"s-{n}": at(*accumulate(pauses), session=f"s-{n}") for n, pauses in enumerate(sessions)}
    cut = windows.cut(pd.concat(parts.values(), ignore_index=True), "home", size, True, by, seconds)
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
    events_ = at(0, 10, 30, 31, 61, 61, 90, 100, 200)
    assert [len(window["gold"]) for window in windows.cut(events_, "home", 4, True, by, 30)] == lengths


def test_windows_by_time_may_pass_midnight():
    late = at(0, 20, 40)
    late["time"] += timedelta(hours=15, minutes=59, seconds=50)
    cut = windows.cut(late, "home", 10, True, "time", 30)
    assert [[event["time"] for event in window["events"]] for window in cut] == [["23:59:50", "00:00:10"], ["00:00:30"]]


@pytest.mark.parametrize(
    ("settings_", "said"),
    [
        (("time", None, True), "windows by time within None seconds"),
        (("gap", 0, True), "windows by gap within 0 seconds"),
        (("gap", float("nan"), True), "windows by gap within nan seconds"),
        (("gap", 30, False), "windows by gap end before they are full"),
        (("day", 30, True), "windows by 'day'; it must be one of count, time, gap"),
    ],
)
def test_window_settings_that_do_not_go_together_are_refused(settings_, said):
    by, seconds, keep_short = settings_
    with pytest.raises(ValueError, match=said):
        windows.cut(at(0, 1), "home", 10, keep_short, by, seconds)


@settings(max_examples=60)
@given(
    st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=30, unique=True),
    st.floats(0.01, 0.99),
    st.integers(),
)
def test_every_session_is_in_one_split_whatever_their_order(sessions, fraction, seed):
    split = windows.split_sessions(sessions, fraction, seed)
    assert sorted(split["train"] + split["test"]) == sorted(sessions)
    assert len(split["test"]) == min(max(round(fraction * len(sessions)), 1), len(sessions) - 1)
    turned = windows.split_sessions(sessions[::-1], fraction, seed)
    assert {name: set(chosen) for name, chosen in turned.items()} == {
        name: set(chosen) for name, chosen in split.items()
    }


def test_the_split_is_fixed_for_good():
    sessions = [f"{n:02d}" for n in range(1, 22)]
    fixed = ["01", "05", "06", "08", "10", "16"]
    assert windows.split_sessions(sessions, 0.3, 0)["test"] == fixed
    assert windows.split_sessions(sessions, 0.3, 1)["test"] != fixed


@pytest.mark.parametrize("sessions", [[], ["01"], ["01", "01"]])
def test_what_cannot_be_split_is_refused(sessions):
    with pytest.raises(ValueError, match="session"):
        windows.split_sessions(sessions, 0.3, 0)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_split_without_a_side_is_refused(fraction):
    with pytest.raises(ValueError, match="test fraction"):
        windows.split_sessions(["01", "02"], fraction, 0)


@settings(max_examples=60)
@given(st.integers(0, 500), st.integers(1, 80))
def test_shards_cover_every_position_once(count, size):
    names = windows.shards(count, size)
    spans = [tuple(map(int, name.split("-"))) for name in names]
    assert [position for first, last in spans for position in range(first, last + 1)] == list(range(count))
    assert all(last - first + 1 == size for first, last in spans[:-1])
    assert all(len(name) == 11 for name in names)


def make(lengths, **changes):
    settings = {"size": 10, "keep_short": True, "test_fraction": 0.5, "seed": 0} | changes
    return windows.make(table(lengths), "home", **settings)


def test_the_split_document_counts_what_the_windows_hold():
    cut, splits = make({"a-1": 25, "a-2": 7, "a-3": 30})
    for split in ("train", "test"):
        own = [window for window in cut if window["split"] == split]
        assert {window["session"] for window in own} == set(splits["sessions"][split])
        assert splits["windows"][split] == len(own)
        assert splits["events"][split] == sum(len(window["events"]) for window in own)
    assert splits.pop("digest") == files.digest(splits)
    for window in cut:
        windows.check(window)


def test_the_same_sessions_are_tested_on_for_every_window_size():
    lengths = {"a-1": 25, "a-2": 70, "a-3": 30, "a-4": 12}
    assert make(lengths, size=3)[1]["sessions"] == make(lengths, size=12, keep_short=False)[1]["sessions"]


@pytest.mark.parametrize("changes", [{"seed": 1}, {"size": 9}, {"keep_short": False}, {"test_fraction": 0.6}])
def test_the_digest_changes_with_every_setting(changes):
    lengths = {"a-1": 25, "a-2": 70, "a-3": 30}
    assert make(lengths)[1]["digest"] != make(lengths, **changes)[1]["digest"]


def test_the_split_document_tells_of_windows_that_are_not_cut_by_count():
    lengths = {"a-1": 25, "a-2": 70, "a-3": 30}
    plain, timed, longer = (make(lengths, **each)[1] for each in ({}, by_time(5), by_time(6)))
    assert not {"window_by", "window_seconds"} & plain.keys()
    assert (timed["window_by"], timed["window_seconds"]) == ("time", 5)
    assert timed["sessions"] == plain["sessions"]
    assert len({document["digest"] for document in (plain, timed, longer)}) == 3


def by_time(seconds):
    return {"by": "time", "seconds": seconds}


def test_a_split_without_windows_is_refused():
    with pytest.raises(ValueError, match="split holds no window"):
        make({"a-1": 3, "a-2": 4}, keep_short=False)
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="window size"):
            make({"a-1": 3, "a-2": 4}, size=wrong)
        with pytest.raises(ValueError, match="shard size"):
            windows.shards(3, wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda window: window.pop("gold"), "expected the keys"),
        (lambda window: window.update(split="dev"), "split: 'dev'"),
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
def test_check_names_the_window_and_key_that_are_wrong(change, message):
    window = copy.deepcopy(make({"a-1": 3, "a-2": 3})[0][0])
    windows.check(window)
    change(window)
    with pytest.raises(ValueError, match=f"window 'home/a-1/0'.*{message}"):
        windows.check(window)


def test_check_refuses_what_is_no_object():
    with pytest.raises(ValueError, match="expected the keys"):
        windows.check(["a"])


def program(tmp_path, name, **changes):
    options = {
        "dataset": "home",
        "events": tmp_path / "events.parquet",
        "window-size": 10,
        "short-windows": "keep",
        "test-fraction": 0.5,
        "split-seed": 0,
        "shard-size": 2,
        **{output: tmp_path / name / output for output in ("windows", "splits", "shards")},
    } | changes
    args = [text for option, value in options.items() for text in (f"--{option}", str(value))]
    cli.run(lambda: window_dataset.main(args))


def test_shard_size_changes_only_the_shards(tmp_path):
    events.write(tmp_path / "events.parquet", table({"a-1": 25, "a-2": 30}))
    for name, size in (("two", 2), ("many", 64)):
        program(tmp_path, name, **{"shard-size": size})
    for output in ("windows", "splits"):
        assert (tmp_path / "two" / output).read_bytes() == (tmp_path / "many" / output).read_bytes()
    for name, expected in (("two", ["00000-00001", "00002-00002"]), ("many", ["00000-00002"])):
        assert json.loads((tmp_path / name / "shards").read_text()) == {"train": expected, "test": expected}


def test_the_program_cuts_by_gap(tmp_path):
    events.write(tmp_path / "events.parquet", pd.concat([at(0, 1, 50), at(0, 99, session="s-2")], ignore_index=True))
    program(tmp_path, "gap", **{"window-by": "gap", "window-seconds": 30})
    cut = files.read_json_lines(tmp_path / "gap" / "windows")
    assert [len(window["gold"]) for window in cut] == [2, 1, 1, 1]
    assert files.read_json(tmp_path / "gap" / "splits")["window_seconds"] == 30


def test_the_program_names_a_file_that_holds_no_events(tmp_path, capsys):
    (tmp_path / "events.parquet").write_text("no")
    with pytest.raises(SystemExit, match="1"):
        program(tmp_path, "out")
    [line] = capsys.readouterr().err.splitlines()
    assert "events.parquet: not a Parquet file" in line
    assert not (tmp_path / "out").exists()


def joint(*right):
    """Events of one session each with these right labels."""
    found = table({"s-1": len(right), "s-2": 2})
    every = [*map(list, right), ["a"], ["a", "b"]]
    return found.assign(activity=[labels[0] for labels in every], alternatives=every)


def test_windows_of_events_with_several_right_labels_have_all_of_them():
    cut = windows.cut(joint(["a", "b"], ["b"]), "home", 10, keep_short=True)
    assert (cut[0]["gold"], cut[0]["gold_any"]) == (["a", "b"], [["a", "b"], ["b"]])
    made, splits = windows.make(joint(["a", "b"], ["b"]), "home", size=10, keep_short=True, test_fraction=0.5, seed=0)
    assert sorted(splits["several"].values()) == [1, 1]
    for window in made:
        windows.check(window)


def test_a_right_label_stands_for_the_gold_one_and_a_wrong_one_for_itself():
    window = {"gold": ["a", "b", "c"], "gold_any": [["a", "b"], ["b"], ["c", "a"]]}
    assert map_to_gold(window, ["b", "a", "a"]) == ["a", "a", "c"]
    assert map_to_gold(window, [None, "b", "x"]) == [None, "b", "x"]
    assert map_to_gold({"gold": ["a"]}, ["b"]) == ["b"]


@pytest.mark.parametrize("right", [None, [], [["b"], ["b"]], [["a"], "b"], [["a"], ["b", None]]])
def test_check_refuses_right_labels_that_do_not_begin_with_gold(right):
    window = {**windows.make(joint(["a", "b"], ["b"]), "h", size=9, keep_short=True, test_fraction=0.5, seed=0)[0][0]}
    window |= {"gold": ["a", "b"], "gold_any": right, "events": window["events"]}
    with pytest.raises(ValueError, match="gold_any"):
        windows.check(window)


def test_windows_are_a_sequence():
    cut = windows.cut(table({"s-1": 25}), "home", 10, keep_short=True)
    assert len(cut) == 3
    assert cut[-1] == list(cut)[2]
    with pytest.raises(IndexError):
        cut[3]
