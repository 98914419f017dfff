"""Shards: ranges of consecutive windows of a split, each of which one job recognises.

Shards decide no result. A split may be cut again at any time, but what some job has finished or begun is kept.
"""

import os
import re
from bisect import bisect, insort
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Shard(NamedTuple):
    """The positions in a split of a shard's first and last window."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """The positions as text; names of shards of up to 100,000 windows are in alphabetical order."""
        return f"{self.first:05d}-{self.last:05d}"


def parse_shard(name: str) -> Shard:
    """Return the shard that a name such as 00000-00063 denotes. Raises ValueError for anything else."""
    first, _, last = name.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise ValueError(f"shard {name!r} is not FIRST-LAST, such as 00000-00063")
    return Shard(int(first), int(last))


def finished_shards(folder: Path) -> list[Shard]:
    """Return the shards whose predictions, FIRST-LAST.jsonl, are in a folder; none if the folder is missing."""
    return shards_in(folder, ".jsonl")


def shards_in(folder: Path, ending: str = "") -> list[Shard]:
    """Return the shards that names FIRST-LAST<ending> in a folder denote; none if the folder is missing."""
    pattern = re.compile(r"(\d+-\d+)" + re.escape(ending))
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [parse_shard(match[1]) for name in names if (match := pattern.fullmatch(name))]


def keep_shards(count: int, *groups: Iterable[Shard]) -> list[Shard]:
    """Return shards of `groups` that do not overlap, in order, for a split of `count` windows.

    Earlier groups go first; in a group, a shard goes before those that begin later, or begin with it and are shorter.
    So the choice stays the same when gaps between the chosen shards are filled. Shards that reach beyond the split,
    which are left from when it had more windows, are not chosen.
    """
    kept: list[Shard] = []
    for group in groups:
        for shard in sorted(group, key=lambda each: (each.first, -each.last)):
            place = bisect(kept, shard)
            after_previous = place == 0 or kept[place - 1].last < shard.first
            before_next = place == len(kept) or shard.last < kept[place].first
            if after_previous and before_next and shard.last < count:
                insort(kept, shard)
    return kept


def gaps(count: int, kept: Iterable[Shard]) -> list[Shard]:
    """Return the ranges of a split of `count` windows that the ordered shards `kept` leave out."""
    missing, position = [], 0
    for shard in [*kept, Shard(count, count)]:
        if position < shard.first:
            missing.append(Shard(position, shard.first - 1))
        position = shard.last + 1
    return missing


def cut(windows: Shard, size: int) -> list[Shard]:
    """Cut a range into as few shards of at most `size` windows as possible, whose sizes differ by at most one."""
    if size < 1:
        raise ValueError(f"shard size is {size}; it must be at least 1")
    count = windows.last - windows.first + 1
    parts = -(-count // size)
    starts = [windows.first + count * part // parts for part in range(parts + 1)]
    return [Shard(first, after - 1) for first, after in pairwise(starts)]
