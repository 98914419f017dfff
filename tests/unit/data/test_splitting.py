"""Test the groups of sessions, the content of splits.json, and the programs that cut and split a dataset."""

import pandas as pd
import pytest
import split_dataset
import window_dataset
from event_factories import events_at, events_of_sessions, events_with_accepted_labels
from hearth.common import cli, files
from hearth.data.cutting import cut_windows, window_settings
from hearth.data.event_files import write_events
from hearth.data.folds import read_split, read_splits, split_names
from hearth.data.indexed_windows import IndexedWindows
from hearth.data.splitting import count_windows, groups_of_sessions, make_splits
from hearth.data.windows import read_windows

LENGTHS = {"a-1": 25, "a-2": 70, "a-3": 30, "a-4": 12}
DAYS = {"a-1": "monday", "a-2": "tuesday", "a-3": "monday", "a-4": "sunday"}


def split(events, size=10, keep_short=True, window_by="count", seconds=None, **changes):
    """Return the windows of a table of events, and the content of splits.json."""
    windows = cut_windows(events, "home", size, keep_short, window_by, seconds)
    options = {"by": "session", "folds": 1, "seed": 0, "test_fraction": 0.5} | changes
    settings = window_settings(events, size, keep_short, window_by, seconds)
    return windows, make_splits(groups_of_sessions(events, options["by"]), count_windows(windows), settings, **options)


def by_day(lengths=LENGTHS):
    events = events_of_sessions(lengths)
    return events.assign(group_day=[DAYS[session] for session in events["session"]])


@pytest.mark.parametrize("folds", [1, 2, 4])
def test_the_document_counts_what_the_windows_hold(folds):
    windows, splits = split(events_of_sessions(LENGTHS), folds=folds)
    assert list(splits["windows"]) == split_names(folds)
    for name in splits["windows"]:
        fold, tested = (int(name[-1]), name.startswith("test")) if name != "all" else (0, False)
        own = [window for window in windows if (splits["sessions"][window["session"]]["fold"] == fold) == tested]
        assert splits["windows"][name] == len(own) > 0
        assert splits["events"][name] == sum(len(window["events"]) for window in own)
    assert ("test_fraction" in splits) == (folds == 1)
    assert splits.pop("digest") == files.digest(splits)


def test_no_group_is_torn_apart():
    _, splits = split(by_day(), by="day", folds=3)
    assert splits["groups"] == 3
    assert {name: one["group"] for name, one in splits["sessions"].items()} == DAYS
    assert splits["sessions"]["a-1"] == splits["sessions"]["a-3"]
    assert {one["fold"] for one in splits["sessions"].values()} == {1, 2, 3}


def test_more_folds_than_groups_are_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"3 group\(s\) cannot be tested in 4 folds.*split.by: day, 4 sessions"):
        split(by_day(), by="day", folds=4)


def test_an_unknown_key_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError,
        match=r"no group key 'dya'.*'day'.*datasets\.<name>\.split\.by for this dataset alone, may be session, day",
    ):
        split(by_day(), by="dya")
    with pytest.raises(ValueError, match=r"may be session; this source gives no other keys"):
        split(events_of_sessions(LENGTHS), by="sitting")


def test_a_key_that_varies_within_a_session_is_refused():
    events = by_day()
    events.loc[3, "group_day"] = "friday"
    with pytest.raises(ValueError, match="group key 'day' varies in session 'a-1': 'monday' and 'friday'"):
        split(events, by="day")


def test_the_same_sessions_are_tested_for_every_window_size():
    events = events_of_sessions(LENGTHS)
    assert split(events, size=3)[1]["sessions"] == split(events, size=12, keep_short=False)[1]["sessions"]


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"size": 9}, {"keep_short": False}, {"test_fraction": 0.7}, {"folds": 2}]
)
def test_the_digest_changes_with_every_setting(changes):
    events = events_of_sessions(LENGTHS)
    assert split(events)[1]["digest"] != split(events, **changes)[1]["digest"]


def test_the_document_records_windows_not_cut_by_count():
    events = events_of_sessions(LENGTHS)
    plain, timed, longer = (split(events, **each)[1] for each in ({}, by_time(5), by_time(6)))
    assert not {"window_by", "window_seconds"} & plain.keys()
    assert (timed["window_by"], timed["window_seconds"]) == ("time", 5)
    assert timed["sessions"] == plain["sessions"]
    assert len({document["digest"] for document in (plain, timed, longer)}) == 3


