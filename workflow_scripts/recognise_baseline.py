"""Recognise the tested windows of a fold with a baseline, which is trained on the fold's train split."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.data.folds import iterate_split, train_split
from hearth.recognition import baselines


def main(argv: Sequence[str] | None = None) -> None:
    """Write predictions in the format of a language model's, and their stats: time, memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", choices=baselines.BASELINES, required=True, help="name of the baseline")
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--splits", type=Path, required=True, help="splits.json of the dataset")
    parser.add_argument("--split", required=True, help="split to recognise: test<k>")
    parser.add_argument("--out", type=Path, required=True, help="predictions to write (JSON Lines)")
    parser.add_argument("--stats", type=Path, required=True, help="stats to write (JSON)")
    arguments = parser.parse_args(argv)
    baselines.import_libraries()
    started = time.monotonic()
    train, windows = (
        iterate_split(arguments.windows, arguments.splits, split)
        for split in (train_split(arguments.split), arguments.split)
    )
    count = files.write_json_lines(arguments.out, baselines.recognise_windows(arguments.baseline, train, windows))
    files.write_json(arguments.stats, baselines.make_stats(count, time.monotonic() - started))


if __name__ == "__main__":
    run(main)
