"""Test that shards are sized by measured or expected time."""

import pytest
from hearth.common import files
from hearth.data.shards import Shard, cut
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.shard_sizes import expected_tokens, measured_seconds, shard_size


@pytest.mark.parametrize(
    ("minutes", "seconds", "size"), [(30, 2, 1200), (30, 0.06, 40_000), (1, 80, 1), (1, 600, 1), (30, 0, 2400 * 10**6)]
)
def test_a_shard_has_the_windows_that_take_the_time(minutes, seconds, size):
    assert shard_size(minutes, seconds) == size


@pytest.mark.parametrize("windows", [1201, 2400, 2401, 50_000])
def test_equal_shards_work_for_about_the_time(windows):
    shards = cut(Shard(0, windows - 1), shard_size(30, 2))
    assert all(20 <= 2 * (shard.last - shard.first + 1) / 60 <= 40 for shard in shards)


def finish(folder, shard, windows, seconds, engine="vllm"):
    stats = {"windows": windows, "seconds": seconds, "engine": engine}
    files.write_json(folder / "home" / "test" / f"{shard}.stats.json", stats)


def test_seconds_are_the_mean_over_the_windows_of_all_shards(tmp_path):
    finish(tmp_path / "a", "00000-00009", 10, 100)
    finish(tmp_path / "a", "00010-00039", 30, 20)
    finish(tmp_path / "b", "00000-00009", 10, 30)
    assert measured_seconds([tmp_path / "a"], "vllm") == 3
    assert measured_seconds([tmp_path / "a", tmp_path / "b"], "vllm") == 3


def test_shards_of_another_engine_say_nothing(tmp_path):
    finish(tmp_path, "00000-00009", 10, 100, "transformers")
    assert measured_seconds([tmp_path], "vllm") is None
    assert measured_seconds([tmp_path / "missing"], "vllm") is None
    finish(tmp_path, "00010-00019", 10, 20, "openai")
    assert measured_seconds([tmp_path], "server") == 2


def test_expected_tokens_follow_events_reasoning_and_the_longest_answer(tmp_path):
    none, think = (expected_tokens(tmp_path / "missing", mode, 10, 4096) for mode in ("none", "think"))
    assert none == WindowTokens(1000, 300, 150)
    assert think.written > none.written
    assert expected_tokens(tmp_path / "missing", "think", 10, 256).written == 256
    longer = expected_tokens(tmp_path / "missing", "none", 20, 4096)
    assert (longer.read, longer.written) == (2 * none.read, 2 * none.written)


def test_the_prefix_is_that_of_the_rendered_prompt(tmp_path):
    prompt = {"version": "p@0", "template": "p", "reasoning": "none", "labels": ["A"], "system": "word" * 50}
    files.write_json(tmp_path / "prompt.json", prompt)
    assert expected_tokens(tmp_path / "prompt.json", "none", 10, 4096).prefix == 50
