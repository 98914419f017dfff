"""Decide the shards of a recogniser's predictions on a split, when the workflow is planned."""

from collections.abc import Callable
from pathlib import Path

from hearth.data.shards import Shard, cut, finished_shards, gaps, keep_shards, shards_in


def plan_shards(windows: int, results: Path, work: Path, size: Callable[[], int]) -> list[Shard]:
    """Return the shards of a split of `windows` windows, in order.

    Shards with predictions in the folder `results` are kept, then those with a journal in the folder `work`: another
    size repeats no work. What they leave out is cut into shards of at most `size()` windows.
    """
    kept = keep_shards(windows, finished_shards(results), shards_in(work))
    return sorted([*kept, *(shard for gap in gaps(windows, kept) for shard in cut(gap, size()))])
