"""Join the predictions of all shards of a split: one for every window of the split, in the order of the windows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.data.windows import SPLITS, read_windows
from hearth.recognition.shards import gather_predictions


def main(argv: Sequence[str] | None = None) -> None:
    """Write all predictions of the split as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="windows.jsonl of the dataset")
    parser.add_argument("--split", choices=SPLITS, required=True, help="split of the shards")
    parser.add_argument("--shards", type=Path, nargs="*", required=True, help="prediction files of the shards")
    parser.add_argument("--out", type=Path, required=True, help="predictions to write (JSON lines)")
    arguments = parser.parse_args(argv)
    predictions = gather_predictions(read_windows(arguments.windows), arguments.split, arguments.shards)
    files.write_json_lines(arguments.out, predictions)
    print(f"{len(predictions)} predictions of the {arguments.split} split")


if __name__ == "__main__":
    run(main)
