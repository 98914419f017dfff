"""Write the majority of several samples' labels: one parsed prediction for each window."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_json_lines
from hearth.prompting.predictions import iterate_parsed_predictions
from hearth.recognition.voting import vote


def main(argv: Sequence[str] | None = None) -> None:
    """Vote on every window of one split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--samples", required=True, nargs="+", type=Path, help="parsed predictions of each seed, first seed first"
    )
    parser.add_argument("--out", required=True, type=Path, help="parsed predictions to write, parsed.jsonl")
    arguments = parser.parse_args(argv)
    write_json_lines(
        arguments.out, vote([iterate_parsed_predictions(path) for path in arguments.samples], arguments.samples)
    )


if __name__ == "__main__":
    run(main)
