"""Audit a teacher's traces on the train split: run the automated checks on each trace."""

import argparse
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_json
from hearth.data.windows import read_windows
from hearth.evaluation.audit import SPLIT, audit_traces
from hearth.evaluation.inputs import align
from hearth.homes.home import load_home
from hearth.prompting.predictions import read_parsed_predictions
from hearth.prompting.prompts import read_prompt


def main(argv: list[str] | None = None) -> None:
    """Read the train windows and their parsed predictions; write the audit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recogniser", required=True, help="name of the recogniser that wrote the traces")
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the dataset's home")
    parser.add_argument("--prompt", required=True, type=Path, help="prompt file (json) that the traces answer")
    parser.add_argument("--parsed", required=True, type=Path, help="parsed predictions on the train split")
    parser.add_argument("--out", required=True, type=Path, help="audit file to write")
    arguments = parser.parse_args(argv)
    predictions = read_parsed_predictions(arguments.parsed)
    pairs = list(align(read_windows(arguments.windows, SPLIT), predictions, arguments.parsed))
    home, prompt = load_home(arguments.home), read_prompt(arguments.prompt)
    write_json(arguments.out, audit_traces(arguments.recogniser, arguments.dataset, home, prompt, pairs))


if __name__ == "__main__":
    run(main)
