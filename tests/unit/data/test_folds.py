"""Test the assignment of groups to folds, the names of splits, and the windows that a split has."""

from collections import Counter

import pytest
from hearth.common.files import write_json, write_json_lines
from hearth.data.folds import (
    assign_folds,
    fold_of_split,
    iterate_split,
    read_split,
    sample_evenly,
    sessions_of_split,
    split_names,
    train_split,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from window_factories import complete_window, make_splits

NAMES = st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=30, unique=True)
EVENTS = [{"id": 1, "time": "12:00:00", "description": "door"}]


@settings(max_examples=60)
@given(NAMES, st.floats(0.01, 0.99), st.integers())
def test_one_fold_tests_a_share_of_the_groups_whatever_their_order(groups, fraction, seed):
    fold_of = assign_folds(groups, 1, seed, fraction)
    assert list(fold_of) == groups
    assert Counter(fold_of.values())[1] == min(max(round(fraction * len(groups)), 1), len(groups) - 1)
    assert assign_folds(groups[::-1], 1, seed, fraction) == fold_of


@settings(max_examples=60)
@given(NAMES, st.integers(2, 6), st.integers())
def test_several_folds_test_every_group_once_in_folds_of_equal_size(groups, folds, seed):
    folds = min(folds, len(groups))
    fold_of = assign_folds(groups, folds, seed, 0.3)
    sizes = Counter(fold_of.values())
    assert set(sizes) == set(range(1, folds + 1))
    assert max(sizes.values()) - min(sizes.values()) <= 1
    assert assign_folds(groups[::-1], folds, seed, 0.9) == fold_of


def test_the_split_of_a_seed_never_changes():
    sessions = [f"{n:02d}" for n in range(1, 22)]
    tested = [name for name, fold in assign_folds(sessions, 1, 0, 0.3).items() if fold]
    assert tested == ["01", "05", "06", "08", "10", "16"]
    assert assign_folds(sessions, 1, 1, 0.3) != assign_folds(sessions, 1, 0, 0.3)
    folds = assign_folds(sessions, 3, 0, 0.3)
    assert "".join(str(folds[name]) for name in sessions) == "213233213232113112123"


@pytest.mark.parametrize(
    ("groups", "folds", "message"),
    [
        ([], 1, r"0 group\(s\): a split needs at least 2"),
        (["01"], 1, r"1 group\(s\): a split needs at least 2"),
        (["01", "01"], 1, "a group is listed twice"),
        (["01", "02"], 3, r"2 group\(s\) cannot be tested in 3 folds"),
    ],
)
def test_too_few_or_repeated_groups_are_refused(groups, folds, message):
    with pytest.raises(ValueError, match=message):
        assign_folds(groups, folds, 0, 0.3)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(ValueError, match="test fraction"):
        assign_folds(["01", "02"], 1, 0, fraction)


def test_names_of_splits():
    assert split_names(2) == ["all", "test1", "train1", "test2", "train2"]
    assert train_split("test12") == train_split("train12") == "train12"
    for wrong in ("all", "test", "test0", "dev1", "1"):
        with pytest.raises(ValueError, match=f"split '{wrong}' is not"):
            fold_of_split(wrong)


def test_splits_of_a_fold_have_every_session_once():
    splits = make_splits({"a": 1, "b": 2, "c": 1})
    assert sessions_of_split(splits, "all") == {"a", "b", "c"}
    assert sessions_of_split(splits, "test1") == sessions_of_split(splits, "train2") == {"a", "c"}
    assert sessions_of_split(splits, "train1") == sessions_of_split(splits, "test2") == {"b"}
    with pytest.raises(ValueError, match=r"split 'test3' is none of the 2 fold\(s\): all, test1, "):
        sessions_of_split(splits, "test3")


@pytest.fixture
def files(tmp_path):
    windows = [
        complete_window({"window_id": f"h/{session}/{n}", "events": EVENTS}) for session in "abc" for n in range(2)
    ]
    write_json_lines(tmp_path / "windows.jsonl", windows)
    write_json(tmp_path / "splits.json", make_splits({"a": 1, "b": None, "c": 1}, windows))
    return tmp_path / "windows.jsonl", tmp_path / "splits.json"


def test_the_windows_of_a_split_are_read_in_file_order(files):
    assert [window["window_id"] for window in read_split(*files, "test1")] == ["h/a/0", "h/a/1", "h/c/0", "h/c/1"]
    assert [window["session"] for window in read_split(*files, "train1")] == ["b", "b"]
    assert len(read_split(files[0], None, "all")) == 6


def test_a_split_without_windows_or_without_its_file_is_refused(files):
    with pytest.raises(ValueError, match="split test1: needs --splits"):
        list(iterate_split(files[0], None, "test1"))
    write_json(files[1], make_splits({"a": 1, "b": 1, "c": 1, "d": None}))
    with pytest.raises(ValueError, match=r"windows.jsonl: no window of split 'train1'"):
        list(iterate_split(*files, "train1"))


def test_a_session_that_the_splits_lack_is_named(files):
    write_json(files[1], make_splits({"a": 1, "b": None}))
    with pytest.raises(ValueError, match=r"splits.json: has no session 'c' of .*windows.jsonl"):
        list(iterate_split(*files, "train1"))


def test_windows_are_sampled_from_the_whole_split():
    windows = [{"window_id": n} for n in range(10)]
    assert [window["window_id"] for window in sample_evenly(windows, 4)] == [0, 2, 5, 7]
    assert sample_evenly(windows, 20) == windows
