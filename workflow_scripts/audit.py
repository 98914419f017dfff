"""Audit a recogniser's traces on the train split: what can be doubtful about each."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import read_json, write_json
from hearth.data.windows import read_windows
from hearth.evaluation.audit import PARSED_KEYS, SPLIT, audit
from hearth.evaluation.inputs import align, read_rows
from hearth.homes.home import load_home


def main(argv: list[str] | None = None) -> None:
    """Read the train windows and their parsed predictions, write the audit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recogniser", required=True, help="name of the recogniser that wrote the traces")
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the dataset's home")
    parser.add_argument("--prompt", required=True, type=Path, help="json of the prompt that was used")
    parser.add_argument(
        "--parsed", required=True, type=Path, help="parsed predictions on the train split, parsed.jsonl"
    )
    parser.add_argument("--out", required=True, type=Path, help="audit file")
    arguments = parser.parse_args(argv)
    pairs = align(read_windows(arguments.windows, SPLIT), read_rows(arguments.parsed, PARSED_KEYS), arguments.parsed)
    home, prompt = load_home(arguments.home), read_json(arguments.prompt)
    write_json(arguments.out, audit(arguments.recogniser, arguments.dataset, home, prompt, pairs))


if __name__ == "__main__":
    run(main)
