"""Join the log-probabilities of all shards of a split: the scored text of every window, in the order of the windows."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.common.log_probabilities import gather_log_probabilities
from hearth.prompting.predictions import iterate_predictions


def main(argv: Sequence[str] | None = None) -> None:
    """Write the log-probabilities of the whole split as one safetensors file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=Path, required=True, help="all predictions of the split (JSON lines)")
    parser.add_argument("--shards", type=Path, required=True, nargs="+", help="files of the shards, in window order")
    parser.add_argument("--out", type=Path, required=True, help="log-probabilities to write (safetensors)")
    arguments = parser.parse_args(argv)
    window_ids = [prediction["window_id"] for prediction in iterate_predictions(arguments.predictions)]
    traces = files.file_digest(arguments.predictions)
    tokens = gather_log_probabilities(arguments.out, arguments.shards, window_ids, traces)
    print(f"{tokens} tokens of {len(window_ids)} windows, {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    run(main)
