"""Recognise the activities in a split with a baseline, which is trained on the train split of the dataset."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.data.windows import SPLITS, iterate_windows
from hearth.recognition import baselines


def main(argv: Sequence[str] | None = None) -> None:
    """Write predictions in the format of a language model's, and their stats."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", choices=baselines.BASELINES, required=True, help="name of the baseline")
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--split", choices=SPLITS, required=True, help="split to recognise")
    parser.add_argument("--out", type=Path, required=True, help="predictions to write (JSON lines)")
    parser.add_argument("--stats", type=Path, required=True, help="stats to write (JSON): time, memory")
    arguments = parser.parse_args(argv)
    baselines.import_libraries()
    started = time.monotonic()
    train, windows = (iterate_windows(arguments.windows, split) for split in ("train", arguments.split))
    predictions = baselines.recognise_windows(arguments.baseline, train, windows)
    count = files.write_json_lines(arguments.out, predictions)
    files.write_json(arguments.stats, baselines.make_stats(count, time.monotonic() - started))


if __name__ == "__main__":
    run(main)
