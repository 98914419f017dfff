"""Test that windows are found by their positions in a split, and that a wrong index is noticed."""

import subprocess
import sys

import pytest
from hearth.common import files
from hearth.data.indexed_windows import IndexedWindows, write_windows
from hearth.data.shards import Shard
from hearth.data.windows import read_windows
from repository import SCRIPTS
from window_factories import WINDOW_SETTINGS, complete_window, make_splits, write_indexed

EVENTS = [{"id": 1, "time": "12:00:00", "description": "“odd” \u2028 sensor é 🏠"}]
WINDOWS = [complete_window({"window_id": f"h/s{n // 3}/{n % 3}", "events": EVENTS}) for n in range(15)]
SPLITS = make_splits({"s0": 1, "s1": None, "s2": 1, "s3": None, "s4": 1, "empty": 1}, WINDOWS)
TEST = [window for window in WINDOWS if SPLITS["sessions"][window["session"]]["fold"]]


@pytest.fixture
def paths(tmp_path):
    return write_indexed(tmp_path, WINDOWS, SPLITS)[:2]


def test_every_range_of_a_split_is_read(paths):
    indexed = IndexedWindows(*paths, SPLITS)
    assert read_windows(paths[0]) == WINDOWS
    assert (indexed.count("train1"), indexed.count("test1")) == (6, 9)
    for first in range(9):
        for last in range(first, 9):
            assert indexed.read("test1", Shard(first, last)) == TEST[first : last + 1]
    assert indexed.read("train1") == [window for window in WINDOWS if window not in TEST]
    assert indexed.read("all", Shard(2, 4)) == WINDOWS[2:5]


def test_the_file_has_the_bytes_of_any_other_file_of_json_lines(paths, tmp_path):
    files.write_json_lines(tmp_path / "plain.jsonl", WINDOWS)
    assert paths[0].read_bytes() == (tmp_path / "plain.jsonl").read_bytes()


def test_only_the_windows_that_are_asked_for_are_read(paths):
    """A window that is no JSON breaks its own shard, and no other."""
    content = bytearray(paths[0].read_bytes())
    content[0:1] = b"!"
    paths[0].write_bytes(content)
    indexed = IndexedWindows(*paths, SPLITS)
    assert indexed.read("test1", Shard(1, 8)) == TEST[1:]
    with pytest.raises(ValueError, match=r"windows\.jsonl: byte 0: "):
        indexed.read("test1", Shard(0, 3))


def test_a_shard_beyond_the_split_is_refused(paths):
    with pytest.raises(ValueError, match="shard 00008-00009 reaches beyond the 9 windows of split test1"):
        IndexedWindows(*paths, SPLITS).read("test1", Shard(8, 9))


def test_the_index_of_other_windows_is_refused(paths):
    write_windows(paths[0], paths[1].with_name("other.json"), WINDOWS[:-1], WINDOW_SETTINGS)
    with pytest.raises(ValueError, match=r"index\.json: not the index of .*windows\.jsonl"):
        IndexedWindows(*paths, SPLITS)


def test_a_window_of_another_split_is_refused(paths):
    """Windows of two sessions are exchanged, so that the size of the file stays the same."""
    files.write_json_lines(paths[0], WINDOWS[3:6] + WINDOWS[:3] + WINDOWS[6:])
    with pytest.raises(ValueError, match="not a window of split test1"):
        IndexedWindows(*paths, SPLITS).read("test1")


def test_a_split_needs_the_splits_of_the_same_sessions(paths):
    with pytest.raises(ValueError, match=r"split test1: needs splits\.json"):
        IndexedWindows(*paths).count("test1")
    assert IndexedWindows(*paths).count("all") == 15
    with pytest.raises(ValueError, match=r"windows\.jsonl: has sessions that splits\.json lacks"):
        IndexedWindows(*paths, make_splits({"s0": 1, "s1": None})).count("test1")


def test_windows_are_read_without_pandas():
    """Recognition reads windows in the environment of vLLM, which has no pandas."""
    code = "import sys, hearth.data.indexed_windows; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, check=True)
