"""Join the predictions of all shards of a split: one for every window of the split, in the order of the windows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.data.folds import read_splits
from hearth.data.indexed_windows import IndexedWindows
from hearth.data.shards import finished_shards, keep_shards
from hearth.recognition.gathering import gather_predictions


def main(argv: Sequence[str] | None = None) -> None:
    """Write all predictions of the split as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--index", type=Path, required=True, help="index of windows.jsonl")
    parser.add_argument("--splits", type=Path, help="splits.json of the dataset, unless --split is all")
    parser.add_argument("--split", required=True, help="split of the shards: all, test<k> or train<k>")
    parser.add_argument("--shards", type=Path, required=True, help="folder of the files FIRST-LAST.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="predictions to write (JSON lines)")
    arguments = parser.parse_args(argv)
    splits = read_splits(arguments.splits) if arguments.splits else None
    windows = IndexedWindows(arguments.windows, arguments.index, splits)
    count = windows.count(arguments.split)
    # Chosen as when the workflow was planned: shards that are left from another cut are not among them.
    shards = keep_shards(count, finished_shards(arguments.shards))
    paths = [arguments.shards / f"{shard.name}.jsonl" for shard in shards]
    files.write_json_lines(arguments.out, gather_predictions(windows, arguments.split, paths))
    print(f"{count} predictions of split {arguments.split}")


if __name__ == "__main__":
    run(main)
