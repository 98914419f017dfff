"""Join the predictions of all shards of a split."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from hearth.data.indexed_windows import IndexedWindows
from hearth.data.shards import parse_shard
from hearth.prompting.predictions import Prediction, iterate_predictions


def gather_predictions(windows: IndexedWindows, split: str, paths: Iterable[Path]) -> Iterator[Prediction]:
    """Yield one prediction for each window of a split, in order, from the prediction files of its shards.

    One window and its prediction are in memory at a time. Raises ValueError, which names a file, if the shards leave
    out or repeat windows, or if a file does not hold the predictions of its shard's windows.
    """
    position = 0
    for path in sorted(paths, key=lambda path: parse_shard(path.stem)):
        shard = parse_shard(path.stem)
        if shard.first != position:
            raise ValueError(f"{path}: expected a shard of split {split} that begins with window {position}")
        position = shard.last + 1
        for window, prediction in zip_longest(windows.iterate(split, shard), iterate_predictions(path)):
            if window is None or prediction is None or window["window_id"] != prediction["window_id"]:
                raise ValueError(f"{path}: not the predictions of windows {shard.name} of split {split}; delete it")
            yield prediction
    if position < windows.count(split):
        raise ValueError(f"no shard has the windows from {position} of the {windows.count(split)} of split {split}")
