"""Audit a teacher's traces on a split: run the automated checks on each trace."""

import argparse
from itertools import chain
from pathlib import Path

from hearth.common.cli import run
from hearth.common.files import write_json_lines
from hearth.data.folds import iterate_split, read_splits
from hearth.evaluation.audit import audit_head, audit_traces
from hearth.homes.home import load_home
from hearth.prompting.predictions import align, iterate_parsed_predictions
from hearth.prompting.prompts import read_prompt


def main(argv: list[str] | None = None) -> None:
    """Read the windows of the split and their parsed predictions, one at a time; write the audit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recogniser", required=True, help="name of the recogniser that wrote the traces")
    parser.add_argument("--dataset", required=True, help="name of the dataset")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json of the dataset")
    parser.add_argument("--split", required=True, help="split of the traces: all or train<k>")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the dataset's home")
    parser.add_argument("--prompt", required=True, type=Path, help="prompt file (json) that the traces answer")
    parser.add_argument("--parsed", required=True, type=Path, help="parsed predictions on the split")
    parser.add_argument("--out", required=True, type=Path, help="audit to write (JSON lines)")
    arguments = parser.parse_args(argv)
    windows = iterate_split(arguments.windows, arguments.splits, arguments.split)
    predictions = iterate_parsed_predictions(arguments.parsed)
    home, prompt = load_home(arguments.home), read_prompt(arguments.prompt)
    head = audit_head(arguments.recogniser, arguments.dataset, home, prompt)
    sessions = read_splits(arguments.splits)["sessions"]
    traces = audit_traces(home, prompt, sessions, align(windows, predictions, arguments.parsed))
    write_json_lines(arguments.out, chain([head], traces))


if __name__ == "__main__":
    run(main)
