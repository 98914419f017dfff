"""Test that shards cover a split once, however it is cut, and that finished and begun shards are kept."""

import pytest
from hearth.data.shards import Shard, cut, gaps, keep_shards, parse_shard
from hypothesis import given
from hypothesis import strategies as st

shards = st.builds(lambda first, length: Shard(first, first + length), st.integers(0, 60), st.integers(0, 30))
groups = st.tuples(st.lists(shards, max_size=8), st.lists(shards, max_size=8))


def positions(chosen):
    return [position for shard in chosen for position in range(shard.first, shard.last + 1)]


@given(st.integers(1, 500), st.integers(0, 200_000), st.integers(1, 80))
def test_a_range_is_cut_into_equal_shards_of_at_most_the_size(count, first, size):
    windows = Shard(first, first + count - 1)
    parts = cut(windows, size)
    assert positions(parts) == positions([windows])
    sizes = {part.last - part.first + 1 for part in parts}
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-count // size)


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_below_one_is_refused(size):
    with pytest.raises(ValueError, match=f"shard size is {size}"):
        cut(Shard(0, 3), size)


@given(st.integers(1, 80), groups)
def test_kept_shards_and_the_gaps_between_them_cover_a_split_once(count, existing):
    kept = keep_shards(count, *existing)
    assert set(kept) <= {*existing[0], *existing[1]}
    assert positions(sorted([*kept, *gaps(count, kept)])) == list(range(count))


@given(st.integers(1, 80), groups, st.integers(1, 40))
def test_a_run_that_has_filled_the_gaps_keeps_its_shards(count, existing, size):
    """The next run finds the predictions of all shards of this run, beside everything that was left over before."""
    finished, begun = existing
    kept = keep_shards(count, finished, begun)
    shards = sorted([*kept, *(part for gap in gaps(count, kept) for part in cut(gap, size))])
    assert keep_shards(count, {*finished, *shards}, begun) == shards


@given(st.integers(1, 80), groups)
def test_finished_shards_go_before_begun_ones(count, existing):
    finished, begun = existing
    kept = keep_shards(count, finished, begun)
    assert set(keep_shards(count, finished)) <= set(kept)


def test_shards_beyond_the_split_are_dropped():
    assert keep_shards(150, [Shard(0, 99), Shard(100, 199)]) == [Shard(0, 99)]


@pytest.mark.parametrize("name", ["00000-00063", "99990-100005", "1234567-1234567"])
def test_names_are_read_back(name):
    assert parse_shard(name).name == name


@pytest.mark.parametrize("name", ["8", "5-2", "a-b", "-1-3", "", "1-2-3"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="is not FIRST-LAST"):
        parse_shard(name)
