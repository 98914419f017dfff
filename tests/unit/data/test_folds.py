"""Test the train/test split, the content of splits.json, and the program window_dataset."""

import pandas as pd
import pytest
import window_dataset
from event_factories import events_at, events_of_sessions
from hearth.common import cli, files
from hearth.data.event_files import write_events
from hearth.data.folds import cut_and_split, split_sessions
from hearth.data.indexed_windows import IndexedWindows
from hearth.data.windows import check_window, read_windows
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=60)
@given(
    st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=30, unique=True),
    st.floats(0.01, 0.99),
    st.integers(),
)
def test_every_session_is_in_one_split_whatever_their_order(sessions, fraction, seed):
    split = split_sessions(sessions, fraction, seed)
    assert sorted(split["train"] + split["test"]) == sorted(sessions)
    assert len(split["test"]) == min(max(round(fraction * len(sessions)), 1), len(sessions) - 1)
    turned = split_sessions(sessions[::-1], fraction, seed)
    assert {name: set(chosen) for name, chosen in turned.items()} == {
        name: set(chosen) for name, chosen in split.items()
    }


def test_the_split_of_a_seed_never_changes():
    sessions = [f"{n:02d}" for n in range(1, 22)]
    fixed = ["01", "05", "06", "08", "10", "16"]
    assert split_sessions(sessions, 0.3, 0)["test"] == fixed
    assert split_sessions(sessions, 0.3, 1)["test"] != fixed


@pytest.mark.parametrize("sessions", [[], ["01"], ["01", "01"]])
def test_too_few_or_repeated_sessions_are_refused(sessions):
    with pytest.raises(ValueError, match="session"):
        split_sessions(sessions, 0.3, 0)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(ValueError, match="test fraction"):
        split_sessions(["01", "02"], fraction, 0)


def make_splits(lengths, **changes):
    settings = {"size": 10, "keep_short": True, "test_fraction": 0.5, "seed": 0} | changes
    return cut_and_split(events_of_sessions(lengths), "home", **settings)


def test_the_split_document_counts_what_the_windows_hold():
    cut, splits = make_splits({"a-1": 25, "a-2": 7, "a-3": 30})
    for split in ("train", "test"):
        own = [window for window in cut if window["split"] == split]
        assert {window["session"] for window in own} == set(splits["sessions"][split])
        assert splits["windows"][split] == len(own)
        assert splits["events"][split] == sum(len(window["events"]) for window in own)
    assert splits.pop("digest") == files.digest(splits)
    for window in cut:
        check_window(window)


def test_the_same_sessions_are_tested_on_for_every_window_size():
    lengths = {"a-1": 25, "a-2": 70, "a-3": 30, "a-4": 12}
    assert make_splits(lengths, size=3)[1]["sessions"] == make_splits(lengths, size=12, keep_short=False)[1]["sessions"]


@pytest.mark.parametrize("changes", [{"seed": 1}, {"size": 9}, {"keep_short": False}, {"test_fraction": 0.6}])
def test_the_digest_changes_with_every_setting(changes):
    lengths = {"a-1": 25, "a-2": 70, "a-3": 30}
    assert make_splits(lengths)[1]["digest"] != make_splits(lengths, **changes)[1]["digest"]


def test_the_split_document_records_windows_not_cut_by_count():
    lengths = {"a-1": 25, "a-2": 70, "a-3": 30}
    plain, timed, longer = (make_splits(lengths, **each)[1] for each in ({}, by_time(5), by_time(6)))
    assert not {"window_by", "window_seconds"} & plain.keys()
    assert (timed["window_by"], timed["window_seconds"]) == ("time", 5)
    assert timed["sessions"] == plain["sessions"]
    assert len({document["digest"] for document in (plain, timed, longer)}) == 3


def by_time(seconds):
    return {"by": "time", "seconds": seconds}


def test_a_split_without_windows_is_refused():
    with pytest.raises(ValueError, match="split has no windows"):
        make_splits({"a-1": 3, "a-2": 4}, keep_short=False)
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="window size"):
            make_splits({"a-1": 3, "a-2": 4}, size=wrong)


def program(tmp_path, name, **changes):
    options = {
        "dataset": "home",
        "events": tmp_path / "events.parquet",
        "window-size": 10,
        "short-windows": "keep",
        "test-fraction": 0.5,
        "split-seed": 0,
        **{output: tmp_path / name / output for output in ("windows", "index", "splits")},
    } | changes
    args = [text for option, value in options.items() for text in (f"--{option}", str(value))]
    cli.run(lambda: window_dataset.main(args))


def test_the_program_writes_windows_that_its_index_finds(tmp_path):
    write_events(tmp_path / "events.parquet", events_of_sessions({"a-1": 25, "a-2": 30}))
    program(tmp_path, "out")
    windows = read_windows(tmp_path / "out" / "windows")
    indexed = IndexedWindows(tmp_path / "out" / "windows", tmp_path / "out" / "index")
    for split, count in files.read_json(tmp_path / "out" / "splits")["windows"].items():
        assert indexed.count(split) == count
        assert indexed.read(split) == [window for window in windows if window["split"] == split]


def test_the_program_cuts_by_gap(tmp_path):
    write_events(
        tmp_path / "events.parquet",
        pd.concat([events_at(0, 1, 50), events_at(0, 99, session="s-2")], ignore_index=True),
    )
    program(tmp_path, "gap", **{"window-by": "gap", "window-seconds": 30})
    cut = files.read_json_lines(tmp_path / "gap" / "windows")
    assert [len(window["gold"]) for window in cut] == [2, 1, 1, 1]
    assert files.read_json(tmp_path / "gap" / "splits")["window_seconds"] == 30


def test_the_program_names_a_file_without_events(tmp_path, capsys):
    (tmp_path / "events.parquet").write_text("no")
    with pytest.raises(SystemExit, match="1"):
        program(tmp_path, "out")
    [line] = capsys.readouterr().err.splitlines()
    assert "events.parquet: not a Parquet file" in line
    assert not (tmp_path / "out").exists()
