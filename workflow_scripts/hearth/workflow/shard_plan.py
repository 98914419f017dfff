"""Decide the shards of a recogniser's predictions on a split, when the workflow is planned."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from hearth.data.shards import Shard, cut, gaps, keep_shards, parse_shard

_PREDICTIONS = re.compile(r"(\d+-\d+)\.jsonl")
_JOURNAL = re.compile(r"(\d+-\d+)")


def plan_shards(windows: int, results: Path, work: Path, size: Callable[[], int]) -> list[Shard]:
    """Return the shards of a split of `windows` windows, in order.

    Shards with predictions in the folder `results` are kept, then those with a journal in the folder `work`: another
    size repeats no work. What they leave out is cut into shards of at most `size()` windows.
    """
    kept = keep_shards(windows, _shards_in(results, _PREDICTIONS), _shards_in(work, _JOURNAL))
    return sorted([*kept, *(shard for gap in gaps(windows, kept) for shard in cut(gap, size()))])


def _shards_in(folder: Path, pattern: re.Pattern[str]) -> list[Shard]:
    """Return the shards that file names in a folder denote; none if the folder is missing."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [parse_shard(match[1]) for name in names if (match := pattern.fullmatch(name))]
