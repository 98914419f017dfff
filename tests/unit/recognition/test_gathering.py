"""Test that the predictions of shards are joined in window order, and that wrong shards are named."""

import gather_predictions as gather_program
import pytest
from factories import PREDICTIONS
from hearth.common import files
from hearth.data.indexed_windows import IndexedWindows
from hearth.recognition.gathering import gather_predictions
from window_factories import complete_window, make_splits, write_indexed

EVENTS = [{"id": 1, "time": "12:00:00", "description": "door"}]
WINDOWS = [complete_window({"window_id": f"h/s{n // 4}/{n % 4}", "events": EVENTS}) for n in range(16)]
SPLITS = make_splits({"s0": 1, "s1": None, "s2": 1, "s3": 1}, WINDOWS)
TEST = [window["window_id"] for window in WINDOWS if window["session"] != "s1"]


@pytest.fixture
def windows(tmp_path):
    windows, index, _ = write_indexed(tmp_path, WINDOWS, SPLITS)
    return IndexedWindows(windows, index, SPLITS)


@pytest.fixture
def write_shard(tmp_path):
    """Return a function that writes the prediction file of a shard and returns its path."""

    def write(first, last, ids=None):
        path = tmp_path / f"{first:05d}-{last:05d}.jsonl"
        rows = [PREDICTIONS[0] | {"window_id": each, "text": "é"} for each in ids or TEST[first : last + 1]]
        files.write_json_lines(path, rows)
        return path

    return write


def test_predictions_are_joined_in_window_order(windows, write_shard):
    late, early = write_shard(9, 11), write_shard(0, 8)
    assert [row["window_id"] for row in gather_predictions(windows, "test1", [late, early])] == TEST


def test_shards_that_leave_out_or_repeat_windows_are_refused(windows, write_shard):
    parts = [write_shard(0, 3), write_shard(4, 9), write_shard(10, 11)]
    with pytest.raises(ValueError, match=r"00010-00011\.jsonl: expected a shard .* that begins with window 4"):
        list(gather_predictions(windows, "test1", [parts[0], parts[2]]))
    with pytest.raises(ValueError, match=r"00003-00005\.jsonl: expected a shard .* that begins with window 4"):
        list(gather_predictions(windows, "test1", [*parts, write_shard(3, 5)]))
    with pytest.raises(ValueError, match="no shard has the windows from 10 of the 12 of split test1"):
        list(gather_predictions(windows, "test1", parts[:2]))


@pytest.mark.parametrize("ids", [TEST[:2], [*TEST[:2], TEST[1]], [*TEST[:2], "h/s1/0"], TEST[2::-1]])
def test_a_file_with_other_predictions_than_its_shards_is_named(windows, write_shard, ids):
    wrong = write_shard(0, 2, ids)
    with pytest.raises(ValueError, match=r"00000-00002\.jsonl: not the predictions of windows 00000-00002"):
        list(gather_predictions(windows, "test1", [wrong, write_shard(3, 11)]))


def test_a_shard_beyond_the_split_is_refused(windows, write_shard):
    with pytest.raises(ValueError, match="reaches beyond the 12 windows"):
        list(gather_predictions(windows, "test1", [write_shard(0, 8), write_shard(9, 12, TEST[9:])]))


def test_the_program_gathers_the_shards_that_were_planned_and_none_that_are_left_of_another_cut(
    windows, write_shard, tmp_path
):
    for first, last in ((0, 3), (4, 9), (10, 11), (2, 7), (5, 13)):
        write_shard(first, last, TEST[first : last + 1])
    arguments = {
        "windows": "windows.jsonl",
        "index": "index.json",
        "splits": "splits.json",
        "shards": ".",
        "out": "all.jsonl",
    }
    options = [part for name, file in arguments.items() for part in (f"--{name}", str(tmp_path / file))]
    gather_program.main([*options, "--split", "test1"])
    assert [row["window_id"] for row in files.read_json_lines(tmp_path / "all.jsonl")] == TEST
    (tmp_path / "00004-00009.jsonl").unlink()
    (tmp_path / "00002-00007.jsonl").unlink()
    with pytest.raises(ValueError, match=r"00010-00011\.jsonl: expected a shard .* that begins with window 4"):
        gather_program.main([*options, "--split", "test1"])