def by_time(seconds):
    return {"window_by": "time", "seconds": seconds}


def test_events_with_several_accepted_labels_are_counted():
    splits = split(events_with_accepted_labels(["a", "b"], ["b"]))[1]
    assert (splits["several"]["all"], splits["several"]["test1"], splits["several"]["train1"]) == (2, 1, 1)
    assert "several" not in split(events_of_sessions(LENGTHS))[1]


def test_a_split_without_windows_is_refused():
    with pytest.raises(ValueError, match="split has no windows"):
        split(events_of_sessions({"a-1": 12, "a-2": 4}), keep_short=False)


def run(program, folder, *inputs, **options):
    """Run a program with files of `folder` as the inputs and outputs of their names."""
    paths = {name: folder / name for name in ("events", "windows", "index", "splits", "sizes") if name in inputs}
    named = {name.replace("_", "-"): value for name, value in options.items()}
    arguments = [text for option, value in (paths | named).items() for text in (f"--{option}", str(value))]
    cli.run(lambda: program.main(arguments))


def cut(folder, **options):
    settings = {"dataset": "home", "window_size": 10, "short_windows": "keep"} | options
    run(window_dataset, folder, "events", "windows", "index", **settings)


def split_files(folder, **options):
    settings = {"dataset": "home", "by": "session", "folds": 1, "seed": 0, "test_fraction": 0.5} | options
    run(split_dataset, folder, "events", "windows", "index", "splits", "sizes", **settings)


@pytest.mark.parametrize("folds", [1, 3])
def test_the_programs_write_windows_that_index_and_splits_find(tmp_path, folds):
    write_events(tmp_path / "events", events_of_sessions(LENGTHS))
    cut(tmp_path)
    split_files(tmp_path, folds=folds)
    splits = read_splits(tmp_path / "splits")
    indexed = IndexedWindows(tmp_path / "windows", tmp_path / "index", splits)
    assert files.read_json(tmp_path / "sizes") == splits["windows"]
    for name, count in splits["windows"].items():
        assert indexed.count(name) == count
        assert indexed.read(name) == read_split(tmp_path / "windows", tmp_path / "splits", name)
    assert indexed.read("all") == read_windows(tmp_path / "windows")


def test_another_split_leaves_the_windows_as_they_are(tmp_path):
    write_events(tmp_path / "events", events_of_sessions(LENGTHS))
    cut(tmp_path)
    before = (tmp_path / "windows").read_bytes(), (tmp_path / "index").read_bytes()
    split_files(tmp_path, folds=1)
    split_files(tmp_path, folds=4, seed=3)
    assert ((tmp_path / "windows").read_bytes(), (tmp_path / "index").read_bytes()) == before


def test_the_program_cuts_by_gap(tmp_path):
    write_events(
        tmp_path / "events",
        pd.concat([events_at(0, 1, 50), events_at(0, 99, session="s-2")], ignore_index=True),
    )
    cut(tmp_path, window_by="gap", window_seconds=30)
    split_files(tmp_path)
    assert [len(window["gold"]) for window in files.read_json_lines(tmp_path / "windows")] == [2, 1, 1, 1]
    assert files.read_json(tmp_path / "splits")["window_seconds"] == 30


def test_no_window_at_all_is_an_error(tmp_path, capsys):
    write_events(tmp_path / "events", events_of_sessions({"a-1": 3, "a-2": 4}))
    with pytest.raises(SystemExit, match="1"):
        cut(tmp_path, short_windows="drop")
    assert "no windows: every session has fewer than 10 events" in capsys.readouterr().err


def test_the_program_names_the_dataset_that_has_too_few_groups(tmp_path, capsys):
    write_events(tmp_path / "events", events_of_sessions(LENGTHS))
    cut(tmp_path)
    with pytest.raises(SystemExit, match="1"):
        split_files(tmp_path, folds=5)
    assert "error: dataset home: 4 group(s) cannot be tested in 5 folds; lower split.folds" in capsys.readouterr().err
    assert not (tmp_path / "splits").exists()


def test_the_program_names_a_file_without_events(tmp_path, capsys):
    (tmp_path / "events").write_text("no")
    with pytest.raises(SystemExit, match="1"):
        cut(tmp_path)
    [line] = capsys.readouterr().err.splitlines()
    assert "events: not a Parquet file" in line
    assert not (tmp_path / "windows").exists()
