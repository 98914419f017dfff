"""Recognise the tested windows of a dataset with a baseline, which is trained on the train split of each fold."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.data.folds import iterate_split, read_splits
from hearth.recognition import baselines


def main(argv: Sequence[str] | None = None) -> None:
    """Write the predictions of every fold in the format of a language model's, and their stats: time, memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", choices=baselines.BASELINES, required=True, help="name of the baseline")
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--splits", type=Path, required=True, help="splits.json of the dataset")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write test<k>/all.jsonl and all.stats.json to, for all folds"
    )
    arguments = parser.parse_args(argv)
    baselines.import_libraries()
    for fold in range(1, read_splits(arguments.splits)["folds"] + 1):
        started = time.monotonic()
        train, windows = (
            iterate_split(arguments.windows, arguments.splits, f"{part}{fold}") for part in ("train", "test")
        )
        predictions = baselines.recognise_windows(arguments.baseline, train, windows)
        folder = arguments.out / f"test{fold}"
        count = files.write_json_lines(folder / "all.jsonl", predictions)
        files.write_json(folder / "all.stats.json", baselines.make_stats(count, time.monotonic() - started))


if __name__ == "__main__":
    run(main)
