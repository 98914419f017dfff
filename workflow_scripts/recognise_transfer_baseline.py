"""Recognise the tested windows of a fold of a dataset in common labels with a baseline that learns in several homes."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.data.folds import fold_of_split, iterate_split, read_splits
from hearth.homes.home import load_home
from hearth.recognition import baselines
from hearth.recognition.transfer_baselines import TRANSFER_BASELINES, HomeWindows, home_traits, recognise_windows


def main(argv: Sequence[str] | None = None) -> None:
    """Write the parsed predictions of a fold, and their stats: time, memory.

    A dataset that lacks the fold, because it has fewer, is learned from as in its first fold.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", choices=TRANSFER_BASELINES, required=True, help="name of the transfer baseline")
    parser.add_argument("--tested", required=True, help="name of the tested dataset")
    parser.add_argument("--learned", nargs="+", required=True, help="names of the datasets to learn from")
    parser.add_argument("--datasets", nargs="+", required=True, help="names of all these datasets")
    parser.add_argument("--windows", nargs="+", type=Path, required=True, help="windows.jsonl of each of --datasets")
    parser.add_argument("--splits", nargs="+", type=Path, required=True, help="splits.json of each of --datasets")
    parser.add_argument("--homes", nargs="+", type=Path, required=True, help="yaml of the home of each of --datasets")
    parser.add_argument(
        "--common-labels", required=True, help="JSON object: from each dataset to its common labels by native label"
    )
    parser.add_argument("--split", required=True, help="split to recognise: test<k>")
    parser.add_argument("--out", type=Path, required=True, help="parsed predictions to write (JSON Lines)")
    parser.add_argument("--stats", type=Path, required=True, help="stats to write (JSON)")
    arguments = parser.parse_args(argv)
    common_labels = json_option("--common-labels", arguments.common_labels, dict)
    windows, splits, homes = (
        dict(zip(arguments.datasets, paths, strict=True))
        for paths in (arguments.windows, arguments.splits, arguments.homes)
    )
    traits = {name: home_traits(load_home(home)) for name, home in homes.items()}

    def windows_of(name: str, split: str) -> HomeWindows:
        return HomeWindows(name, iterate_split(windows[name], splits[name], split), traits[name], common_labels[name])

    def trained_split(name: str) -> str:
        fold = fold_of_split(arguments.split)
        return f"train{fold if fold <= read_splits(splits[name])['folds'] else 1}"

    baselines.import_libraries()
    started = time.monotonic()
    predictions = recognise_windows(
        arguments.baseline,
        [windows_of(name, trained_split(name)) for name in arguments.learned],
        windows_of(arguments.tested, arguments.split),
    )
    count = files.write_json_lines(arguments.out, predictions)
    files.write_json(arguments.stats, baselines.make_stats(count, time.monotonic() - started))


if __name__ == "__main__":
    run(main)
